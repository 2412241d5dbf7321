"""What runs inside a worker process: one dream at a time, and a look at a picture beside it."""

import asyncio
import logging
import os
import pickle
import time
from collections.abc import Callable

from distributed import Worker, WorkerPlugin, get_worker

from dream.picture import Limits, PictureError, Probe
from dream.picture import probe as probe_picture
from dream.recipe import RecipeError
from dream.render import Progress, Rendered, Work

log = logging.getLogger(__name__)

TOPIC = "dreams"
"""Dask's event topic on which every dream tells its progress."""

NICENESS = min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
"""The scheduling priority of dreaming: ten steps behind the rest of this process."""

Render = Callable[[Work, Callable[[Progress], None], Callable[[], bool]], Rendered]
Key = tuple[str, str]


def key_of(job: str) -> Key:
    """The Dask key of a job's dream. Equal keys are one task, so asking again finds what still runs."""
    return ("dream", job)


class Dreaming(WorkerPlugin):  # type: ignore[misc]
    """Makes a Dask worker a dream worker: warm before it takes work, and free again after a cancel.

    A cancelled dream stops itself before its next gradient. One that has not within `patience` seconds hangs
    in something, so the worker ends itself and its nanny starts another.
    """

    name = "dreaming"

    def __init__(self, warm: Callable[[], None], patience: float) -> None:
        self._warm = warm
        self._patience = patience

    async def setup(self, worker: Worker) -> None:
        """Warm up; the worker joins its scheduler only after this."""
        self._worker = worker
        try:
            await asyncio.to_thread(self._warm_politely)
        except Exception as error:
            log.error("A worker cannot get ready: %s: %s", type(error).__name__, " ".join(str(error).split()))
            raise

    def _warm_politely(self) -> None:
        give_way()
        self._warm()

    def transition(self, key: Key, start: str, finish: str, **kwargs: object) -> None:
        """Give a cancelled dream its time to stop."""
        if start == "executing" and is_cancelled(self._worker, key):
            self._worker.loop.call_later(self._patience, self._leave_if_stuck, key)

    def _leave_if_stuck(self, key: Key) -> None:
        if is_cancelled(self._worker, key):
            log.error(
                "Dream %s did not stop %g s after it was cancelled; restarting.", key[1], self._patience
            )
            os._exit(1)


def give_way() -> None:
    """Let other work of this machine go before what the calling thread, and threads that it starts, compute.

    A bot beside its worker thus answers at once; a machine with nothing else to do dreams as fast as ever.
    """
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def is_cancelled(worker: Worker, key: Key) -> bool:
    """Whether nobody wants the task `key` any more, while it still runs on `worker`.

    Dask has no public question for this: a worker cannot stop a thread, it only notes that its result will
    be dropped. That note is read here, from whichever thread asks.
    """
    task = worker.state.tasks.get(key)
    return task is not None and task.state == "cancelled"


REFUSALS = (PictureError, RecipeError)
"""Faults of what was asked. They are answered, not raised: Dask logs whatever a task raises as a failure."""


def dream(render: Render, job: str, work: Work) -> Rendered | ValueError:
    """The task of one dream: `render` it, telling progress as events."""
    give_way()
    worker = get_worker()
    told = 0.0

    def tell(progress: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        if progress.preview or now - told >= 0.25:
            told = now
            worker.log_event(TOPIC, {"job": job, "progress": pickle.dumps(progress)})

    try:
        return render(work, tell, lambda: is_cancelled(worker, key_of(job)))
    except REFUSALS as refusal:
        return refusal


_probes = asyncio.Semaphore(2)


async def probe(data: bytes, limits: Limits) -> Probe | ValueError:
    """Look at a picture beside whatever dream is running."""
    async with _probes:
        try:
            return await asyncio.to_thread(probe_picture, data, limits)
        except REFUSALS as refusal:
            return refusal
