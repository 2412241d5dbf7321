"""How the daily dream goes on each server: since when it is as it is, and how often it failed in a row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update

from bot.store.daily import PAUSE_AFTER, DailyRow
from bot.store.database import Database, shielded


@shielded
class ServerStates:
    """Reads and writes what the table `daily` holds beside the settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, guild_id: int) -> DailyRow | None:
        """A server's row."""
        async with self._database.session() as session:
            return await session.get(DailyRow, guild_id)

    async def running_since(self) -> dict[int, datetime]:
        """The servers that are not paused, and the moment before which slots are not made up for."""
        query = select(DailyRow.guild_id, DailyRow.since).where(DailyRow.failures < PAUSE_AFTER)
        async with self._database.session() as session:
            return {row.guild_id: row.since for row in await session.execute(query)}

    async def restart(self, guild_id: int, at: datetime) -> None:
        """Make up for no slot before `at`, and begin to count failures anew."""
        async with self._database.session() as session, session.begin():
            row = await session.get(DailyRow, guild_id) or DailyRow(guild_id=guild_id)
            row.since, row.failures, row.reason = at, 0, None
            session.add(row)

    async def set_admin(self, guild_id: int, admin_id: int) -> None:
        """Remember who turned it on."""
        await self._update(guild_id, admin_id=admin_id)

    async def count_failure(self, guild_id: int, reason: str) -> DailyRow | None:
        """Count a failure of the server's making; returns its row with the new count."""
        async with self._database.session() as session, session.begin():
            if row := await session.get(DailyRow, guild_id, with_for_update=True):
                row.failures += 1
                row.reason = reason
            return row

    async def reset_failures(self, guild_id: int) -> None:
        """Forget earlier failures."""
        await self._update(guild_id, failures=0, reason=None)

    async def forget_guild(self, guild_id: int) -> None:
        """Delete a server's row."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(DailyRow).where(DailyRow.guild_id == guild_id))

    async def forget_admin(self, member_id: int) -> None:
        """Forget that a member turned it on."""
        async with self._database.session() as session, session.begin():
            await session.execute(
                update(DailyRow).where(DailyRow.admin_id == member_id).values(admin_id=None)
            )

    async def _update(self, guild_id: int, **values: object) -> None:
        async with self._database.session() as session, session.begin():
            await session.execute(update(DailyRow).where(DailyRow.guild_id == guild_id).values(**values))
