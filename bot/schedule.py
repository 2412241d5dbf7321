"""When a daily dream is due: local times of day, days of the week and a time zone, converted to UTC.

Pure functions that read no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from dream.suggestions import did_you_mean, either, nearest
from dream.texts import Text, _

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
    """Text that is not a schedule; `str()` is a sentence with the nearest valid form.

    It quotes the text between “ and ”, which the user interface formats as code.
    """


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A scheduled local date and time, and the same in UTC as `due`.

    `local` identifies the slot, also where daylight saving time skips or repeats it.
    """

    due: datetime
    local: datetime

    @property
    def name(self) -> str:
        """The slot's key in the database: its local date and time, such as `2026-03-29T02:30`."""
        return self.local.isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times of day on some days of the week (Monday is 0) in an IANA time zone."""

    times: tuple[time, ...]
    zone: str
    days: frozenset[int] = EVERY_DAY

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Parse a schedule such as `09:00, 9:30 pm Europe/Berlin mon-fri`.

        Times come first, then a time zone (UTC if there is none) and days (every day if there are none).
        Raises ScheduleError.
        """
        words = _words(text)
        count = next((n for n, word in enumerate(words) if not word[0].isdigit()), len(words))
        times = parse_times(" ".join(words[:count] or words))
        days = [word for word in words[count:] if _parses(parse_days, word)]
        zone = [word for word in words[count:] if word not in days] or ["UTC"]
        if len(zone) > 1 and _parses(parse_zone, zone[0]):
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
            Slot(to_utc(local, self.zone), local)
            for day in _days(first, last)
            if day.weekday() in self.days
            for local in (datetime.combine(day, at) for at in self.times)
        )
        yield from sorted(slot for slot in found if after < slot.due <= until)

    def next(self, after: datetime) -> Slot:
        """The first slot due later than `after`."""
        return next(self.between(after, after + timedelta(days=9)))


@lru_cache(maxsize=4096)
def to_utc(local: datetime, zone: str) -> datetime:
    """A local time, to the minute, in UTC.

    A time that daylight saving skips becomes the next that exists; of a repeated time the first is taken.
    """
    info = ZoneInfo(zone)
    while (utc := local.replace(tzinfo=info).astimezone(UTC)).astimezone(info).replace(tzinfo=None) != local:
        local += timedelta(minutes=1)
    return utc


def parse_times(text: str) -> tuple[time, ...]:
    """Parse times of day between commas or spaces: `09:00`, `9`, `9:30pm`; sorted and unique.

    Raises ScheduleError.
    """
    times = tuple(sorted({_parse_time(word) for word in _words(text.lower())}))
    if not times:
        raise ScheduleError(Text("Tell a time of day, such as `09:00`."))
    if len(times) > MAX_TIMES:
        raise ScheduleError(
            Text("That is {count} times a day; use at most {most}.", count=len(times), most=MAX_TIMES)
        )
    return times


def parse_zone(text: str) -> str:
    """The IANA time zone of a name in any letter case, or of a city. Raises ScheduleError."""
    wanted = text.strip().replace(" ", "_").lower()
    zones = _zones()
    if wanted in zones:
        return zones[wanted]
    if offset := re.fullmatch(r"(?:utc|gmt)([+-])(\d{1,2})", wanted):
        sign = "-" if offset[1] == "+" else "+"  # in these names, and nowhere else, west is positive
        raise ScheduleError(
            Text(
                "Name a place instead of “{typed}”, such as `Europe/Berlin`, to get summer time "
                "right; `Etc/GMT{sign}{hours}` has none.",
                typed=text.strip(),
                sign=sign,
                hours=int(offset[2]),
            )
        )
    places = {key: name for key, name in zones.items() if not name.startswith("Etc/")}
    cities = [name for key, name in places.items() if key.rpartition("/")[2] == wanted]
    if len(cities) == 1:
        return cities[0]
    names = places | {name.rpartition("/")[2].lower(): name for name in places.values()} | _ABBREVIATIONS
    near = cities or [
        names[key] for key in nearest(wanted, names, most=1 if wanted in names else 3, cutoff=0.7)
    ]
    hint = (
        _("did you mean {words}?", words=either([f"`{name}`" for name in dict.fromkeys(near)]))
        if near
        else _("use a name such as {words}.", words=either(EXAMPLES))
    )
    raise ScheduleError(Text("I know no time zone “{typed}”; {hint}", typed=text.strip(), hint=hint))


def parse_days(text: str) -> frozenset[int]:
    """Parse days of the week: `mon,wed`, `mon-fri`, `weekdays`, `weekends`, `daily`; "" means every day.

    Monday is 0. Raises ScheduleError.
    """
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
    """The days as text that `parse_days` accepts."""
    for word in ("daily", "weekdays", "weekends"):
        if days == _NAMED[word]:
            return word
    return ",".join(DAYS[day] for day in sorted(days))


def matching_zones(text: str, limit: int = 25) -> list[str]:
    """Time zones whose name contains `text`, shortest first, for autocompletion."""
    wanted = text.strip().replace(" ", "_").lower()
    return sorted(
        (name for key, name in _zones().items() if wanted in key), key=lambda name: (len(name), name)
    )[:limit]


def _words(text: str) -> list[str]:
    """Split text at spaces, commas and semicolons; "9 pm" becomes one word."""
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
        raise ScheduleError(Text("“{word}” is no time of day; write it like `09:00` or `21:30`.", word=word))
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour < 24 and minute < 60:
        return time(hour, minute)
    # 24:00 and later hours are the small hours of the next day; minutes past 59 end at :59.
    near = time(hour % 24 if hour < 48 else 23, min(minute, 59))
    raise ScheduleError(
        Text(
            "“{word}” is no time of day (00:00 to 23:59); did you mean `{near}`?",
            word=word,
            near=f"{near:%H:%M}",
        )
    )


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ScheduleError:
        return False
    return True


def _parse_day(word: str) -> int:
    for index, name in enumerate(_FULL_DAYS):
        if len(word) >= 2 and name.startswith(word):
            return index
    hint = did_you_mean(word, [*DAYS, *_FULL_DAYS, *_NAMED], most=1, quoted="`{}`".format)
    hint = hint or _("write them like `mon-fri`, `sat,sun` or `daily`.")
    raise ScheduleError(Text("“{word}” is no day of the week; {hint}", word=word, hint=hint))


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
"""Common abbreviations of time zones, and the zone that is suggested for each."""
_FULL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
