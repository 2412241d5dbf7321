"""Commands for a server's settings: the panel, and text commands."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import NOT_A_MANAGER, has_manage_server, is_manager, manager_only
from bot.client import DreamBot
from bot.errors import Refused
from bot.language import speak, spoken
from bot.settings.values import SETTINGS
from bot.store.settings import WHOLE_SERVER
from bot.ui.channels import find_channel_id
from bot.ui.settings.files import export_file, import_file
from bot.ui.settings.forms import answer_old_form
from bot.ui.settings.names import existence_check, names_to_ids
from bot.ui.settings.panel import opener, panel
from bot.ui.settings.text import LOG_LINES, log_embed, overview_embed, report_changes
from bot.visibility import can_see
from dream.texts import Text, _

Context = commands.Context[DreamBot]


class ChannelName(commands.Converter[int]):
    """A channel of this server written as `#channel`, mentioned or spelt out; a bare word is never one."""

    async def convert(self, ctx: commands.Context[DreamBot], argument: str) -> int:  # type: ignore[override]
        """Return its id."""
        if not argument.startswith(("#", "<#")):
            raise commands.BadArgument(_("“{typed}” is no channel", typed=argument[:40]))
        return find_channel_id(ctx.author, argument)


class SettingsCommands(commands.Cog, name="Settings"):
    """Decide what the bot does on this server."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @app_commands.command(name="settings")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def slash(self, interaction: discord.Interaction[DreamBot]) -> None:
        """Open the panel where admins decide what I do on this server."""
        assert interaction.guild is not None
        if not await is_manager(self.bot, interaction.user):
            raise Refused(NOT_A_MANAGER)
        await interaction.response.send_message(**await panel(self.bot, interaction.guild), ephemeral=True)

    @commands.group(invoke_without_command=True, usage="[set | reset | explain | export | import | log]")
    @manager_only()
    async def settings(self, context: Context, *, words: str = "") -> None:
        """Show what is decided for this server, with a button that opens the panel."""
        prefix = context.clean_prefix
        if words.split(" ")[0] in SETTINGS:
            raise Refused(
                Text("To change it, write `{prefix}settings set {words}`.", prefix=prefix, words=words)
            )
        if words:
            raise Refused(
                Text(
                    "I can't read that; `{prefix}settings` shows them, `{prefix}settings set size 768` "
                    "sets one.",
                    prefix=prefix,
                )
            )
        assert context.guild is not None
        await context.reply(
            embed=overview_embed(await self.bot.settings.effective(context.guild.id), context.guild.name),
            view=opener(),
            mention_author=False,
        )

    @settings.command(usage="[#channel] name value")
    @manager_only()
    async def set(self, context: Context, channel: ChannelName | None, name: str, *, value: str) -> None:
        """Set one setting, for the whole server or for one channel."""
        assert context.guild is not None
        self._check_no_channel(context, name)
        changes = await self.bot.settings.choose(
            context.guild.id,
            name.lower(),
            await names_to_ids(context, name.lower(), value),
            by=context.author.id,
            channel_id=channel or WHOLE_SERVER,
            exists=existence_check(context.guild, context.author),
            may_set_admin_role=has_manage_server(context.author),
        )
        await self.bot.speak_to_all(context.guild)  # it may be another language now
        text = await report_changes(self.bot, context.guild, context.author, changes)
        await context.reply(text, mention_author=False)

    @settings.command(usage="[#channel] name|all")
    @manager_only()
    async def reset(self, context: Context, channel: ChannelName | None, name: str = "") -> None:
        """Take one setting back, or all of them."""
        assert context.guild is not None
        if not name and channel is None:
            raise Refused(
                Text(
                    "Say which, as in `{prefix}settings reset size`, or `all`.",
                    prefix=context.clean_prefix,
                )
            )
        self._check_no_channel(context, name)
        changes = await self.bot.settings.reset(
            context.guild.id,
            None if name.lower() in ("", "all") else name.lower(),
            by=context.author.id,
            channel_id=channel or WHOLE_SERVER,
            may_set_admin_role=has_manage_server(context.author),
        )
        text = await report_changes(self.bot, context.guild, context.author, changes)
        await context.reply(text, mention_author=False)

    @settings.command(usage="[#channel]")
    @commands.guild_only()
    async def explain(self, context: Context, *, channel: str = "") -> None:
        """Show what holds here, and who decided it."""
        assert context.guild is not None
        here = getattr(context.channel, "parent_id", None) or context.channel.id
        if channel:
            here = find_channel_id(context.author, channel)
        seen = context.guild.get_channel(here)
        if seen is None or not can_see(context.author, seen):
            raise Refused(
                Text("I see no such channel on this server; choose one from the list that # opens.")
            )
        effective = await self.bot.settings.effective(context.guild.id, here)
        await context.reply(embed=overview_embed(effective, f"#{seen}"), mention_author=False)

    @settings.command()
    @manager_only()
    async def export(self, context: Context) -> None:
        """Give the settings and presets of this server as a TOML file."""
        assert context.guild is not None
        await context.reply(file=await export_file(self.bot, context.guild.id), mention_author=False)

    @settings.command(name="import", usage="(with the file attached)")
    @manager_only()
    async def import_(self, context: Context) -> None:
        """Replace the settings and presets of this server by an exported file's."""
        assert context.guild is not None
        if not context.message.attachments:
            raise Refused(
                Text(
                    "Please attach the file that `{prefix}settings export` gave you.",
                    prefix=context.clean_prefix,
                )
            )
        file = context.message.attachments[0]
        changes = await import_file(self.bot, context.guild, file, context.author)
        text = await report_changes(self.bot, context.guild, context.author, changes)
        await context.reply(text, mention_author=False)

    @settings.command()
    @manager_only()
    async def log(self, context: Context) -> None:
        """Show who changed what, and when."""
        assert context.guild is not None
        entries = await self.bot.settings.audit_log(context.guild.id, LOG_LINES)
        await context.reply(embed=log_embed(entries), mention_author=False)

    def _check_no_channel(self, context: Context, name: str) -> None:
        """Raise Refused for an unknown `#channel` in the place of a setting's name."""
        if context.guild and name.startswith("#"):
            find_channel_id(context.author, name)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[DreamBot]) -> None:
        """Answer forms that were opened before a restart."""
        if interaction.type is discord.InteractionType.modal_submit:
            speak(spoken(interaction.locale))
            await answer_old_form(interaction)


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(SettingsCommands(bot))
