"""Starts waiting jobs on the farm, as many as it runs at once, and records how each ends."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from structlog.contextvars import bind_contextvars

from bot.backoff import attempts
from bot.clock import Clock
from bot.queue.fair_queue import URGENT, FairQueue, QueuedJob
from bot.queue.repository import JobRepository
from bot.queue.work import work_for
from bot.store.jobs import Job
from bot.store.outage import is_outage
from bot.tasks import Tasks
from config.schema import Config
from dream.dreamer import Cancelled
from dream.farm import Farm, FarmError
from dream.picture import PictureError
from dream.recipe import RecipeError
from dream.render import Progress, Rendered
from dream.texts import Text, text_of

log = logging.getLogger(__name__)

RETRY_PAUSE: Final = 1.0
"""Seconds before jobs are started again after the database failed."""
FARM_PAUSE: Final = 5.0
"""Seconds before a dream is started again after the farm dropped it."""
WENT_WRONG: Final = Text(
    "Something went wrong in this dream; please try again, or another picture or recipe."
)


class Callbacks(Protocol):
    """What a dispatcher tells the queue."""

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """A job has been started (None), or has come further."""

    def requeued(self, job: Job) -> None:
        """A job waits again."""

    def ended(
        self, id: str, job: Job | None, rendered: Rendered | None, seconds: float, cause: str = ""
    ) -> None:
        """A run is over.

        `job` is as its end was recorded; None if another process, or a member, ended it before. `rendered` is
        the result, if there is one, which took `seconds`. `cause` is the kind of error it failed by.
        """


@dataclass(slots=True)
class Run:
    """A job that the farm works on."""

    job: Job
    is_preemptible: bool
    """Whether it was started only because no member waited."""
    task: asyncio.Task[None] | None = None
    since: float = field(default_factory=time.monotonic)
    share_done: float = 0.0
    is_preempted: bool = False

    @property
    def left(self) -> float:
        """Seconds that this dream will likely still take.

        What was expected counts less, and what was observed more, the further the dream has come.
        """
        elapsed = time.monotonic() - self.since
        observed = elapsed / self.share_done if self.share_done else 0.0
        total = (1 - self.share_done) * self.job.cost + self.share_done * observed
        return max(total - elapsed, 0.1 * self.job.cost * (1 - self.share_done))


class Dispatcher:
    """Runs jobs from `waiting` on the farm. `busy` holds the ids of the jobs taken from it
    whose end is not recorded yet.

    A job occupies a worker only while it is in `runs`; recording its end, which may take as long as the
    database is away, happens after that.
    """

    def __init__(
        self,
        callbacks: Callbacks,
        jobs: JobRepository,
        farm: Farm,
        waiting: FairQueue,
        clock: Clock,
        config: Config,
    ) -> None:
        self.runs: dict[str, Run] = {}
        self.busy: set[str] = set()
        self._callbacks, self._jobs, self._farm, self._waiting = callbacks, jobs, farm, waiting
        self._clock, self._config = clock, config
        self._wake = asyncio.Event()
        self._is_draining = False
        self._dreams, self._starting = Tasks(), Tasks()

    def open(self) -> None:
        """Begin to start jobs."""
        self._starting.start(self._start_forever())

    def wake(self) -> None:
        """Look for jobs to start: one was added, or a worker may be free."""
        self._wake.set()

    def stop(self, id: str) -> None:
        """Stop the farm's work on a job whose row says that it is not to be done any more."""
        if (run := self.runs.get(id)) and run.task:
            run.task.cancel()

    async def drain(self, grace: float) -> None:
        """Start nothing more, and give what runs `grace` seconds to end."""
        self._is_draining = True
        await self._dreams.wait(grace)

    async def close(self) -> None:
        """Stop at once. Rows of dreams that were running are taken over by whoever comes next."""
        self._is_draining = True
        await self._starting.cancel()
        await self._dreams.cancel()

    def may_preempt(self, run: Run) -> bool:
        """Whether a run is to give its worker back when a member waits."""
        due_at = run.job.due_at
        return run.is_preempted or (
            run.is_preemptible
            and due_at is not None
            and due_at - self._clock.now() > URGENT + timedelta(seconds=run.job.cost)
        )

    async def _start_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._start_waiting()
            except Exception as error:
                log.warning("jobs cannot be started now: %s", error, exc_info=not is_outage(error))
                asyncio.get_running_loop().call_later(RETRY_PAUSE, self._wake.set)

    async def _start_waiting(self) -> None:
        while not self._is_draining and len(self.runs) < self._farm.capacity:
            queued = self._waiting.take(self._clock.now())
            if queued is None:
                return
            self.busy.add(queued.id)
            try:
                await self._start(queued)
            except BaseException:
                self.busy.discard(queued.id)
                self._waiting.add(queued, interrupted=True)
                raise
        if not self._is_draining:
            self._preempt()

    async def _start(self, queued: QueuedJob) -> None:
        is_preemptible = self._waiting.is_preemptible(queued)
        started = await self._jobs.start(queued.id)
        if started is None:
            self.busy.discard(queued.id)
            self._callbacks.ended(queued.id, None, None, 0.0)
            return
        job, pictures = started
        run = self.runs[job.id] = Run(job, is_preemptible)
        run.task = self._dreams.start(self._dream(run, pictures))

    def _preempt(self) -> None:
        """Stop preemptible runs, the newest first, as far as members wait for workers."""
        runs = [run for run in self.runs.values() if self.may_preempt(run)]
        runs.sort(key=lambda run: (run.is_preempted, run.since), reverse=True)
        for run in runs[: self._waiting.members]:
            if not run.is_preempted and run.task:
                run.is_preempted = True
                run.task.cancel()

    async def _dream(self, run: Run, pictures: dict[str, bytes]) -> None:
        id = run.job.id
        bind_contextvars(job=id)  # for every line that this task logs
        rendered: Rendered | None = None
        try:
            self._callbacks.progressed(run.job, None)
            dreaming = self._farm.dream(
                id,
                work_for(run.job, pictures, self._config),
                lambda progress: self._progressed(run, progress),
            )
            pictures.clear()  # the farm need not keep them in memory
            rendered = await dreaming
        except (PictureError, RecipeError, FarmError) as error:
            reason = text_of(error)
            await self._end(run, lambda: self._jobs.fail(id, reason), cause=type(error).__name__)
        except (Cancelled, asyncio.CancelledError) as error:
            dropped = isinstance(error, Cancelled)
            self._free(run)
            if dropped and not self._is_draining:
                log.warning("the farm dropped it; it is started again")
                await asyncio.sleep(FARM_PAUSE)
            if dropped or run.is_preempted:
                await self._end(run, lambda: self._jobs.requeue(id))
            else:
                self.busy.discard(id)
                raise
        except Exception as error:
            log.exception("a dream broke")
            cause = type(error).__name__
            await self._end(run, lambda: self._jobs.fail(id, WENT_WRONG), cause=cause)
        else:
            await self._end(run, lambda: self._jobs.complete(id, rendered), rendered)

    async def _end(
        self,
        run: Run,
        record: Callable[[], Awaitable[Job | None]],
        rendered: Rendered | None = None,
        cause: str = "",
    ) -> None:
        """Free the worker, and record how a run ended as soon as the database takes it."""
        self._free(run)
        seconds, id = time.monotonic() - run.since, run.job.id
        try:
            async for attempt in attempts(f"recording the end of job {id}", is_outage):
                with attempt:
                    job = await record()
        finally:
            self.busy.discard(id)
        if job is not None and not job.state.is_final:
            self._callbacks.requeued(job)
        else:
            self._callbacks.ended(id, job, rendered, seconds, cause)

    def _progressed(self, run: Run, progress: Progress) -> None:
        run.share_done = progress.done
        self._callbacks.progressed(run.job, progress)

    def _free(self, run: Run) -> None:
        if self.runs.pop(run.job.id, None):
            self._wake.set()
