"""The repository of each server's state of the daily dream, such as its consecutive failures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from bot.store.daily import PAUSE_AFTER, DailyRow
from bot.store.database import Database, shielded


@shielded
class ServerStates:
    """Reads and writes the table `daily`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, guild_id: int) -> DailyRow | None:
        """A server's row, if it has one."""
        async with self._database.session() as session:
            return await session.get(DailyRow, guild_id)

    async def running_since(self) -> dict[int, datetime]:
        """The ids of servers that are not paused, and the time before which missed slots are ignored."""
        query = select(DailyRow.guild_id, DailyRow.since).where(DailyRow.failures < PAUSE_AFTER)
        async with self._database.session() as session:
            return {row.guild_id: row.since for row in await session.execute(query)}

    async def restart(self, guild_id: int, at: datetime) -> None:
        """Ignore missed slots before `at`, and reset the failures."""
        async with self._database.session() as session, session.begin():
            row = await session.get(DailyRow, guild_id) or DailyRow(guild_id=guild_id)
            row.since, row.failures, row.reason = at, 0, None
            session.add(row)

    async def set_admin(self, guild_id: int, admin_id: int) -> None:
        """Store who turned it on."""
        await self._update(guild_id, admin_id=admin_id)

    async def count_failure(self, guild_id: int, reason: str) -> DailyRow | None:
        """Add one to a server's failures; returns its row with the new count."""
        async with self._database.session() as session, session.begin():
            if row := await session.get(DailyRow, guild_id, with_for_update=True):
                row.failures += 1
                row.reason = reason
            return row

    async def reset_failures(self, guild_id: int) -> None:
        """Set a server's failures to 0."""
        await self._update(guild_id, failures=0, reason=None)

    async def forget_admin(self, member_id: int) -> None:
        """Remove a member from rows that name them as the admin."""
        async with self._database.session() as session, session.begin():
            await session.execute(
                update(DailyRow).where(DailyRow.admin_id == member_id).values(admin_id=None)
            )

    async def _update(self, guild_id: int, **values: object) -> None:
        async with self._database.session() as session, session.begin():
            await session.execute(update(DailyRow).where(DailyRow.guild_id == guild_id).values(**values))
