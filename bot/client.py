"""The Discord client: its intents, which messages are commands, and the parts that cogs work with."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.backoff import attempts
from bot.catch_up import CatchUp
from bot.clock import Clock
from bot.command_rate import SECONDS, CommandRate
from bot.daily.service import DailyService
from bot.discord_errors import is_transient
from bot.double_clicks import DoubleClicks
from bot.hall.service import HallService
from bot.health import HealthMonitor
from bot.language import ENGLISH, speak, speaking, spoken
from bot.media import refuse_redirects
from bot.moderation import Moderation
from bot.opt_outs import OptOuts
from bot.privacy import Privacy
from bot.queue.queue import Queue
from bot.settings.service import Settings
from bot.store.outage import is_outage
from config.presets import Preset
from config.schema import Config
from dream.texts import _

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


class DreamBot(commands.AutoShardedBot):
    """The bot, handed its parts by `bot.app`, which starts and stops them.

    `set_up` is awaited once the bot is logged in, before it connects: it adds the cogs.
    """

    def __init__(
        self,
        config: Config,
        *,
        tree_cls: type[app_commands.CommandTree[Any]],
        set_up: Callable[[DreamBot], Awaitable[None]],
        presets: Mapping[str, Preset],
        clock: Clock,
        queue: Queue,
        settings: Settings,
        daily: DailyService,
        hall: HallService,
        opt_outs: OptOuts,
        moderation: Moderation,
        privacy: Privacy,
        catch_up: CatchUp,
        health: HealthMonitor,
    ) -> None:
        intents = discord.Intents(
            guilds=True, messages=True, reactions=True, message_content=config.discord.message_content
        )
        super().__init__(
            command_prefix=_prefix,
            case_insensitive=True,
            strip_after_prefix=True,
            help_command=None,
            tree_cls=tree_cls,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            activity=discord.CustomActivity(_activity(config)),
            shard_count=config.discord.shard_count or None,
            shard_ids=list(config.discord.shards) or None,  # type: ignore[arg-type]
            http_trace=refuse_redirects(),
        )
        self.config = config
        self.presets = presets
        self.clock = clock
        self.queue = queue
        self.settings = settings
        self.daily = daily
        self.hall = hall
        self.opt_outs = opt_outs
        self.moderation = moderation
        self.privacy = privacy
        self.catch_up = catch_up
        self.health = health
        self.run_id: Final = secrets.token_hex(4)
        """Part of the custom ids of forms: those of an earlier run have no handler."""
        self._set_up = set_up
        self.double_clicks = DoubleClicks()
        self._command_rate = CommandRate(config.discord.commands_in_ten_seconds)

    async def setup_hook(self) -> None:
        """Add the cogs and tell Discord which slash commands there are."""
        await self._set_up(self)
        try:
            async for attempt in attempts("telling Discord the slash commands", is_transient):
                with attempt:
                    await self.tree.sync()
        except discord.HTTPException as error:
            reason = " ".join(str(error).split())
            log.error("Discord refuses the slash commands (%s); text commands work all the same", reason)

    @property
    def invite(self) -> str:
        """The link that adds the bot to a server with the least permissions it needs."""
        return discord.utils.oauth_url(
            self.application_id or 0, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
        )

    async def language_of(
        self, guild: discord.Guild | None, interaction: discord.Interaction[Any] | None = None
    ) -> str:
        """The language of what everybody reads on a server, or in a direct message.

        Where the bot is no member, only the interaction tells it: there it is that of whoever asks.
        """
        chosen = (await self.settings.effective(guild.id if guild else None)).language
        locale = guild.preferred_locale if guild else interaction and interaction.locale
        return spoken(locale, chosen)

    async def speak_to_all(self, guild: discord.Guild | None) -> None:
        """Speak the language of what everybody reads there from now on, in this task."""
        speak(await self.language_of(guild))

    def prefix_in(self, context: commands.Context[Any]) -> str:
        """Return what to write before a command; without message content, that is a slash."""
        return context.clean_prefix if self.intents.message_content else "/"

    async def on_message(self, message: discord.Message, /) -> None:
        """Answer a command, and remember that it was answered; while the database is away, later.

        Too many commands at once are answered with one sentence for all of them.
        """
        if message.author.bot or (message.guild is not None and message.guild.me is None):
            return  # the latter comes from a server that is not loaded yet, and is read again when it is
        async for attempt in attempts(f"reading message {message.id}", is_outage):
            with attempt:
                context = await self.get_context(message)
        if context.prefix is not None:
            await self.catch_up.answer_once(message, partial(self._answer, context))

    async def _answer(self, context: commands.Context[Any]) -> None:
        await self.speak_to_all(context.guild)
        if (wait := self._command_rate.wait(context.message)) is None:
            await self.invoke(context)
        elif self._command_rate.may_answer(context.message):
            per_member = commands.Cooldown(self.config.discord.commands_in_ten_seconds, SECONDS)
            too_fast = commands.CommandOnCooldown(per_member, wait, commands.BucketType.user)
            await self._answer_error(context, too_fast)

    async def invoke(self, context: commands.Context[Any], /) -> None:
        """Run a text command. It has been answered when this returns, also where it raised an error."""
        try:
            if context.command is not None:
                if not await self.can_run(context, call_once=True):
                    raise commands.CheckFailure("a check of all commands failed")
                await context.command.invoke(context)
            elif context.invoked_with:
                raise commands.CommandNotFound(f"Command {context.invoked_with!r} is not found")
        except commands.CommandError as error:
            await self._answer_error(context, error)

    async def _answer_error(self, context: commands.Context[Any], error: commands.CommandError) -> None:
        """Wait for what listens to errors; `dispatch` would start it in tasks that nobody waits for."""
        for listener in self.extra_events.get("on_command_error", ()):
            await listener(context, error)


def _activity(config: Config) -> str:
    """What stands under the bot's name, everywhere."""
    with speaking(spoken(ENGLISH, config.discord.language)):
        return _("Dreaming · /help")


async def _prefix(bot: DreamBot, message: discord.Message) -> list[str]:
    """A server's own prefix, or the bot's name."""
    effective = await bot.settings.effective(message.guild.id if message.guild else None)
    return commands.when_mentioned_or(effective.prefix)(bot, message)
