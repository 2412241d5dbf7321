"""How long before it is due a dream is started, so that 10,000 dreams due at 09:00 are spread out."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

LEAST = timedelta(minutes=30)
"""The least lead time of a dream."""


def lead_time(work: float, workers: int, most: timedelta) -> timedelta:
    """The interval before their due times over which the starts of dreams are spread.

    `work` is the cost of the dreams due within `most` from now, in seconds of one worker. The interval is
    twice the time that the farm needs for them, which leaves half of its capacity to interactive dreams.
    """
    return min(LEAST + timedelta(seconds=2 * work / max(workers, 1)), most)


def begin_at(due: datetime, guild_id: int, lead: timedelta) -> datetime:
    """When to start a server's dream: at a fixed fraction of the lead time, uniform over servers."""
    least = min(LEAST, lead)
    return due - least - (lead - least) * _fraction(guild_id)


def _fraction(guild_id: int) -> float:
    """A hash of a server's id in [0, 1), the same in every process."""
    return int.from_bytes(blake2b(str(guild_id).encode(), digest_size=4).digest()) / 2**32
