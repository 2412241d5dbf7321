"""What the bot hears besides commands: errors of commands, deleted messages, and what it missed."""

from __future__ import annotations

import logging
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import DreamBot
from bot.ui.errors import code, explain, unknown_command, whisper
from dream.backbone.catalog import is_layer
from dream.backbone.classes import meanings, normal

log = logging.getLogger(__name__)

CHECKED = 100
"""Unfinished jobs at most whose asking message is looked for after a reconnect; each costs a call."""


class DreamTree(app_commands.CommandTree[DreamBot]):
    """Slash commands, whose errors are told to whoever used them and to nobody else."""

    async def on_error(
        self, interaction: discord.Interaction[DreamBot], error: app_commands.AppCommandError, /
    ) -> None:
        """Answer an error with one sentence."""
        await whisper(interaction, explain(error))


class Events(commands.Cog):
    """Answers errors, and keeps the queue informed of what happens to messages."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Answer what was asked, and stop what was taken back, while the bot was not connected."""
        await self._cancel_deleted()
        async for message in self.bot.catch_up.unanswered(self.bot):
            self.bot.dispatch("message", message)

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
                sentence = f"To dream of that, write {code(f'{prefix}dream {word}')}."
            else:
                sentence = unknown_command(word, list(self.bot.all_commands), prefix)
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

    async def _cancel_deleted(self) -> None:
        """Cancel unfinished jobs whose asking message was deleted meanwhile."""
        for job in (await self.bot.queue.jobs.unfinished())[:CHECKED]:
            channel = self.bot.get_channel(job.channel_id or 0)
            if job.request_message_id is None or not isinstance(channel, discord.abc.Messageable):
                continue
            try:
                await channel.fetch_message(job.request_message_id)
            except discord.NotFound:
                await self.bot.queue.message_deleted(job.request_message_id)
            except (discord.HTTPException, OSError) as error:
                log.info("the asking message of job %s cannot be looked for: %s", job.id, error)


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Events(bot))
