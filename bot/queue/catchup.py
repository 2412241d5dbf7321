"""Commands that were typed while the bot was away: found in the history and answered once.

Looked through are the channels where the bot was used within a day, a few minutes back; what lies outside
that is not answered. Which messages were answered is remembered, and a dream's message with its job, so that
neither is answered again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import discord
from sqlalchemy import delete, func, select

from bot.clock import Clock
from bot.store.database import Database, uninterrupted
from bot.store.jobs import Answered

WINDOW: Final = timedelta(minutes=5)
USED_WITHIN: Final = timedelta(days=1)
CHANNELS: Final = 200
"""The channels looked through, the last used first: each may cost a call to Discord."""
MESSAGES: Final = 500
"""The messages looked through in each."""


@uninterrupted
class CatchUp:
    """Remembers which commands were answered, and finds those that were not."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._answering: set[int] = set()

    @asynccontextmanager
    async def handling(self, message: discord.Message) -> AsyncIterator[None]:
        """Wraps the answering of a command; one whose block is not left in peace is answered later."""
        self._answering.add(message.id)
        try:
            yield
            await self.note(message)
        finally:
            self._answering.discard(message.id)

    async def note(self, message: discord.Message) -> None:
        """Remember that this message was answered."""
        guild_id = message.guild and message.guild.id
        row = Answered(message_id=message.id, channel_id=message.channel.id, guild_id=guild_id)
        async with self.database.session() as session, session.begin():
            await session.merge(row)

    async def used(self) -> list[int]:
        """The channels where the bot was used lately, the last used first."""
        since = discord.utils.time_snowflake(self.clock.now() - USED_WITHIN)
        query = select(Answered.channel_id).where(Answered.message_id > since).group_by(Answered.channel_id)
        async with self.database.session() as session, session.begin():
            newest_first = query.order_by(func.max(Answered.message_id).desc()).limit(CHANNELS)
            return [*await session.scalars(newest_first)]

    async def answered(self, channel_id: int, after: int) -> set[int]:
        """The answered messages of a channel that are newer than `after`."""
        query = select(Answered.message_id).where(
            Answered.message_id > after, Answered.channel_id == channel_id
        )
        async with self.database.session() as session, session.begin():
            return {*await session.scalars(query)}

    async def missed(self, bot: discord.Client) -> AsyncIterator[discord.Message]:
        """The messages that nobody answered, to be read as if they came now."""
        earliest = discord.utils.time_snowflake(self.clock.now() - WINDOW)
        for channel_id in await self.used():
            channel = bot.get_channel(channel_id)
            if not isinstance(channel, discord.abc.Messageable):
                continue
            newest = getattr(channel, "last_message_id", None)
            if newest is not None and newest <= earliest:
                continue
            history = channel.history(limit=MESSAGES, after=discord.Object(earliest), oldest_first=True)
            try:
                messages = [message async for message in history]
            except discord.HTTPException:
                continue
            answered = await self.answered(channel_id, earliest) | self._answering
            for message in messages:
                if message.id not in answered:
                    yield message

    async def leave(self, guild_id: int) -> None:
        """Forget where the bot was used on a server."""
        async with self.database.session() as session, session.begin():
            await session.execute(delete(Answered).where(Answered.guild_id == guild_id))

    async def purge(self) -> None:
        """Forget what is too old to matter."""
        old = discord.utils.time_snowflake(self.clock.now() - USED_WITHIN)
        async with self.database.session() as session, session.begin():
            await session.execute(delete(Answered).where(Answered.message_id < old))
