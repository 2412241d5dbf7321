"""Deletes the data of members and servers: on request, after the bot left a server, and when it expires.

Each part of the bot that stores such data implements `PersonalDataStore` and is called from here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from sqlalchemy import delete, select, union, update

from bot.clock import Clock
from bot.queue.queue import Queue
from bot.settings.service import Settings
from bot.store.base import Base
from bot.store.database import Database
from bot.store.jobs import Job
from bot.store.settings import AuditRow, ServerRow
from bot.store.upkeep import truncate_wal
from config.schema import Config

log = logging.getLogger(__name__)


class PersonalDataStore(Protocol):
    """A part of the bot that stores data of members."""

    async def forget_member(self, member_id: int) -> object:
        """Delete a member's pictures, jobs and statistics."""

    async def purge(self) -> object:
        """Delete data whose retention period has passed."""


class Privacy:
    """Deletes data in all stores, and tracks which servers the bot has left."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: Queue,
        settings: Settings,
        stores: Sequence[PersonalDataStore],
    ) -> None:
        self._database = database
        self._config = config.privacy
        self._clock = clock
        self._queue, self._settings = queue, settings
        self._stores = stores

    async def forget_member(self, member_id: int) -> None:
        """Delete a member's data in all stores; blocks and the audit log keep a keyed hash of the id."""
        for store in self._stores:
            await store.forget_member(member_id)
        somebody = self._settings.pseudonym(member_id)
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
        await truncate_wal(self._database.engine)

    async def mark_left(self, guild_id: int) -> None:
        """Start the grace period of a server that the bot is no longer on."""
        async with self._database.session() as session, session.begin():
            row = await session.get(ServerRow, guild_id) or ServerRow(guild_id=guild_id)
            row.left_at = row.left_at or self._clock.now()
            session.add(row)

    async def mark_joined(self, guild_id: int) -> None:
        """End a server's grace period: the bot is on it (again)."""
        async with self._database.session() as session, session.begin():
            await session.execute(
                update(ServerRow).where(ServerRow.guild_id == guild_id).values(left_at=None)
            )

    async def servers_with_data(self) -> dict[int, bool]:
        """The ids of servers with stored data, and whether their grace period is running."""
        columns = [table.c.guild_id for table in Base.metadata.tables.values() if "guild_id" in table.c]
        async with self._database.session() as session:
            kept = await session.scalars(union(*(select(column) for column in columns)))
            left = await session.scalars(select(ServerRow.guild_id).where(ServerRow.left_at.is_not(None)))
            gone = set(left)
            return {guild_id: guild_id in gone for guild_id in kept if guild_id}

    async def purge(self) -> None:
        """Delete expired data in all stores, and servers whose grace period of `leave_days` is over."""
        for store in self._stores:
            await store.purge()
        over = self._clock.now() - timedelta(days=self._config.leave_days)
        async with self._database.session() as session:
            left = (await session.scalars(select(ServerRow).where(ServerRow.left_at <= over))).all()
        for row in left:
            await self._forget_guild(row.guild_id)
            async with self._database.session() as session, session.begin():
                row = await session.merge(row)
                row.left_at = None
                if row.approval is None:
                    await session.delete(row)
            log.info("deleted the data of server %s, which the bot left", row.guild_id)

    async def _forget_guild(self, guild_id: int) -> None:
        """Delete all data of a server: its jobs, and the rows of every table that names servers."""
        await self._queue.forget_guild(guild_id)
        async with self._database.session() as session, session.begin():
            for table in Base.metadata.tables.values():
                if "guild_id" in table.c and table not in (Job.__table__, ServerRow.__table__):
                    await session.execute(delete(table).where(table.c.guild_id == guild_id))
        self._settings.uncache(guild_id)
