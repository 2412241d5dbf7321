"""A server's settings of the daily dream, as one typed value, and the query for all servers."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, case, cast, func, select

from bot.schedule import Schedule
from bot.settings.service import Settings
from bot.settings.text import parse_value
from bot.settings.values import Values
from bot.store.database import Database, shielded
from bot.store.settings import WHOLE_SERVER, SettingRow

SCHEDULE: Final = ("daily_times", "daily_zone", "daily_days")
PLAN: Final = {"daily_enabled", "daily_channel", *SCHEDULE}
"""The settings of where and when to post; a change of one restarts the schedule."""


@dataclass(frozen=True, slots=True)
class DailySettings:
    """One server's settings of the daily dream; `bot.settings.values.DailyDream` says what each means.

    `recipe` is None for a random walk over the presets.
    """

    guild_id: int
    enabled: bool
    channel_id: int | None
    times: tuple[time, ...]
    zone: str
    days: frozenset[int]
    recipe: str | None
    thread: bool
    sources: tuple[str, ...]
    source_channels: tuple[int, ...]
    source_days: int

    @classmethod
    def of(cls, guild_id: int, values: Values) -> DailySettings:
        """Extract them from all of a server's settings."""
        return cls(
            guild_id=guild_id,
            enabled=values.daily_enabled,
            channel_id=values.daily_channel or None,
            times=values.daily_times,
            zone=values.daily_zone,
            days=values.daily_days,
            recipe=values.daily_recipe or None,
            thread=values.daily_thread,
            sources=values.daily_sources,
            source_channels=values.daily_source_channels,
            source_days=values.daily_source_days,
        )

    @property
    def schedule(self) -> Schedule:
        """When dreams are due."""
        return Schedule(self.times, self.zone, self.days)


@shielded
class DailySettingsRepository:
    """Reads and changes the daily dream's settings."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings

    async def get(self, guild_id: int) -> DailySettings:
        """A server's settings."""
        return DailySettings.of(guild_id, await self._settings.effective(guild_id))

    async def enabled(self) -> dict[Schedule, list[tuple[int, int | None]]]:
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
            .where(SettingRow.channel_id == WHOLE_SERVER, SettingRow.name.in_(PLAN))
            .group_by(SettingRow.guild_id)
            .having(on == "true")
        )
        found: dict[Schedule, list[tuple[int, int | None]]] = defaultdict(list)
        async with self._database.session() as session:
            for guild_id, channel_id, *stored in (await session.execute(query)).all():
                found[_schedule(*stored)].append((guild_id, int(channel_id or 0) or None))
        return found

    async def change(self, guild_id: int, changes: dict[str, Any], *, by: int) -> DailySettings:
        """Change some of a server's settings, by the names of `DailySettings`. Raises SettingError."""
        chosen = {
            "daily_channel" if name == "channel_id" else f"daily_{name}": "" if value is None else value
            for name, value in changes.items()
        }
        await self._settings.choose_many(guild_id, chosen, by=by)
        return await self.get(guild_id)


@lru_cache(maxsize=4096)
def _schedule(*stored: str | None) -> Schedule:
    """Parse a stored schedule; None stands for the default."""
    chosen = {
        name: parse_value(name, json.loads(value))
        for name, value in zip(SCHEDULE, stored, strict=True)
        if value is not None
    }
    values = Values.model_construct(**chosen)
    return Schedule(values.daily_times, values.daily_zone, values.daily_days)
