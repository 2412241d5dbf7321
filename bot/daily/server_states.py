"""The repository of each server's daily dream: its schedule, and its state, such as consecutive failures."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import Text, case, cast, func, select, update

from bot.schedule import Schedule
from bot.settings.text import parse_value
from bot.settings.values import DailyDream
from bot.store.daily import PAUSE_AFTER, DailyRow
from bot.store.database import Database, shielded
from bot.store.settings import WHOLE_SERVER, SettingRow
from dream.texts import Text as Sentence

SCHEDULE: Final = ("daily_times", "daily_zone", "daily_days")
WHERE_AND_WHEN: Final = {"daily_enabled", "daily_channel", *SCHEDULE}
"""The settings a change of which restarts the schedule."""


@shielded
class ServerStates:
    """Reads and writes the table `daily`, and reads the schedules among the settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, guild_id: int) -> DailyRow | None:
        """A server's row, if it has one."""
        async with self._database.session() as session:
            return await session.get(DailyRow, guild_id)

    async def schedules(self) -> dict[Schedule, list[tuple[int, int | None]]]:
        """The (server, channel) ids of all servers whose daily dream is on, by schedule.

        This includes servers of other processes.
        """
        # Thousands of servers are read each minute: one row a server, and values as stored JSON.
        on, channel, *schedule = (
            func.max(case((SettingRow.name == name, cast(SettingRow.value, Text))))
            for name in ("daily_enabled", "daily_channel", *SCHEDULE)
        )
        query = (
            select(SettingRow.guild_id, channel, *schedule)
            .where(SettingRow.channel_id == WHOLE_SERVER, SettingRow.name.in_(WHERE_AND_WHEN))
            .group_by(SettingRow.guild_id)
            .having(on == "true")
        )
        found: dict[Schedule, list[tuple[int, int | None]]] = defaultdict(list)
        async with self._database.session() as session:
            for guild_id, channel_id, *stored in (await session.execute(query)).all():
                found[_schedule(*stored)].append((guild_id, int(channel_id or 0) or None))
        return found

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

    async def count_failure(self, guild_id: int, reason: Sentence) -> DailyRow | None:
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


@lru_cache(maxsize=4096)
def _schedule(*stored: str | None) -> Schedule:
    """Parse a stored schedule; None stands for the default."""
    chosen = {
        name: parse_value(name, json.loads(value))
        for name, value in zip(SCHEDULE, stored, strict=True)
        if value is not None
    }
    return DailyDream.model_construct(**chosen).daily_schedule
