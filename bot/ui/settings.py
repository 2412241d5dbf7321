"""The settings panel: everything an admin can decide, at a glance and at a press.

Each control's id says all that a press needs (what to do, for which channel, to which setting), so a panel
works for as long as Discord shows it, whatever was restarted meanwhile. Whether the presser may is asked at
every press.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self, get_args
from weakref import WeakKeyDictionary

import discord

from bot.checks import NOT_A_MANAGER, is_manager
from bot.errors import Refused
from bot.settings.scopes import Scope
from bot.settings.service import Change, Exists
from bot.settings.text import expected, shown
from bot.settings.values import CHANNEL_SETTINGS, SETTINGS, Kind, SettingError, kind
from bot.store.settings import WHOLE_SERVER, AuditRow
from bot.ui.errors import explain, whisper
from dream.backbone.catalog import NetworkName

if TYPE_CHECKING:
    from bot.client import DreamBot

    Press = discord.Interaction[DreamBot]

MARKS: Final = {Scope.BUILT_IN: "▫️", Scope.OPERATOR: "🛠️", Scope.SERVER: "🏠", Scope.CHANNEL: "📌"}
MAX_FILE: Final = 64_000
"""Bytes of a settings file."""
LOG_LINES: Final = 15
LONGEST: Final = 1900
"""Characters of a list of changes, which has to fit into a message."""
CHANNELS: Final = [discord.ChannelType.text, discord.ChannelType.voice, discord.ChannelType.forum]
"""Where dreams can be asked for; a thread's settings are its channel's."""
_RUNS: Final[WeakKeyDictionary[discord.Client, str]] = WeakKeyDictionary()
"""What tells the forms that a bot opened from those of an earlier run, which nobody waits for any more."""


async def panel(
    bot: DreamBot, guild: discord.Guild, channel_id: int = WHOLE_SERVER, name: str = "", notice: str = ""
) -> dict[str, Any]:
    """What the panel looks like: keyword arguments to send, or to edit it with.

    It shows the settings of the whole server or of one channel, and one of them opened to be changed.
    """
    view = discord.ui.View(timeout=None)
    names = [one for one in SETTINGS if channel_id == WHOLE_SERVER or one in CHANNEL_SETTINGS]
    name = name if name in names else ""
    options = [
        discord.SelectOption(label=one, description=_short(SETTINGS[one].description), default=one == name)
        for one in names
    ]
    _add(view, "show", channel_id, "", discord.ui.Select(placeholder="Change a setting…", options=options))
    scope: discord.ui.ChannelSelect[Any] = discord.ui.ChannelSelect(
        placeholder="The whole server, or choose one channel",
        min_values=0,
        channel_types=CHANNELS,
        default_values=[discord.Object(channel_id)] if channel_id else [],
    )
    _add(view, "scope", channel_id, name, scope)
    embed = await overview(bot, guild, channel_id)
    server = await bot.settings.server(guild.id)
    chosen = server.choices.get(channel_id, {})
    if name:
        value = getattr(server.effective(bot.settings.operator, channel_id), name)
        embed.add_field(
            name=name,
            value=f"{SETTINGS[name].description}\nIt can be {expected(name)}. Now: {shown(name, value)}",
            inline=False,
        )
        _add_editor(view, channel_id, name, value)
        _add_button(view, "reset", channel_id, name, "Reset", row=3, disabled=name not in chosen)
    for action, label in (("export", "Export"), ("import", "Import"), ("log", "Log")):
        _add_button(view, action, channel_id, name, label, row=4)
    return {"content": notice, "embed": embed, "view": view}


async def overview(bot: DreamBot, guild: discord.Guild, channel_id: int = WHOLE_SERVER) -> discord.Embed:
    """Every setting's value and the scope that it came from."""
    here = await bot.settings.effective(guild.id, channel_id)
    where = f"#{guild.get_channel(channel_id) or channel_id}" if channel_id else guild.name
    lines = [
        f"{MARKS[here.origins[name]]} **{name}** {shown(name, getattr(here, name))}" for name in SETTINGS
    ]
    embed = discord.Embed(title=f"Settings of {where}", description="\n".join(lines)[:4000])
    return embed.set_footer(text=" · ".join(f"{mark} {scope}" for scope, mark in MARKS.items()))


def opener() -> discord.ui.View:
    """A button that opens the panel for whoever presses it."""
    view = discord.ui.View(timeout=None)
    _add_button(view, "open", WHOLE_SERVER, "", "Change settings", row=0)
    return view


def known_to(guild: discord.Guild) -> Exists:
    """Whether a server has a channel or role; members it need not have in memory are believed."""

    def exists(kind: Kind, number: int) -> bool:
        match kind:
            case Kind.CHANNEL:
                return guild.get_channel(number) is not None
            case Kind.ROLE:
                return guild.get_role(number) is not None
            case _:
                return True

    return exists


