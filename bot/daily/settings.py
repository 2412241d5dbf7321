"""What the admins of a server decide about its daily dream: some of the server's settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Text, cast, select

from bot.daily.schedule import Schedule
from bot.settings.service import Settings
from bot.settings.text import read
from bot.settings.values import Values
from bot.store.database import Database, uninterrupted
from bot.store.settings import WHOLE_SERVER, SettingRow

SCHEDULE: Final = ("daily_times", "daily_zone", "daily_days")
PLAN: Final = {"daily_enabled", "daily_channel", *SCHEDULE}
"""The settings that say where and when."""


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
        """Those among a server's settings."""
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


class Enabled(NamedTuple):
    """A server whose daily dream is on."""

    guild_id: int
    channel_id: int | None


@uninterrupted
class DailySettingsRepository:
    """Reads and changes the daily dream's settings."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings

    async def get(self, guild_id: int) -> DailySettings:
        """A server's settings."""
        return DailySettings.of(guild_id, await self._settings.effective(guild_id))

    async def enabled(self) -> dict[Schedule, list[Enabled]]:
        """The servers whose daily dream is on, by their schedules; those of other processes, too."""
        is_of_server = SettingRow.channel_id == WHOLE_SERVER
        on = select(SettingRow.guild_id).where(
            SettingRow.name == "daily_enabled", is_of_server, cast(SettingRow.value, Text) == "true"
        )
        query = select(SettingRow.guild_id, SettingRow.name, SettingRow.value).where(
            SettingRow.guild_id.in_(on), is_of_server, SettingRow.name.in_(PLAN)
        )
        chosen: dict[int, dict[str, Any]] = defaultdict(dict)
        async with self._database.session() as session:
            for guild_id, name, value in await session.execute(query):
                chosen[guild_id][name] = value
        found: dict[Schedule, list[Enabled]] = defaultdict(list)
        for guild_id, values in chosen.items():
            schedule = _schedule(*(_hashable(values.get(name)) for name in SCHEDULE))
            found[schedule].append(Enabled(guild_id, values.get("daily_channel") or None))
        return found

    async def change(self, guild_id: int, changes: dict[str, Any], *, by: int) -> DailySettings:
        """Change some of a server's settings, by the names of `DailySettings`. Raises SettingError."""
        chosen = {
            "daily_channel" if name == "channel_id" else f"daily_{name}": "" if value is None else value
            for name, value in changes.items()
        }
        await self._settings.choose_together(guild_id, chosen, by=by)
        return await self.get(guild_id)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=4096)
def _schedule(*stored: Sequence[str] | str | None) -> Schedule:
    """The schedule that stored settings make, with the defaults of those that are None."""
    chosen = {
        name: read(name, list(value) if isinstance(value, tuple) else value)
        for name, value in zip(SCHEDULE, stored, strict=True)
        if value is not None
    }
    values = Values.model_construct(**chosen)
    return Schedule(values.daily_times, values.daily_zone, values.daily_days)
