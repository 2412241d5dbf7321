"""Durations and countdowns as people write and read them."""

import math
import re
from datetime import datetime, timedelta
from typing import Final

from dream.texts import Text

UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
LONGEST = timedelta(days=3650)
COUNTED_DOWN: Final = 120
"""Seconds to wait up to which they are told themselves; further off, the time of day is."""

_PART = re.compile(
    r"(\d{1,6})\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d|weeks?|w)\s*", re.IGNORECASE
)


def parse_duration(text: str) -> timedelta:
    """Parse a duration of at most ten years. Raises ValueError, whose text is a sentence for members."""
    total, position = timedelta(), 0
    while part := _PART.match(text, position):
        total += int(part[1]) * UNITS[part[2][0].lower()]
        position = part.end()
    if position < len(text) or not timedelta() < total <= LONGEST:
        raise ValueError(
            Text("“{typed}” is no span of time; write it like 30m, 12h, 7d or 2w.", typed=text[:40])
        )
    return total


def format_duration(seconds: float) -> str:
    """Write a time as a person would: 14 s, 2 min 5 s."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{max(rest, 1)} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def countdown(at: datetime, now: datetime) -> Text:
    """When something will be, in words that do not turn into "1 second ago" by themselves.

    Such as "in a moment", "in about 45 s" or "at about" and Discord's time of day.
    """
    seconds = (at - now).total_seconds()
    if seconds > COUNTED_DOWN:
        return Text("at about {time}", time=f"<t:{60 * math.ceil(at.timestamp() / 60)}:t>")
    if seconds < 5:
        return Text("in a moment")
    step = 5 if seconds <= 30 else 15  # coarse, for each change of the words costs an edit
    return Text("in about {duration}", duration=format_duration(step * math.ceil(seconds / step)))


def duration_text(seconds: float) -> str:
    """A duration in its two largest units, such as 3 d 4 h or 12 s."""
    left, parts = round(seconds), []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, round(UNITS[unit].total_seconds()))
        if count:
            parts.append(f"{count} {'min' if unit == 'm' else unit}")
    return " ".join(parts[:2]) or "0 s"
