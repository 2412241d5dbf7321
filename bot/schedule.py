"""When a daily dream is due: local times of day, days of the week and a time zone, as instants.

Pure arithmetic without a clock, so that whole years can be walked through in a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from dream.suggestions import did_you_mean, either, nearest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
MAX_TIMES = 24
EXAMPLES = ("`Europe/Berlin`", "`America/New_York`", "`UTC`")

_NAMED = {
    "daily": EVERY_DAY,
    "everyday": EVERY_DAY,
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
}


class ScheduleError(ValueError):
    """What was typed is no schedule; `str()` is one sentence that shows the nearest valid form.

    What was typed is between “ and ”, for the user interface to show it as code.
    """


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One local date and time at which a server wants a dream, and the instant at which it is due.

    `local` is what the server asked for and identifies the slot, even where clocks skip or repeat it.
    """

    due: datetime
    local: datetime

    @property
    def name(self) -> str:
        """The slot's name in the store: its local date and time, such as `2026-03-29T02:30`."""
        return self.local.isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times of day on some days of the week (Monday is 0) in an IANA time zone."""

    times: tuple[time, ...]
    zone: str
    days: frozenset[int] = EVERY_DAY

    @classmethod
    def parse(cls, times: str, zone: str, days: str = "") -> Schedule:
        """Read what an admin typed, such as `09:00, 21:00`, `Europe/Berlin` and `mon-fri`.

        Raises ScheduleError.
        """
        return cls(parse_times(times), parse_zone(zone), parse_days(days))

    @classmethod
    def read(cls, text: str) -> Schedule:
        """Read what an admin typed in one go, such as `09:00, 9:30 pm Europe/Berlin mon-fri`.

        Times come first, then a time zone (UTC if there is none) and days (every day if there are none).
        Raises ScheduleError.
        """
        words = _words(text)
        count = next((n for n, word in enumerate(words) if not word[0].isdigit()), len(words))
        times = parse_times(" ".join(words[:count] or words))
        days = [word for word in words[count:] if _is_day(word)]
        zone = [word for word in words[count:] if word not in days] or ["UTC"]
        if len(zone) > 1 and _is_zone(zone[0]):
            days += zone[1:]  # which are no days: the error says which would be
            del zone[1:]
        return cls(times, parse_zone(" ".join(zone)), parse_days(" ".join(days)))

    def __str__(self) -> str:
        times = ", ".join(f"{at:%H:%M}" for at in self.times)
        return f"{times} {self.zone}, {format_days(self.days)}"

    def between(self, after: datetime, until: datetime) -> Iterator[Slot]:
        """The slots due later than `after` and not later than `until`, in the order they are due."""
        zone = ZoneInfo(self.zone)
        # A gap moves a slot by up to a day (Samoa once skipped one), hence the day before.
        first = after.astimezone(zone).date() - timedelta(days=1)
        last = until.astimezone(zone).date()
        found = (
            Slot(instant(local, self.zone), local)
            for day in _days(first, last)
            if day.weekday() in self.days
            for local in (datetime.combine(day, at) for at in self.times)
        )
        yield from sorted(slot for slot in found if after < slot.due <= until)

    def next(self, after: datetime) -> Slot:
        """The first slot due later than `after`."""
        return next(self.between(after, after + timedelta(days=9)))


@lru_cache(maxsize=4096)
def instant(local: datetime, zone: str) -> datetime:
    """The instant, in UTC, of a local time to the minute.

    A time that clocks skip stands for the next one that exists; of a time that they repeat, the first counts.
    """
    info = ZoneInfo(zone)
    while (moment := local.replace(tzinfo=info).astimezone(UTC)).astimezone(info).replace(
        tzinfo=None
    ) != local:
        local += timedelta(minutes=1)
    return moment


def parse_times(text: str) -> tuple[time, ...]:
    """Times of day apart by commas or spaces: `09:00`, `9`, `9:30pm`; sorted, each once."""
    times = tuple(sorted({_parse_time(word) for word in _words(text.lower())}))
    if not times:
        raise ScheduleError("Tell a time of day, such as `09:00`.")
    if len(times) > MAX_TIMES:
        raise ScheduleError(f"That is {len(times)} times a day; use at most {MAX_TIMES}.")
    return times


def parse_zone(text: str) -> str:
    """An IANA time zone by its name, in any letter case and with spaces for underscores."""
    wanted = text.strip().replace(" ", "_").lower()
    zones = _zones()
    if wanted in zones:
        return zones[wanted]
    if offset := re.fullmatch(r"(?:utc|gmt)([+-])(\d{1,2})", wanted):
        sign = "-" if offset[1] == "+" else "+"  # in these names, and nowhere else, west is positive
        raise ScheduleError(
            f"Name a place instead of “{text.strip()}”, such as `Europe/Berlin`, to get summer time right; "
            f"`Etc/GMT{sign}{int(offset[2])}` has none."
        )
    places = {key: name for key, name in zones.items() if not name.startswith("Etc/")}
    cities = [name for key, name in places.items() if key.rpartition("/")[2] == wanted]
    if len(cities) == 1:
        return cities[0]
    names = places | {name.rpartition("/")[2].lower(): name for name in places.values()} | _ABBREVIATIONS
    near = cities or [
        names[key] for key in nearest(wanted, names, most=1 if wanted in names else 3, cutoff=0.7)
    ]
    hint = either([f"`{name}`" for name in dict.fromkeys(near)]) if near else ""
    raise ScheduleError(
        f"I know no time zone “{text.strip()}”; "
        + (f"did you mean {hint}?" if hint else f"use a name such as {either(EXAMPLES)}.")
    )


def parse_days(text: str) -> frozenset[int]:
    """Days of the week: `mon,wed`, `mon-fri`, `weekdays`, `weekends`, `daily`; nothing means every day."""
    days: set[int] = set()
    for word in _words(text.lower().replace("–", "-")):
        if word in _NAMED:
            days |= _NAMED[word]
            continue
        first, _, last = word.partition("-")
        start, end = _parse_day(first), _parse_day(last or first)
        days |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return frozenset(days) or EVERY_DAY


def format_days(days: frozenset[int]) -> str:
    """The days as text that `parse_days` reads."""
    for word in ("daily", "weekdays", "weekends"):
        if days == _NAMED[word]:
            return word
    return ",".join(DAYS[day] for day in sorted(days))


def nearest_zones(text: str, limit: int = 25) -> list[str]:
    """Time zones whose name contains `text`, for a list of suggestions."""
    wanted = text.strip().replace(" ", "_").lower()
    return sorted(
        (name for key, name in _zones().items() if wanted in key), key=lambda name: (len(name), name)
    )[:limit]


def _words(text: str) -> list[str]:
    """The words of a text, apart by spaces, commas or semicolons; "9 pm" is one of them."""
    spaced = " ".join(re.split(r"[\s,;]+", text.strip()))
    return re.sub(r" (am|pm)\b", r"\1", spaced, flags=re.IGNORECASE).split()


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=day) for day in range((last - first).days + 1))


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    skipped = ("posix/", "right/")
    names = available_timezones() - {"Factory", "localtime", "posixrules"}
    return {name.lower(): name for name in sorted(names) if not name.startswith(skipped)}


def _parse_time(word: str) -> time:
    match = re.fullmatch(r"(\d{1,2})(?:[:.h]?(\d{2}))?(am|pm)?", word)
    if match is None:
        raise ScheduleError(f"“{word}” is no time of day; write it like `09:00` or `21:30`.")
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour < 24 and minute < 60:
        return time(hour, minute)
    # 24:00 and later hours are the small hours of the next day; minutes past 59 end at :59.
    near = time(hour % 24 if hour < 48 else 23, min(minute, 59))
    raise ScheduleError(f"“{word}” is no time of day (00:00 to 23:59); did you mean `{near:%H:%M}`?")


def _is_zone(text: str) -> bool:
    try:
        parse_zone(text)
    except ScheduleError:
        return False
    return True


def _is_day(word: str) -> bool:
    try:
        parse_days(word)
    except ScheduleError:
        return False
    return True


def _parse_day(word: str) -> int:
    for index, name in enumerate(_FULL_DAYS):
        if len(word) >= 2 and name.startswith(word):
            return index
    hint = did_you_mean(word, [*DAYS, *_FULL_DAYS, *_NAMED], most=1, quoted="`{}`".format)
    hint = hint or "write them like `mon-fri`, `sat,sun` or `daily`."
    raise ScheduleError(f"“{word}” is no day of the week; {hint}")


_ABBREVIATIONS = {
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "mdt": "America/Denver",
    "cst": "America/Chicago",
    "cdt": "America/Chicago",
    "edt": "America/New_York",
    "bst": "Europe/London",
    "cest": "Europe/Berlin",
    "eest": "Europe/Athens",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "aest": "Australia/Sydney",
}
"""What people write for a time zone that is none, and what most of them mean."""
_FULL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
