"""The Dask tasks of a worker process: one dream at a time, and probes of pictures beside it."""

import asyncio
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path

from distributed import Worker, WorkerPlugin, get_worker
from structlog.contextvars import bound_contextvars

from dream import quarantine, tracing
from dream.dreamer import Cancelled
from dream.environment import hide_memory
from dream.log import QUIET, LogSettings, configure
from dream.picture import Limits, PictureError, Probe, contents, recipe_in
from dream.picture import probe as probe_picture
from dream.recipe import RecipeError
from dream.render import Progress, Rendered, Sights, Work
from dream.render import see as see_picture
from dream.texts import Text

log = logging.getLogger(__name__)

TOPIC = "dreams"
"""Dask's event topic of progress messages."""

NICENESS = min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
"""The nice value of threads that dream: ten above this process' own."""

Render = Callable[[Work, Callable[[Progress], None], Callable[[], bool]], Rendered]
Key = tuple[str, str]


def key_of(job: str) -> Key:
    """The Dask key of a job's dream. Submitting the key of a running task waits for that task."""
    return ("dream", job)


class DreamWorkerPlugin(WorkerPlugin):  # type: ignore[misc]
    """Calls `warm` before the worker takes tasks, and ends the worker if a cancelled dream does not stop.

    A cancelled dream stops before its next gradient. If it has not within `cancel_timeout` seconds, the
    worker exits and its nanny starts another.
    """

    name = "dreaming"

    def __init__(
        self,
        warm: Callable[[], None],
        cancel_timeout: float,
        log_settings: LogSettings = QUIET,
    ) -> None:
        self._warm = warm
        self._cancel_timeout = cancel_timeout
        self._log_settings = log_settings

    async def setup(self, worker: Worker) -> None:
        """Warm up; the worker registers with its scheduler after this."""
        self._worker = worker
        configure(self._log_settings)
        tracing.configure("dreambot-worker")
        quarantine.start()  # before anything here lowers its priority, which it would inherit
        try:
            await asyncio.to_thread(self._warm_at_low_priority)
        except Exception as error:
            log.error("A worker cannot get ready: %s: %s", type(error).__name__, " ".join(str(error).split()))
            raise
        hide_memory()  # it has the keys of the farm

    def _warm_at_low_priority(self) -> None:
        lower_priority()
        self._warm()

    def transition(self, key: Key, start: str, finish: str, **kwargs: object) -> None:
        """Start the timeout of a dream that was cancelled."""
        if start == "executing" and is_cancelled(self._worker, key):
            self._worker.loop.call_later(self._cancel_timeout, self._exit_if_running, key)

    def _exit_if_running(self, key: Key) -> None:
        if is_cancelled(self._worker, key):
            log.error(
                "Dream %s did not stop %g s after it was cancelled; restarting.", key[1], self._cancel_timeout
            )
            os._exit(1)


def lower_priority() -> None:
    """Raise the nice value of the calling thread and of threads that it starts from now on.

    The bot on the same machine then answers at once. On an otherwise idle machine dreams are no slower.
    """
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def is_cancelled(worker: Worker, key: Key) -> bool:
    """Whether the task `key`, which runs on `worker`, was cancelled. May be called from any thread.

    Dask has no public API for this: a worker cannot stop a thread, so it only marks the task's state.
    """
    task = worker.state.tasks.get(key)
    return task is not None and task.state == "cancelled"


REFUSALS = (PictureError, RecipeError)
"""Errors of the input. Tasks return them, because Dask logs whatever a task raises as a failure."""

TOO_SLOW = Text("This dream took much longer than it should, so I stopped it; please ask for a smaller size.")


def dream(render: Render, job: str, work: Work) -> Rendered | ValueError:
    """The task of one dream: call `render`, publish progress as events, return the result or a refusal.

    It is stopped at its deadline; if it has not after half as much time again, the worker exits.
    """
    lower_priority()
    worker, key = get_worker(), key_of(job)
    last_sent = 0.0
    began = time.monotonic()
    overdue = threading.Timer(1.5 * work.deadline + 1, _exit, [job])
    overdue.daemon = True

    def is_late() -> bool:
        return time.monotonic() - began > work.deadline

    def publish(progress: Progress) -> None:
        nonlocal last_sent
        now = time.monotonic()
        if progress.preview or now - last_sent >= 0.25:
            last_sent = now
            worker.log_event(TOPIC, {"job": job, "progress": pickle.dumps(progress)})

    with (
        bound_contextvars(job=job, worker=worker.address),
        tracing.span("render", job, worker=worker.address),
    ):
        log.info("dreaming %s", work.recipe)
        overdue.start()
        try:
            return render(work, publish, lambda: is_cancelled(worker, key) or is_late())
        except REFUSALS as refusal:
            return refusal
        except Cancelled:
            if is_cancelled(worker, key):
                raise
            return RecipeError(TOO_SLOW)
        finally:
            overdue.cancel()
            log.info("dreamt", extra={"seconds": round(time.monotonic() - began, 3)})


def _exit(job: str) -> None:
    log.error("Dream %s did not stop at its deadline; restarting.", job)
    os._exit(1)


_probes = asyncio.Semaphore(4)


async def probe(picture: bytes | Path, limits: Limits) -> Probe | ValueError:
    """The task of probing one picture, which may run beside a dream."""
    async with _probes:
        try:
            return await asyncio.to_thread(probe_picture, picture, limits)
        except REFUSALS as refusal:
            return refusal


async def read_recipe(picture: bytes | Path, limits: Limits) -> str | None:
    """The task of reading the recipe that a picture carries, if it does, which may run beside a dream."""
    async with _probes:
        return await asyncio.to_thread(lambda: recipe_in(contents(picture), limits))


async def see(picture: bytes | Path, most: int, limits: Limits) -> Sights | ValueError:
    """The task of saying what is in one picture, which may run beside a dream."""
    async with _probes:
        try:
            return await asyncio.to_thread(see_picture, picture, most, limits)
        except REFUSALS as refusal:
            return refusal
