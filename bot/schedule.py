"""What the bot does by the clock: the daily dream each minute, and small chores now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

log = logging.getLogger(__name__)

Chore = Callable[[], Awaitable[object]]


class Schedule:
    """Runs chores on the minute while it is open, each never beside itself.

    A chore that takes longer than its interval is next run at the minute after it is done; minutes that
    passed in between are not made up for. What must not be skipped or doubled looks at the time by itself.
    """

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._running: set[asyncio.Task[object]] = set()

    def every(self, minutes: int, chore: Chore) -> None:
        """Run a chore at second 0 of every so many minutes, counted from the full hour; at most 60."""
        self._scheduler.add_job(
            self._run,
            CronTrigger(minute=",".join(map(str, range(0, 60, minutes))), second=0, timezone="UTC"),
            args=(chore,),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def open(self) -> None:
        """Begin to run the chores, on this event loop."""
        self._scheduler.start()

    async def close(self) -> None:
        """Run nothing more, and wait for what is running to stop."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, chore: Chore) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await chore()
        except Exception:
            log.exception("a scheduled chore failed; it runs again at its next time")
        finally:
            self._running.discard(task)