def told(changes: list[Change]) -> str:
    """Say what was changed."""
    text = ""
    for number, (channel_id, name, before, after) in enumerate(changes):
        where = f" in <#{channel_id}>" if channel_id > 0 else ""
        line = f"✅ **{name}**{where}: {_value(name, before)} → {_value(name, after)}\n"
        if len(text) + len(line) > LONGEST:
            return f"{text}…and {len(changes) - number} more"
        text += line
    return text or "✅ That is how it was already."


def log_lines(entries: list[AuditRow]) -> str:
    """The audit as Discord shows it, newest first."""
    lines = []
    for entry in entries:
        who = f"<@{entry.actor}>" if entry.actor.isdecimal() else "somebody forgotten"
        where = f" in <#{entry.channel_id}>" if entry.channel_id else ""
        subject = f"<@{entry.subject}>" if "block" in entry.action else f"**{entry.subject}**"
        line = f"<t:{entry.at.timestamp():.0f}:f> {who} · {entry.action} {subject}{where}"
        if entry.subject in SETTINGS or entry.before or entry.after:
            line += f": {_value(entry.subject, entry.before)} → {_value(entry.subject, entry.after)}"
        lines.append(line)
    return "\n".join(lines)[:4000] or "Nothing has been changed yet."


async def exported(bot: DreamBot, guild_id: int) -> discord.File:
    """A server's settings as a file."""
    text = await bot.settings.export(guild_id)
    return discord.File(io.BytesIO(text.encode()), "dreambot-settings.toml")


async def imported(bot: DreamBot, guild: discord.Guild, file: discord.Attachment, by: int) -> list[Change]:
    """Replace a server's settings by a file's. Raises SettingError."""
    if file.size > MAX_FILE:
        raise SettingError("That file is too large to be settings; please give one that `export` made.")
    try:
        text = (await file.read()).decode()
    except UnicodeDecodeError:
        raise SettingError("That is no settings file; please give one that `export` made.") from None
    return await bot.settings.load(guild.id, text, by=by, exists=known_to(guild))


class Control(
    discord.ui.DynamicItem[discord.ui.Item[Any]],
    template=r"settings:(?P<action>\w+):(?P<channel>\d+):(?P<name>\w*)",
):
    """A button or select of the panel."""

    def __init__(self, item: Any, action: str, channel_id: int, name: str) -> None:
        item.custom_id = f"settings:{action}:{channel_id}:{name}"
        super().__init__(item)
        self.action, self.channel_id, self.name = action, channel_id, name

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the control again from what Discord kept of it."""
        return cls(item, match["action"], int(match["channel"]), match["name"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what was pressed; whatever is wrong is told to the presser alone."""
        try:
            await _check(interaction)
            if self.name and self.name not in SETTINGS:
                raise Refused("This panel is of an earlier version of me; please open a new one.")
            await self._press(interaction)
        except Exception as error:
            await whisper(interaction, explain(error))

    async def _press(self, press: Press) -> None:
        bot, guild = press.client, press.guild
        assert guild is not None and press.data is not None
        values: list[str] = press.data.get("values", [])  # type: ignore[assignment]
        match self.action:
            case "open":
                await press.response.send_message(**await panel(bot, guild), ephemeral=True)
            case "show":
                await self._redraw(press, name=values[0])
            case "scope":
                self.channel_id = int(values[0]) if values else WHOLE_SERVER
                await self._redraw(press, name=self.name)
            case "set":
                await change(press, self.channel_id, self.name, values)
            case "on" | "off":
                await change(press, self.channel_id, self.name, self.action)
            case "edit":
                here = await bot.settings.effective(guild.id, self.channel_id)
                await press.response.send_modal(
                    ValueForm(bot, self.channel_id, self.name, getattr(here, self.name))
                )
            case "reset":
                changes = await bot.settings.reset(
                    guild.id, self.name, by=press.user.id, channel_id=self.channel_id
                )
                await self._redraw(press, name=self.name, notice=told(changes))
            case "export":
                await press.response.send_message(file=await exported(bot, guild.id), ephemeral=True)
            case "import":
                await press.response.send_modal(ImportForm(bot))
            case "log":
                entries = [*await bot.settings.log(guild.id, LOG_LINES)]
                await press.response.send_message(embed=log_embed(entries), ephemeral=True)

    async def _redraw(self, press: Press, *, name: str, notice: str = "") -> None:
        assert press.guild is not None
        await press.response.edit_message(
            **await panel(press.client, press.guild, self.channel_id, name, notice)
        )


class Form(discord.ui.Modal):
    """A form of the panel; one that was opened before a restart is answered by `answer_old_form`."""

    def __init__(self, bot: DreamBot, title: str) -> None:
        super().__init__(title=title, custom_id=f"{_forms_of(bot)}:{secrets.token_hex(4)}")

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Any], error: Exception, /
    ) -> None:
        """Tell whoever filled it in, and nobody else."""
        await whisper(interaction, explain(error))


