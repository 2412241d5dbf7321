"""The pace at which this process calls Discord, which allows a bot fifty calls a second."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, Final, TypeVar

from aiolimiter import AsyncLimiter

CALLS_PER_SECOND: Final = 40
BURST: Final = 10
"""Calls that may be made at once; a burst and a second's calls together stay within Discord's fifty."""
FOR_ANSWERS: Final = 2
"""Calls of a burst that are left for answers to members."""
FOR_FINAL: Final = 6
"""Calls of a burst that progress leaves for all others."""

T = TypeVar("T")


class RateLimit:
    """One limiter for three priorities: answers to members, final states and posts, progress.

    Each leaves room for the more urgent ones. Discord's limits of single routes are discord.py's business.
    """

    def __init__(self, per_second: float = CALLS_PER_SECOND) -> None:
        self._limiter = AsyncLimiter(BURST, BURST / per_second)
        self._context = copy_context()

    async def answer(self) -> None:
        """Wait until a member may be answered."""
        await self._by_one_clock(self._limiter.acquire())

    async def final(self) -> None:
        """Wait until a final state or a scheduled post may be sent."""
        await self._by_one_clock(self._final())

    async def progress(self) -> bool:
        """Whether an edit that only shows progress may be made now; it is never waited for."""
        return await self._by_one_clock(self._progress())

    async def _final(self) -> None:
        while not self._limiter.has_capacity(1 + FOR_ANSWERS):  # noqa: ASYNC110 (the limiter tells nobody)
            await asyncio.sleep(0.02)
        await self._limiter.acquire()

    async def _progress(self) -> bool:
        if not self._limiter.has_capacity(1 + FOR_FINAL):
            return False
        await self._limiter.acquire()
        return True

    async def _by_one_clock(self, call: Coroutine[Any, Any, T]) -> T:
        """Call the limiter in the context in which it was made.

        In a simulated Discord what is done for an event has another clock, which would mislead the limiter.
        """
        return await self._context.run(asyncio.create_task, call)
