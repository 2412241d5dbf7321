"""The settings panel: shows one group at a time; every change is saved at once.

Each control's custom id contains its action, channel and setting, so panels work across restarts. Permission
is checked at each interaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Self

import discord

from bot.checks import NOT_A_MANAGER, has_manage_server, is_manager
from bot.client import DreamBot
from bot.errors import Refused
from bot.schedule import DAYS
from bot.settings.rows import Change
from bot.settings.text import SOURCES, choices, expected, serialize
from bot.settings.values import (
    CHANNEL_SETTINGS,
    FORGOTTEN,
    GROUPS,
    SETTINGS,
    Kind,
    SettingError,
    description,
    kind,
    title,
)
from bot.store.settings import WHOLE_SERVER
from bot.ui.components import Component, Interaction
from bot.ui.errors import explain
from bot.ui.fitting import FIELD
from bot.ui.settings.files import export_file, import_file
from bot.ui.settings.forms import ImportForm, ValueForm
from bot.ui.settings.names import existence_check
from bot.ui.settings.text import LOG_LINES, format_settings, legend, log_embed, report_changes
from dream.backbone.catalog import NETWORKS
from dream.texts import Text, _

CHANNELS: Final = [discord.ChannelType.text, discord.ChannelType.voice, discord.ChannelType.forum]
"""Where dreams can be asked for; a thread's settings are its channel's."""


async def panel(
    bot: DreamBot,
    guild: discord.Guild,
    channel_id: int = WHOLE_SERVER,
    subject: str = "",
    *,
    saved: str = "",
    refused: str = "",
) -> dict[str, Any]:
    """The panel as keyword arguments for sending or editing a message.

    It shows one group of settings of the whole server or of one channel. `subject` is a group, or a setting,
    for which an editor is added. `saved` and `refused` report the last action above the controls.
    """
    groups = _groups(channel_id)
    group = subject if subject in groups else next((g for g in groups if subject in groups[g]), "Dreams")
    name = subject if subject in groups[group] else ""
    server = await bot.settings.server(guild.id)
    here = server.effective(bot.settings.operator, channel_id)
    where = f"#{guild.get_channel(channel_id) or channel_id}" if channel_id else guild.name
    embed = discord.Embed(
        title=_("Settings of {where}", where=where), description=format_settings(here, groups[group])
    )
    embed.set_footer(text=legend())
    view = discord.ui.View(timeout=None)
    scope: discord.ui.ChannelSelect[Any] = discord.ui.ChannelSelect(
        placeholder=_("The whole server, or choose one channel"),
        min_values=0,
        channel_types=CHANNELS,
        default_values=[discord.Object(channel_id)] if channel_id else [],
        row=0,
    )
    _add(view, "scope", channel_id, name or group, scope)
    subjects = [discord.SelectOption(label=_(one), value=one, default=one == group) for one in groups]
    _add(view, "show", channel_id, "", discord.ui.Select(options=subjects, row=1))
    options = [
        discord.SelectOption(
            label=title(one), value=one, description=_short(description(one)), default=one == name
        )
        for one in groups[group]
    ]
    menu: discord.ui.Select[Any] = discord.ui.Select(placeholder=_("Change…"), options=options, row=2)
    _add(view, "show", channel_id, group, menu)
    if name:
        may = expected(name, bot.settings.ceilings(name, here))
        about = _(
            "{description}\nIt can be {may}. In words: `settings set {name} …`",
            description=description(name),
            may=may,
            name=name,
        )
        embed.add_field(name=title(name), value=about[:FIELD], inline=False)
        _add_editor(view, channel_id, name, getattr(here, name))
        chosen = server.choices.get(channel_id, {})
        _add_button(view, "reset", channel_id, name, _("Reset"), row=4, disabled=name not in chosen)
    for action, label in (("export", _("Export")), ("import", _("Import")), ("log", _("Log"))):
        _add_button(view, action, channel_id, name or group, label, row=4)
    for heading, text in ((_("Changed"), saved), (_("⚠️ Not changed"), refused)):
        if text:
            embed.add_field(name=heading, value=text[:FIELD], inline=False)
    return {"embed": embed, "view": view}


def opener() -> discord.ui.View:
    """A view with a button that opens the panel ephemerally."""
    view = discord.ui.View(timeout=None)
    _add_button(view, "open", WHOLE_SERVER, "", _("Change settings"), row=0)
    return view


class Control(
    Component,
    template=r"settings:(?P<action>\w+):(?P<channel>\d+):(?P<subject>\w*)",
):
    """A button or select of the panel."""

    may_repeat = True  # what is set already is not changed again

    def __init__(self, item: Any, action: str, channel_id: int, subject: str) -> None:
        item.custom_id = f"settings:{action}:{channel_id}:{subject}"
        super().__init__(item)
        self.action, self.channel_id, self.subject = action, channel_id, subject

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the control from its custom id."""
        return cls(item, match["action"], int(match["channel"]), match["subject"])

    async def handle(self, interaction: Interaction) -> None:
        """Perform the control's action. Raises Refused for users who may not."""
        await _check(interaction)
        if self.subject and self.subject not in SETTINGS and self.subject not in GROUPS:
            raise Refused(Text("This panel is of an earlier version of me; please open a new one."))
        bot, guild = interaction.client, interaction.guild
        assert guild is not None and interaction.data is not None
        values: list[str] = interaction.data.get("values", [])  # type: ignore[assignment]
        match self.action:
            case "open":
                await interaction.response.send_message(**await panel(bot, guild), ephemeral=True)
            case "show":
                await self._redraw(interaction, subject=values[0])
            case "scope":
                self.channel_id = int(values[0]) if values else WHOLE_SERVER
                await self._redraw(interaction)
            case "set":
                await self._choose(interaction, values)
            case "on" | "off":
                await self._choose(interaction, self.action)
            case "edit":
                here = await bot.settings.effective(guild.id, self.channel_id)
                form = ValueForm(bot, self.subject, here, self._submit)
                await interaction.response.send_modal(form)
            case "reset":
                changes = await bot.settings.reset(
                    guild.id,
                    self.subject,
                    by=interaction.user.id,
                    channel_id=self.channel_id,
                    may_set_admin_role=has_manage_server(interaction.user),
                )
                await self._redraw(interaction, saved=await self._report(interaction, changes))
            case "export":
                await interaction.response.send_message(file=await export_file(bot, guild.id), ephemeral=True)
            case "import":
                await interaction.response.send_modal(ImportForm(bot, self._import))
            case "log":
                entries = await bot.settings.audit_log(guild.id, LOG_LINES)
                await interaction.response.send_message(embed=log_embed(entries), ephemeral=True)

    async def _submit(self, interaction: Interaction, value: str) -> None:
        """Save a form's value. Raises Refused for users who may not."""
        await _check(interaction)
        await self._choose(interaction, value)

    async def _import(self, interaction: Interaction, file: discord.Attachment) -> None:
        """Import a form's file. Raises Refused for users who may not."""
        await _check(interaction)
        assert interaction.guild is not None
        changes = await import_file(interaction.client, interaction.guild, file, interaction.user)
        await self._redraw(interaction, saved=await self._report(interaction, changes))

    async def _choose(self, interaction: Interaction, value: object) -> None:
        """Set the setting and redraw the panel with the change, or with the error."""
        assert interaction.guild is not None
        try:
            changes = await interaction.client.settings.choose(
                interaction.guild.id,
                self.subject,
                value,
                by=interaction.user.id,
                channel_id=self.channel_id,
                exists=existence_check(interaction.guild, interaction.user),
                may_set_admin_role=has_manage_server(interaction.user),
            )
        except SettingError as error:
            await self._redraw(interaction, refused=explain(error))
        else:
            await self._redraw(interaction, saved=await self._report(interaction, changes))

    async def _report(self, interaction: Interaction, changes: Sequence[Change]) -> str:
        assert interaction.guild is not None
        return await report_changes(interaction.client, interaction.guild, interaction.user, changes, FIELD)

    async def _redraw(
        self, interaction: Interaction, *, subject: str = "", saved: str = "", refused: str = ""
    ) -> None:
        assert interaction.guild is not None
        shown = await panel(
            interaction.client,
            interaction.guild,
            self.channel_id,
            subject or self.subject,
            saved=saved,
            refused=refused,
        )
        await interaction.response.edit_message(**shown)


