"""What the bot does again and again: every few seconds, or on the minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.tasks import Tasks

log = logging.getLogger(__name__)

Action = Callable[[], Awaitable[object]]


class Periodic:
    """Runs actions periodically while it is open; one is never run twice at the same time.

    An action that takes longer than its interval is next run at the first time after it is done; runs that
    were missed are not made up for. One that raises is logged, and runs again at its next time. Intervals are
    waited for by the event loop's clock, so that nothing stands still when the system's clock is set back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._actions: list[tuple[Callable[[], float], Action]] = []
        self._tasks = Tasks()

    def every_seconds(self, seconds: float, action: Action) -> None:
        """Run an action every so many seconds, for the first time after as many."""
        self._actions.append((lambda: seconds, action))

    def every_minutes(self, minutes: int, action: Action) -> None:
        """Run an action at second 0 of every so many minutes, counted from the full hour; divides 60."""
        period = minutes * 60
        self._actions.append((lambda: period - self._clock.now().timestamp() % period, action))

    def open(self) -> None:
        """Begin to run the actions, on this event loop."""
        for wait, action in self._actions:
            self._tasks.start(_repeat(wait, action))

    async def close(self) -> None:
        """Run nothing more, and wait for what is running to stop."""
        await self._tasks.cancel()


async def _repeat(wait: Callable[[], float], action: Action) -> None:
    """Run an action again and again, each time after `wait()` seconds."""
    while True:
        await asyncio.sleep(wait())
        try:
            await action()
        except Exception as error:
            log.exception("a periodic action failed (%s); it runs again at its next time", error)
