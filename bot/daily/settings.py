"""What the admins of a server decide about its daily dream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import select

from bot.daily.schedule import EVERY_DAY, Schedule, format_days, parse_days, parse_times
from bot.store.daily import DailyRow
from bot.store.database import Database, uninterrupted
from bot.store.settings import AuditRow


@dataclass(frozen=True, slots=True)
class DailySettings:
    """One server's settings of the daily dream.

    `recipe` is a recipe's text or a preset's name; None is a random walk over the presets. `sources` are some
    of "samples", "sky" and "folder"; `source_channels` are the channels whose members' pictures of the last
    `source_days` days may be used.
    """

    guild_id: int
    enabled: bool = False
    channel_id: int | None = None
    times: tuple[time, ...] = (time(9),)
    zone: str = "UTC"
    days: frozenset[int] = EVERY_DAY
    recipe: str | None = None
    thread: bool = False
    sources: tuple[str, ...] = ("samples", "sky")
    source_channels: tuple[int, ...] = ()
    source_days: int = 14

    @property
    def schedule(self) -> Schedule:
        """When dreams are due."""
        return Schedule(self.times, self.zone, self.days)

    @property
    def logged(self) -> dict[str, Any]:
        """The settings by the names, and as the values, that the settings' log shows."""
        return {
            "switch": "on" if self.enabled else "off",
            "channel": f"<#{self.channel_id}>" if self.channel_id else None,
            "times": str(self.schedule),
            "dreamt with": self.recipe or "walk",
            "thread": "on" if self.thread else "off",
            "sources": [*self.sources, *(f"<#{id}>" for id in self.source_channels)],
            "days of pictures": self.source_days,
        }

    def changes(self, after: DailySettings, *, at: datetime, by: int) -> Iterable[AuditRow]:
        """What the settings' log says of a change to `after`."""
        before = self.logged
        for name, value in after.logged.items():
            if value != before[name]:
                yield AuditRow(
                    at=at,
                    guild_id=self.guild_id,
                    channel_id=0,
                    actor=str(by),
                    action="daily",
                    subject=name,
                    before=before[name],
                    after=value,
                )


class Enabled(NamedTuple):
    """A server whose daily dream is on."""

    guild_id: int
    channel_id: int | None


@uninterrupted
class DailySettingsRepository:
    """Reads and writes the daily dream's settings; nothing else knows how they are stored.

    `defaults` are those of a server that has decided nothing.
    """

    def __init__(self, database: Database, defaults: DailySettings) -> None:
        self._database, self._defaults = database, defaults

    async def get(self, guild_id: int) -> DailySettings:
        """A server's settings."""
        async with self._database.session() as session:
            row = await session.get(DailyRow, guild_id)
        if row is None:
            return replace(self._defaults, guild_id=guild_id)
        schedule = _schedule(row.times, row.zone, row.days)
        return DailySettings(
            guild_id=guild_id,
            enabled=row.enabled,
            channel_id=row.channel_id,
            times=schedule.times,
            zone=schedule.zone,
            days=schedule.days,
            recipe=row.recipe,
            thread=row.thread,
            sources=tuple(row.kinds),
            source_channels=tuple(row.channels),
            source_days=row.recent_days,
        )

    async def enabled(self) -> dict[Schedule, list[Enabled]]:
        """The servers whose daily dream is on, by their schedules."""
        query = select(DailyRow.guild_id, DailyRow.channel_id, DailyRow.times, DailyRow.zone, DailyRow.days)
        found: dict[Schedule, list[Enabled]] = defaultdict(list)
        async with self._database.session() as session:
            for guild_id, channel_id, *schedule in await session.execute(query.where(DailyRow.enabled)):
                found[_schedule(*schedule)].append(Enabled(guild_id, channel_id))
        return found

    async def save(self, before: DailySettings, after: DailySettings, *, at: datetime, by: int) -> None:
        """Replace a server's settings, and log who did."""
        async with self._database.session() as session, session.begin():
            row = await session.get(DailyRow, after.guild_id) or DailyRow(guild_id=after.guild_id, since=at)
            row.enabled, row.channel_id, row.recipe = after.enabled, after.channel_id, after.recipe
            row.times, row.zone = ",".join(f"{at:%H:%M}" for at in after.times), after.zone
            row.days, row.thread = format_days(after.days), after.thread
            row.kinds, row.channels = list(after.sources), list(after.source_channels)
            row.recent_days = after.source_days
            session.add(row)
            session.add_all(before.changes(after, at=at, by=by))


@lru_cache(maxsize=4096)
def _schedule(times: str, zone: str, days: str) -> Schedule:
    return Schedule(parse_times(times), zone, parse_days(days))
