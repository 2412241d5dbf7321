"""Commands that were typed while the bot was away: found in the history and answered once.

Looked through are the channels where the bot was used within a day, a few minutes back. A dream asked for in
a message that was taken in already is not asked for again: its message is remembered with the job.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import discord
from sqlalchemy import select

from bot.clock import Clock
from bot.store.database import Database
from bot.store.jobs import Channel

WINDOW: Final = timedelta(minutes=5)
USED_WITHIN: Final = timedelta(days=1)
CHANNELS: Final = 200
"""The channels looked through, the last used first: each may cost a call to Discord."""


class CatchUp:
    """Remembers, for each channel, up to which message every command was answered."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._answering: defaultdict[int, set[int]] = defaultdict(set)
        self._writing = asyncio.Lock()
        self._newest: dict[int, int] = {}
        self._known: OrderedDict[int, None] = OrderedDict()

    @asynccontextmanager
    async def handling(self, message: discord.Message) -> AsyncIterator[None]:
        """Wraps the answering of a command; a command whose block is never left is caught up later."""
        channel_id = message.channel.id
        answering = self._answering[channel_id]
        answering.add(message.id)
        self._known[message.id] = None
        if len(self._known) > 1000:
            self._known.popitem(last=False)
        yield
        answering.discard(message.id)
        newest = self._newest[channel_id] = max(self._newest.get(channel_id, 0), message.id)
        answered = min(answering, default=newest + 1) - 1
        async with self._writing, self.database.session() as session, session.begin():
            guild_id = message.guild and message.guild.id
            await session.merge(Channel(id=channel_id, guild_id=guild_id, last_message_id=answered))

    async def missed(self, bot: discord.Client) -> AsyncIterator[discord.Message]:
        """The messages that came while nobody listened, to be read as if they came now."""
        now = self.clock.now()
        earliest = discord.utils.time_snowflake(now - WINDOW)
        used = select(Channel).where(
            Channel.last_message_id > discord.utils.time_snowflake(now - USED_WITHIN)
        )
        async with self.database.session() as session, session.begin():
            query = used.order_by(Channel.last_message_id.desc()).limit(CHANNELS)
            rows = (await session.scalars(query)).all()
        for row in rows:
            channel = bot.get_channel(row.id)
            if not isinstance(channel, discord.abc.Messageable):
                continue
            newest = getattr(channel, "last_message_id", None)
            if newest is not None and newest <= row.last_message_id:
                continue
            after = discord.Object(max(row.last_message_id, earliest))
            try:
                messages = [m async for m in channel.history(limit=100, after=after, oldest_first=True)]
            except discord.HTTPException:
                continue
            for message in messages:
                if message.id not in self._known:
                    yield message
