"""The Discord client: which messages are commands, which cogs there are, and how errors are answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.commands import COGS
from bot.errors import code, explain, unknown_command
from bot.ui.buttons import BUTTONS, whisper
from dream.backbone.catalog import LAYERS

if TYPE_CHECKING:
    from bot.clock import Clock
    from bot.daily.service import Daily
    from bot.moderation import Moderation
    from bot.privacy import Privacy
    from bot.queue.queue import Queue
    from bot.settings.service import Settings
    from bot.store.database import Database
    from config.loader import Config, Preset
    from dream.farm import Farm

log = logging.getLogger(__name__)

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
)
"""The least that the bot needs; the invite link asks for these."""


class DreamTree(app_commands.CommandTree["DreamBot"]):
    """Slash commands, whose errors are told to whoever used them and to nobody else."""

    async def on_error(
        self, interaction: discord.Interaction[DreamBot], error: app_commands.AppCommandError, /
    ) -> None:
        """Answer an error with one sentence."""
        await whisper(interaction, explain(error))


class DreamBot(commands.AutoShardedBot):
    """The bot, handed its parts by `bot.app`; it starts and stops none of them."""

    def __init__(
        self,
        config: Config,
        *,
        presets: Mapping[str, Preset],
        clock: Clock,
        database: Database,
        farm: Farm,
        queue: Queue,
        settings: Settings,
        daily: Daily,
        moderation: Moderation,
        privacy: Privacy,
    ) -> None:
        intents = discord.Intents(
            guilds=True, messages=True, reactions=True, message_content=config.discord.message_content
        )
        super().__init__(
            command_prefix=_prefix,
            case_insensitive=True,
            strip_after_prefix=True,
            help_command=None,
            tree_cls=DreamTree,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            activity=discord.CustomActivity("Dreaming · /help"),
            shard_count=config.discord.shard_count or None,
            shard_ids=list(config.discord.shards) or None,  # type: ignore[arg-type]
        )
        self.config = config
        self.presets = presets
        self.clock = clock
        self.database = database
        self.farm = farm
        self.queue = queue
        self.settings = settings
        self.daily = daily
        self.moderation = moderation
        self.privacy = privacy

    async def setup_hook(self) -> None:
        """Load the cogs and tell Discord which slash commands there are."""
        for cog in COGS:
            await self.load_extension(cog)
        self.add_dynamic_items(*BUTTONS)
        self.queue.attach(self)
        self.daily.attach(self)
        try:
            await self.tree.sync()
        except (discord.HTTPException, app_commands.AppCommandError) as refused:
            reason = " ".join(str(refused).split())
            log.error("Discord refuses the slash commands; text commands and older ones work: %s", reason)

    @property
    def invite(self) -> str:
        """The link that adds the bot to a server with the least permissions it needs."""
        return discord.utils.oauth_url(
            self.application_id or 0, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
        )

    def prefix_in(self, context: commands.Context[Any]) -> str:
        """Return what to write before a command; without message content, that is a slash."""
        return context.clean_prefix if self.intents.message_content else "/"

    async def on_ready(self) -> None:
        """Answer what was asked while nobody listened."""
        async for message in self.queue.catch_up.missed(self):
            self.dispatch("message", message)

    async def on_message(self, message: discord.Message, /) -> None:
        """Answer a command; the queue remembers which messages were answered."""
        if message.author.bot:
            return
        context = await self.get_context(message)
        if context.prefix is not None:
            async with self.queue.catch_up.handling(message):
                await self.invoke(context)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Let the queue know: deleting the asking message cancels its dream."""
        await self.queue.message_deleted(event.message_id)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """The same for many."""
        for message_id in event.message_ids:
            await self.queue.message_deleted(message_id)

    async def on_command_error(self, context: commands.Context[Any], error: commands.CommandError, /) -> None:
        """Answer an error with one sentence; other bots' commands are none of ours."""
        prefix = self.prefix_in(context)
        sentence: str | None
        if isinstance(error, commands.CommandNotFound):
            word = (context.invoked_with or "").lower()
            if word.partition("+")[0] in {*LAYERS, *self.presets}:
                sentence = f"To dream of that, write {code(f'{prefix}dream {word}')}."
            else:
                sentence = unknown_command(word, list(self.all_commands), prefix)
        else:
            command = context.command
            usage = f"{prefix}{command.qualified_name} {command.signature}".strip() if command else None
            sentence = explain(error, prefix, usage)
        if sentence is None:
            return
        try:
            await context.reply(sentence, mention_author=False, ephemeral=True, suppress_embeds=True)
        except discord.HTTPException as refused:
            log.info("could not answer in channel %s: %s", context.channel.id, refused)


async def _prefix(bot: DreamBot, message: discord.Message) -> list[str]:
    """A server's own prefix, or the bot's name."""
    effective = await bot.settings.effective(message.guild.id if message.guild else None)
    return commands.when_mentioned_or(effective.prefix)(bot, message)
