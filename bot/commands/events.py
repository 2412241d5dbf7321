"""What the bot hears besides commands: errors of commands, deleted messages, and what it missed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.backoff import attempts
from bot.catch_up import shard_of
from bot.client import DreamBot
from bot.discord_errors import is_transient
from bot.language import speak, spoken
from bot.store.outage import is_outage
from bot.ui.buttons import button_called, meant
from bot.ui.errors import code, explain, send_ephemeral, unknown_command
from dream.backbone.catalog import is_layer
from dream.backbone.classes import meanings, normal
from dream.texts import _

log = logging.getLogger(__name__)

CHECKED = 100
"""Unfinished jobs at most whose asking message is looked for after a reconnect; each costs a call."""


class DreamTree(app_commands.CommandTree[DreamBot]):
    """Slash commands, whose errors are told to whoever used them and to nobody else."""

    async def interaction_check(self, interaction: discord.Interaction[DreamBot], /) -> bool:
        """Speak the language of whoever uses a command: they alone read most answers."""
        speak(spoken(interaction.locale))
        return True

    async def on_error(
        self, interaction: discord.Interaction[DreamBot], error: app_commands.AppCommandError, /
    ) -> None:
        """Answer an error with one sentence."""
        await send_ephemeral(interaction, explain(error))


class Events(commands.Cog):
    """Answers errors, and keeps the queue informed of what happens to messages."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot
        self._loading: set[int] = set()
        """Shards that are connected, whose servers are still being sent."""

    @commands.Cog.listener()
    async def on_shard_connect(self, shard_id: int) -> None:
        """The servers that come now are caught up together, once the shard is ready."""
        self._loading.add(shard_id)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Catch up what happened while a shard was not connected."""
        self._loading.discard(shard_id)
        await self._catch_up(lambda channel: shard_of(channel) == shard_id)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Catch up a server that comes after its shard is ready, or is back from an outage."""
        if guild.shard_id not in self._loading:
            await self._catch_up(lambda channel: getattr(channel, "guild", None) == guild)

    async def _catch_up(self, concerns: Callable[[discord.abc.Messageable], bool]) -> None:
        """Answer what was asked meanwhile, and cancel dreams whose asking message was deleted meanwhile."""
        async for message in self.bot.catch_up.unanswered(self.bot, concerns):
            self.bot.dispatch("message", message)
        await self._cancel_deleted(concerns)

    async def _cancel_deleted(self, concerns: Callable[[discord.abc.Messageable], bool]) -> None:
        async for attempt in attempts("looking for deleted messages", is_outage):
            with attempt:
                unfinished = await self.bot.queue.jobs.unfinished()
        for job in unfinished[:CHECKED]:
            channel = self.bot.get_channel(job.channel_id or 0)
            if job.asked_message_id is None or not isinstance(channel, discord.abc.Messageable):
                continue
            if not concerns(channel):
                continue
            try:
                await channel.fetch_message(job.asked_message_id)
            except discord.NotFound:
                await self.bot.queue.message_deleted(job.asked_message_id)
            except Exception as error:  # one odd message must not keep others from being looked for
                log.info("the asking message of job %s cannot be looked for: %s", job.id, error)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Deleting the asking message cancels its dream."""
        await self.bot.queue.message_deleted(event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """The same for many."""
        for message_id in event.message_ids:
            await self.bot.queue.message_deleted(message_id)

    @commands.Cog.listener()
    async def on_command_error(self, context: commands.Context[Any], error: commands.CommandError, /) -> None:
        """Answer an error with one sentence; other bots' commands are none of ours."""
        prefix = self.bot.prefix_in(context)
        sentence: str | None
        if isinstance(error, commands.CommandNotFound):
            word = (context.invoked_with or "").lower()
            first = word.partition("+")[0]
            if is_layer(first) or first in self.bot.presets or normal(first) in meanings():
                sentence = _("To dream of that, write {command}.", command=code(f"{prefix}dream {word}"))
            else:
                known = list(self.bot.all_commands)
                is_ours = context.message.reference is not None and self._is_own(context.message.reference)
                sentence = button_called(meant(word) if is_ours else word)
                sentence = sentence or unknown_command(word, known, prefix)
                if sentence is None and (context.prefix or "").startswith("<@"):  # the bot's own name
                    sentence = _(
                        "To dream on a picture, write {dream} with it; {help} shows the rest.",
                        dream=code(f"{prefix}dream"),
                        help=code(f"{prefix}help"),
                    )
        else:
            command = context.command
            usage = f"{prefix}{command.qualified_name} {command.signature}".strip() if command else None
            sentence = explain(error, prefix, usage)
        if sentence is None:
            return
        try:
            async for attempt in attempts(f"answering message {context.message.id}", is_transient):
                with attempt:  # the nonce lets Discord take an answer once that is sent again
                    await context.reply(
                        sentence,
                        mention_author=False,
                        ephemeral=True,
                        suppress_embeds=True,
                        nonce=context.message.id,
                    )
        except discord.HTTPException as refused:
            log.info("could not answer in channel %s: %s", context.channel.id, refused)

    def _is_own(self, reference: discord.MessageReference) -> bool:
        """Whether a reply is to a message of this bot's."""
        replied = reference.resolved
        return isinstance(replied, discord.Message) and replied.author == self.bot.user


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Events(bot))
