"""What the bot does again and again: every few seconds, or on the minute."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.tasks import Tasks

log = logging.getLogger(__name__)

Action = Callable[[], Awaitable[object]]

WATCH_SECONDS: Final = 10.0
"""How often it is looked whether the system's clock was set, in seconds."""
STEP: Final = 2.0
"""Seconds by which the clock must differ from how time passes to have been set."""


class Periodic:
    """Runs actions periodically while it is open; one is never run twice at the same time.

    An action that takes longer than its interval is next run at the first time after it is done; runs that
    were missed are not made up for. One that raises is logged, and runs again at its next time. Where the
    system's clock is set, the next times are those of the new time.
    """

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._triggers: dict[str, Callable[[], BaseTrigger]] = {}
        self._running: set[asyncio.Task[object]] = set()
        self._tasks = Tasks()
        self._is_closing = False

    def every_seconds(self, seconds: float, action: Action) -> None:
        """Run an action every so many seconds, for the first time after as many."""
        self._add(action, lambda: IntervalTrigger(seconds=seconds, timezone="UTC"))

    def every_minutes(self, minutes: int, action: Action) -> None:
        """Run an action at second 0 of every so many minutes, counted from the full hour; at most 60."""
        times = ",".join(map(str, range(0, 60, minutes)))
        self._add(action, lambda: CronTrigger(minute=times, second=0, timezone="UTC"))

    def open(self) -> None:
        """Begin to run the actions, on this event loop."""
        self._scheduler.start()
        self._tasks.start(self._watch_clock())

    async def close(self) -> None:
        """Run nothing more, and wait for what is running to stop."""
        self._is_closing = True
        await self._tasks.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _add(self, action: Action, trigger: Callable[[], BaseTrigger]) -> None:
        job = self._scheduler.add_job(
            self._run, trigger(), args=(action,), coalesce=True, max_instances=1, misfire_grace_time=None
        )
        self._triggers[job.id] = trigger

    async def _watch_clock(self) -> None:
        """Plan anew when the clock was set: APScheduler would wait for the times that it planned before."""
        before = time.time() - time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = time.time() - time.monotonic()
            if abs(now - before) > STEP:
                log.warning("the system's clock was set by %+.0f s", now - before)
                for id, trigger in self._triggers.items():
                    self._scheduler.reschedule_job(id, trigger=trigger())
            before = now

    async def _run(self, action: Action) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await action()
        except asyncio.CancelledError:
            if not self._is_closing:  # else the scheduler would log a traceback
                raise
        except Exception as error:
            log.exception("a periodic action failed (%s); it runs again at its next time", error)
        finally:
            self._running.discard(task)
