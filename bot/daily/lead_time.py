"""How long before its time a dream is begun, so that ten thousand servers at 09:00 are no stampede."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

LEAST = timedelta(minutes=30)
"""A dream is begun at least this long before its time."""


def lead_time(work: float, workers: int, most: timedelta) -> timedelta:
    """How far ahead of their time dreams are begun.

    `work` is what is due within `most` from now, in seconds of one worker. Twice the time that the farm needs
    for it leaves half of the farm to the dreams that people wait for, and makes up for bad luck.
    """
    return min(LEAST + timedelta(seconds=2 * work / max(workers, 1)), most)


def begin_at(due: datetime, guild_id: int, lead: timedelta) -> datetime:
    """When to begin a server's dream: servers are spread evenly over the lead, and keep their place in it."""
    least = min(LEAST, lead)
    return due - least - (lead - least) * _fraction(guild_id)


def _fraction(guild_id: int) -> float:
    """A number in [0, 1) made of a server's id: the same in every process and after every restart."""
    return int.from_bytes(blake2b(str(guild_id).encode(), digest_size=4).digest()) / 2**32