class ValueForm(Form):
    """Asks for a setting's value in words."""

    def __init__(self, bot: DreamBot, channel_id: int, name: str, value: Any) -> None:
        super().__init__(bot, f"Change {name}")
        self.channel_id, self.name = channel_id, name
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        self.value: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="value", default=text[:300], max_length=300, required=False
        )
        self.add_item(
            discord.ui.Label(
                text=name, description=_short(f"It can be {expected(name)}."), component=self.value
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Save it and show the panel as it is then."""
        await _check(interaction)
        await change(interaction, self.channel_id, self.name, self.value.value)


class ImportForm(Form):
    """Asks for a settings file."""

    def __init__(self, bot: DreamBot) -> None:
        super().__init__(bot, "Import settings")
        self.file: discord.ui.FileUpload[Any] = discord.ui.FileUpload(custom_id="file")
        self.add_item(
            discord.ui.Label(
                text="A file that Export made",
                description="It replaces every setting and preset of this server.",
                component=self.file,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Load it and show the panel as it is then."""
        await _check(interaction)
        bot, guild = interaction.client, interaction.guild
        assert guild is not None
        changes = await imported(bot, guild, self.file.values[0], interaction.user.id)
        await interaction.response.edit_message(**await panel(bot, guild, notice=told(changes)))


async def change(press: Press, channel_id: int, name: str, value: object) -> None:
    """Save one setting at once and show the panel as it is then; a refusal is shown in its place."""
    assert press.guild is not None
    try:
        notice = told(
            await press.client.settings.choose(
                press.guild.id,
                name,
                value,
                by=press.user.id,
                channel_id=channel_id,
                exists=known_to(press.guild),
            )
        )
    except SettingError as error:
        notice = f"⚠️ {error}"
    await press.response.edit_message(**await panel(press.client, press.guild, channel_id, name, notice))


async def answer_old_form(interaction: discord.Interaction[Any]) -> None:
    """Say kindly that a form from before a restart has expired, where nobody else would answer."""
    data: Mapping[str, Any] = interaction.data or {}
    custom_id = str(data.get("custom_id"))
    if custom_id.startswith("settings-form:") and not custom_id.startswith(_forms_of(interaction.client)):
        await whisper(interaction, "I was restarted while that form was open; please open it again.")


def log_embed(entries: list[AuditRow]) -> discord.Embed:
    """The audit, to be shown."""
    return discord.Embed(title="Latest changes", description=log_lines(entries))


def _forms_of(bot: discord.Client) -> str:
    return f"settings-form:{_RUNS.setdefault(bot, secrets.token_hex(4))}"


async def _check(press: Press) -> None:
    if press.guild is None or not await is_manager(press.client, press.user, press.permissions):
        raise Refused(NOT_A_MANAGER)


def _add_editor(view: discord.ui.View, channel_id: int, name: str, value: Any) -> None:
    """Add what changes a setting of this kind: buttons, a select, or a button to a form."""
    chosen = value if isinstance(value, tuple) else (value,) if value else ()
    objects = [discord.Object(number) for number in chosen if isinstance(number, int)]
    several = 25 if kind(name) in (Kind.CHANNELS, Kind.ROLES, Kind.MEMBERS) else 1
    bounds: dict[str, Any] = {"min_values": 0, "max_values": several, "placeholder": "None", "row": 2}
    match kind(name):
        case Kind.SWITCH:
            _add_button(view, "on", channel_id, name, "On", row=2, disabled=value)
            _add_button(view, "off", channel_id, name, "Off", row=2, disabled=not value)
            return
        case Kind.NETWORKS:
            options = [discord.SelectOption(label=n, default=n in value) for n in get_args(NetworkName)]
            item: Any = discord.ui.Select(options=options, min_values=1, max_values=len(options), row=2)
        case Kind.CHANNELS:
            item = discord.ui.ChannelSelect(channel_types=CHANNELS, default_values=objects, **bounds)
        case Kind.CHANNEL:
            types = [discord.ChannelType.text]
            item = discord.ui.ChannelSelect(channel_types=types, default_values=objects, **bounds)
        case Kind.ROLES | Kind.ROLE:
            item = discord.ui.RoleSelect(default_values=objects, **bounds)
        case Kind.MEMBERS:
            users = [discord.SelectDefaultValue.from_user(number) for number in objects]
            item = discord.ui.UserSelect(default_values=users, **bounds)
        case _:
            _add_button(view, "edit", channel_id, name, "Change…", row=2)
            return
    _add(view, "set", channel_id, name, item)


def _add(view: discord.ui.View, action: str, channel_id: int, name: str, item: Any) -> None:
    view.add_item(Control(item, action, channel_id, name))


def _add_button(
    view: discord.ui.View,
    action: str,
    channel_id: int,
    name: str,
    label: str,
    *,
    row: int,
    disabled: bool = False,
) -> None:
    _add(view, action, channel_id, name, discord.ui.Button(label=label, row=row, disabled=disabled))


def _value(name: str, value: Any) -> str:
    if value is None:
        return "not set"
    if name not in SETTINGS:
        parts = value if isinstance(value, list) else [value]
        return ", ".join(part if str(part).startswith("<") else f"`{part}`" for part in parts) or "none"
    return shown(name, tuple(value) if isinstance(value, list) else value)


def _short(text: str | None) -> str:
    return text if text and len(text) <= 100 else f"{(text or '')[:99]}…"