async def _check(interaction: Interaction) -> None:
    if interaction.guild is None or not await is_manager(interaction.client, interaction.user):
        raise Refused(NOT_A_MANAGER)


def _groups(channel_id: int) -> dict[str, list[str]]:
    """The groups and settings that can be set for the whole server, or for one channel."""
    groups = {
        group: [name for name in names if channel_id == WHOLE_SERVER or name in CHANNEL_SETTINGS]
        for group, names in GROUPS.items()
    }
    return {group: names for group, names in groups.items() if names}


def _add_editor(view: discord.ui.View, channel_id: int, name: str, value: Any) -> None:
    """Add the editor for a setting's kind: buttons, a select, or a button that opens a form."""
    chosen = value if isinstance(value, tuple) else (value,) if value else ()
    objects = [discord.Object(number) for number in chosen if isinstance(number, int) and number != FORGOTTEN]
    several = 25 if kind(name) in (Kind.CHANNELS, Kind.ROLES, Kind.MEMBERS) else 1
    bounds: dict[str, Any] = {"min_values": 0, "max_values": several, "placeholder": _("None"), "row": 3}
    match kind(name):
        case Kind.SWITCH:
            _add_button(view, "on", channel_id, name, _("On"), row=3, disabled=value)
            _add_button(view, "off", channel_id, name, _("Off"), row=3, disabled=not value)
            return
        case Kind.NETWORKS:
            options = [discord.SelectOption(label=n, default=n in value) for n in list(NETWORKS)[:25]]
            item: Any = discord.ui.Select(options=options, min_values=1, max_values=len(options), row=3)
        case Kind.SOURCES | Kind.DAYS:
            held = serialize(value)
            offered = DAYS if kind(name) is Kind.DAYS else SOURCES
            options = [discord.SelectOption(label=one, default=one in held) for one in offered]
            least = int(kind(name) is Kind.DAYS)
            item = discord.ui.Select(options=options, min_values=least, max_values=len(options), row=3)
        case Kind.CHOICE:
            options = [discord.SelectOption(label=one, default=one == value) for one in choices(name)]
            item = discord.ui.Select(options=options, row=3)
        case Kind.CHANNELS:
            item = discord.ui.ChannelSelect(channel_types=CHANNELS, default_values=objects, **bounds)
        case Kind.CHANNEL:
            types = [discord.ChannelType.text, discord.ChannelType.news]
            item = discord.ui.ChannelSelect(channel_types=types, default_values=objects, **bounds)
        case Kind.ROLES | Kind.ROLE:
            item = discord.ui.RoleSelect(default_values=objects, **bounds)
        case Kind.MEMBERS:
            users = [discord.SelectDefaultValue.from_user(number) for number in objects]
            item = discord.ui.UserSelect(default_values=users, **bounds)
        case _:
            _add_button(view, "edit", channel_id, name, _("Change…"), row=3)
            return
    _add(view, "set", channel_id, name, item)


def _add(view: discord.ui.View, action: str, channel_id: int, subject: str, item: Any) -> None:
    view.add_item(Control(item, action, channel_id, subject))


def _add_button(
    view: discord.ui.View,
    action: str,
    channel_id: int,
    subject: str,
    label: str,
    *,
    row: int,
    disabled: bool = False,
) -> None:
    _add(view, action, channel_id, subject, discord.ui.Button(label=label, row=row, disabled=disabled))


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"
