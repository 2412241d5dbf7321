"""Commands that were typed while the bot was away: found in the channels' history and answered once.

Read are the channels where the bot was used within a day, a quarter of an hour back. A message counts as
answered if that was recorded, or if the history holds a reply of the bot's to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

import discord

from bot.backoff import attempts
from bot.clock import Clock
from bot.discord_errors import is_transient
from bot.store.answered import AnsweredRepository
from bot.store.database import Database
from bot.store.outage import is_outage
from bot.tasks import Tasks

log = logging.getLogger(__name__)

WINDOW: Final = timedelta(minutes=15)
USED_WITHIN: Final = timedelta(days=1)
CHANNELS: Final = 200
"""The channels read, the last used first: each may cost a call to Discord."""
MESSAGES: Final = 500
"""The messages read in each."""


class CatchUp:
    """Remembers which commands were answered, and finds those that were not."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._answered = AnsweredRepository(database)
        self._clock = clock
        self._begun: set[int] = set()
        """Messages that this process answers, or answered lately."""
        self._recording = Tasks()

    async def answer_once(self, message: discord.Message, answer: Callable[[], Awaitable[None]]) -> None:
        """Answer a command that this process did not begin to answer: it may be read from the gateway and
        from the history at once. If `answer` is cancelled, the message is read again later.
        """
        if message.id in self._begun:
            return
        self._begun.add(message.id)
        try:
            await answer()
        except asyncio.CancelledError:
            self._begun.discard(message.id)
            raise
        except Exception:
            await self._record(message)
            raise
        else:
            await self._record(message)

    async def close(self) -> None:
        """Stop recording."""
        await self._recording.cancel()

    async def unanswered(
        self, bot: discord.Client, concerns: Callable[[discord.abc.Messageable], bool] = lambda _: True
    ) -> AsyncIterator[discord.Message]:
        """The messages that nobody answered, with their authors' roles, to be read as if they came now; of
        all channels, or of those that it `concerns`.
        """
        async for attempt in attempts("catching up", is_outage):
            with attempt:
                channels = await self._answered.channels(self._clock.now() - USED_WITHIN, CHANNELS)
        for channel_id in channels:
            channel = bot.get_channel(channel_id)
            if isinstance(channel, discord.abc.Messageable) and concerns(channel):
                try:
                    async for attempt in attempts(f"catching up channel {channel_id}", _is_transient):
                        with attempt:
                            messages = await self._of_channel(bot, channel, channel_id)
                except Exception as error:  # one odd channel must not keep others from being read
                    log.warning("channel %s cannot be caught up: %r", channel_id, error)
                    continue
                for message in messages:
                    yield message

    async def forget_member(self, member_id: int) -> None:
        """Nothing is kept of members here."""

    async def purge(self) -> None:
        """Forget what is too old to matter."""
        await self._answered.purge(self._clock.now() - USED_WITHIN)
        earliest = discord.utils.time_snowflake(self._clock.now() - WINDOW)
        self._begun = {message_id for message_id in self._begun if message_id > earliest}

    async def _of_channel(
        self, bot: discord.Client, channel: discord.abc.Messageable, channel_id: int
    ) -> list[discord.Message]:
        earliest = discord.Object(discord.utils.time_snowflake(self._clock.now() - WINDOW))
        newest = getattr(channel, "last_message_id", None)
        if newest is not None and newest <= earliest.id:
            return []
        history = channel.history(limit=MESSAGES, after=earliest, oldest_first=True)
        messages = [message async for message in history]
        # In this order: a message that is recorded meanwhile is in one of the two.
        answered = {*self._begun} | await self._answered.of_channel(channel_id, self._clock.now() - WINDOW)
        for message in messages:
            if bot.user and message.author.id == bot.user.id and message.reference:
                answered.add(message.reference.message_id or 0)
        missed = [one for one in messages if one.id not in answered and not one.author.bot]
        return [message for message in missed if await _has_member(message)]

    async def _record(self, message: discord.Message) -> None:
        """Write down that a message was answered; while the database is away, in the background."""
        try:
            await self._write(message)
        except Exception as error:
            if not is_outage(error):
                raise
            self._recording.start(self._keep_trying_to_write(message))

    async def _keep_trying_to_write(self, message: discord.Message) -> None:
        async for attempt in attempts(f"recording that message {message.id} was answered", is_outage):
            with attempt:
                await self._write(message)

    async def _write(self, message: discord.Message) -> None:
        guild_id = message.guild.id if message.guild else None
        await self._answered.add(message.id, message.channel.id, guild_id)


def shard_of(channel: object) -> int:
    """The shard that tells of what happens in a channel; the first one does of direct messages."""
    guild = getattr(channel, "guild", None)
    return guild.shard_id if isinstance(guild, discord.Guild) else 0


def _is_transient(error: BaseException) -> bool:
    return is_outage(error) or is_transient(error)


async def _has_member(message: discord.Message) -> bool:
    """Give a message from the history its author's roles; False if the author has left the server.

    Discord sends the member with a new message only, and the bot's intents cache none.
    """
    if message.guild is None or isinstance(message.author, discord.Member):
        return True
    try:
        message.author = await message.guild.fetch_member(message.author.id)
    except discord.NotFound:
        return False
    return True
