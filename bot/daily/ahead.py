"""How long before its minute a dream is begun, so that ten thousand servers at 09:00 are no stampede."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

SOONEST = timedelta(minutes=30)
"""A dream is begun at least this long before its time, when nothing but one dream has to be done."""


def lead(work: float, workers: int, most: timedelta) -> timedelta:
    """How far ahead of their time to begin, on a farm that has this to do.

    `work` is what is due within `most` from now, in seconds of one worker. Twice the time that the farm needs
    for it leaves half of the farm to the dreams that people wait for, and lets bad luck be made up for.
    """
    return min(SOONEST + timedelta(seconds=2 * work / max(workers, 1)), most)


def begin(due: datetime, guild_id: int, lead: timedelta) -> datetime:
    """When to begin a server's dream: spread evenly over the lead, always at the same place for a server."""
    soonest = min(SOONEST, lead)
    return due - soonest - (lead - soonest) * share(guild_id)


def share(guild_id: int) -> float:
    """A number in [0, 1) that stands for a server: the same in every process and after every restart."""
    return int.from_bytes(blake2b(str(guild_id).encode(), digest_size=4).digest()) / 2**32
