"""What is kept of members and servers, for how long, and how it is deleted: the one place for it.

Pictures and results go after `privacy.retention_days` (the queue and the daily dream delete their own). A
member who asks to be forgotten, and a server that the bot has left, are deleted everywhere from here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from sqlalchemy import select, union, update

from bot.clock import Clock
from bot.pseudonyms import Pseudonym
from bot.store.database import Base, Database
from bot.store.settings import AuditRow, ServerRow
from config.schema import Config

log = logging.getLogger(__name__)


class Keeper(Protocol):
    """A part of the bot that keeps things of members and servers, and can let go of them."""

    async def forget_member(self, member_id: int) -> object:
        """Delete a member's pictures, jobs and statistics."""

    async def forget_guild(self, guild_id: int) -> object:
        """Delete everything of a server."""

    async def purge(self) -> object:
        """Delete what has been kept long enough."""


class Privacy:
    """Deletes what members, servers and time ask to be deleted."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        pseudonym: Pseudonym,
        keepers: Sequence[Keeper],
    ) -> None:
        self._database = database
        self._config = config.privacy
        self._clock = clock
        self._pseudonym = pseudonym
        self._keepers = keepers

    async def forget_member(self, member_id: int) -> None:
        """Delete a member everywhere, at once; blocks and the audit keep a keyed hash in place of the id."""
        for keeper in self._keepers:
            await keeper.forget_member(member_id)
        somebody = self._pseudonym(member_id)
        async with self._database.session() as session, session.begin():
            session.add(
                AuditRow(
                    at=self._clock.now(),
                    guild_id=0,
                    channel_id=0,
                    actor=somebody,
                    action="forget",
                    subject=somebody,
                )
            )
        await self._database.scrub()

    async def left(self, guild_id: int) -> None:
        """Begin a server's grace time: the bot is not on it any more."""
        async with self._database.session() as session, session.begin():
            row = await session.get(ServerRow, guild_id) or ServerRow(guild_id=guild_id)
            row.left_at = row.left_at or self._clock.now()
            session.add(row)

    async def joined(self, guild_id: int) -> None:
        """End a server's grace time: the bot is on it (again)."""
        async with self._database.session() as session, session.begin():
            await session.execute(
                update(ServerRow).where(ServerRow.guild_id == guild_id).values(left_at=None)
            )

    async def servers(self) -> dict[int, bool]:
        """The servers of which something is kept, and whether their grace time runs."""
        columns = [table.c.guild_id for table in Base.metadata.tables.values() if "guild_id" in table.c]
        async with self._database.session() as session:
            kept = await session.scalars(union(*(select(column) for column in columns)))
            left = await session.scalars(select(ServerRow.guild_id).where(ServerRow.left_at.is_not(None)))
            gone = set(left)
            return {guild_id: guild_id in gone for guild_id in kept if guild_id}

    async def purge(self) -> None:
        """Delete what has been kept long enough, everywhere."""
        for keeper in self._keepers:
            await keeper.purge()
        over = self._clock.now() - timedelta(days=self._config.leave_days)
        async with self._database.session() as session:
            left = (await session.scalars(select(ServerRow).where(ServerRow.left_at <= over))).all()
        for row in left:
            for keeper in self._keepers:
                await keeper.forget_guild(row.guild_id)
            async with self._database.session() as session, session.begin():
                row = await session.merge(row)
                row.left_at = None
                if row.verdict is None:
                    await session.delete(row)
            log.info("deleted the data of server %s, which the bot left", row.guild_id)
