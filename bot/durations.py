"""Durations as people write them: 90s, 2h, 1d12h, 2 weeks."""

import re
from datetime import timedelta

UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
LONGEST = timedelta(days=3650)

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
        raise ValueError(f"“{text[:40]}” is no span of time; write it like 30m, 12h, 7d or 2w.")
    return total


def duration_text(seconds: float) -> str:
    """A duration in its two largest units, such as 3 d 4 h or 12 s."""
    left, parts = round(seconds), []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, round(UNITS[unit].total_seconds()))
        if count:
            parts.append(f"{count} {'min' if unit == 'm' else unit}")
    return " ".join(parts[:2]) or "0 s"
