"""Renders dreams on Dask workers: this machine's worker processes, or a cluster's.

The bot has one `Farm`, and neither renders nor decodes pictures itself. Dask is imported by `Farm.start`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pickle
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dream.dreamer import Cancelled
from dream.log import QUIET, LogSettings
from dream.picture import Limits, Probe
from dream.picture_folder import PictureFolder
from dream.render import Progress, Rendered, Sights, Work, render, warm
from dream.texts import Text

if TYPE_CHECKING:
    from distributed import Client, Future

    from dream.worker import Render

log = logging.getLogger(__name__)


NO_WORKER_ALERT_SECONDS = 30.0
"""Seconds without a worker after which operators are warned."""

NO_TLS = (
    "Pictures go to {} without TLS, and whoever reaches it can run programs on the whole cluster: make keys "
    "with `dreambot certificates` (docs/scale.md)."
)
"""What operators read of a cluster's scheduler that is reached without TLS."""

WATCH_SECONDS = 2.0
"""How often the workers are counted."""


class FarmError(Exception):
    """A dream or the farm failed. The text is one sentence for the member."""


@dataclass(frozen=True, slots=True)
class Status:
    """The farm's state: `workers` of `capacity` are connected; `warnings` are sentences for operators."""

    scheduler: str
    workers: int
    capacity: int
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Dream:
    on_progress: Callable[[Progress], None]
    future: Future
    cancelled: bool = False


class Farm:
    """Runs dreams on Dask workers.

    `scheduler` is a cluster's address, such as "tcp://10.0.0.5:8786"; empty means worker processes of this
    machine: `workers` of them, or with 0 one per GPU, or one. `threads` of the CPU and `memory_limit` are for
    each worker; 0 and "auto" give each an equal share of the machine. The worker of a cancelled dream that
    has not stopped after `cancel_timeout` seconds is restarted. `render` and `warm` run in the workers, which
    import them by their module's name.
    """

    def __init__(
        self,
        *,
        scheduler: str = "",
        workers: int = 0,
        threads: int = 0,
        memory_limit: str = "auto",
        cancel_timeout: float = 15,
        log_settings: LogSettings = QUIET,
        render: Render = render,
        warm: Callable[[], None] = warm,
    ) -> None:
        self.capacity = 0
        """How many dreams the farm runs at once."""
        self.workers: dict[str, int] = {}
        """The addresses of the workers that are up, and the bytes of memory of each."""
        self._cluster = scheduler
        self._local = {
            "workers": workers,
            "threads": threads,
            "memory_limit": memory_limit,
            "cancel_timeout": cancel_timeout,
            "log_settings": log_settings,
            "warm": warm,
            "report": self._worker_ended,
        }
        self._is_started = False
        self._is_unprotected = False
        self._alerted = False
        self._last_end = ""
        self._render = render
        self._dreams: dict[str, _Dream] = {}
        self._client: Client
        self._pictures: PictureFolder | None = None
        self._parts = AsyncExitStack()

    async def start(self) -> None:
        """Start the scheduler and the workers, or join the cluster, unless that was done before.

        Does not wait for workers to be warm.

        Raises FarmError where no scheduler answers within Dask's `comm.timeouts.connect`, or one that this
        version cannot work with.
        """
        if self._is_started:
            return
        self._is_started = True
        await asyncio.to_thread(import_module, "dream.cluster")
        from distributed import Client

        from dream import cluster

        address, security = self._cluster, cluster.DreamSecurity()
        if address:
            self._is_unprotected = cluster.is_unprotected(address)
            if self._is_unprotected:
                log.warning("%s", NO_TLS.format(address))
            try:
                await cluster.check_scheduler(address, security)
            except cluster.ClusterError as error:
                raise FarmError(str(error)) from None
            except OSError:
                raise FarmError(
                    f"No scheduler answers at {address} (farm.scheduler): start one there with "
                    f"`dreambot scheduler`, or leave the setting empty to dream on this machine."
                ) from None
        else:
            local_cluster = cluster.local_cluster(**self._local)
            address, security, self.capacity = await self._parts.enter_async_context(local_cluster)
            self._pictures = PictureFolder()
            self._pictures.open()
            self._parts.callback(self._pictures.close)
        # Dask's client reconnects for as long as `timeout`: for ever, as far as a bot is concerned.
        client = Client(address, asynchronous=True, set_as_default=False, timeout=10**8, security=security)
        self._client = await self._parts.enter_async_context(client)
        if self._cluster:
            self.capacity = await self._count()
        watching = asyncio.create_task(self._watch())
        self._parts.callback(watching.cancel)

    async def close(self) -> None:
        """Stop what `start` started, dreams included; a cluster's workers stay."""
        await self._parts.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def probe(self, data: bytes, limits: Limits = Limits()) -> Probe:  # noqa: B008 (frozen)
        """Probe a picture in a worker, which may be rendering meanwhile. Waits while there is no worker.

        Raises PictureError, or FarmError where two workers in turn end before they answer.
        """
        from dream import worker

        examining = self._examine(worker.probe, data, limits)
        del data  # a large picture waits as a file
        found = await examining
        assert isinstance(found, Probe)
        return found

    async def see(self, data: bytes, most: int, limits: Limits) -> Sights:
        """What the networks see in a picture, looked at in a worker as `probe` does; raises the same."""
        from dream import worker

        examining = self._examine(worker.see, data, most, limits)
        del data
        found = await examining
        assert isinstance(found, Sights)
        return found

    async def read_recipe(self, data: bytes, limits: Limits) -> str | None:
        """The recipe that a picture file carries, if it does, read in a worker. Raises FarmError."""
        from dream import worker

        examining = self._examine(worker.read_recipe, data, limits)
        del data
        found = await examining
        assert found is None or isinstance(found, str)
        return found

    async def _examine(self, task: Callable[..., object], data: bytes, *arguments: object) -> object:
        """The result of a worker's task on a picture. Raises what it returns, or FarmError."""
        picture = await self._pictures.put(data) if self._pictures else data
        del data
        try:
            for _ in range(2):
                address = await self._pick_worker()
                try:
                    found = await self._run_on_worker(address, task, picture, *arguments)
                except OSError as error:
                    log.warning("The worker at %s ended while it looked at a picture (%s).", address, error)
                    await asyncio.sleep(1)  # the scheduler may know it for a moment longer
                    continue
                if isinstance(found, Exception):
                    raise found
                return found
        finally:
            if self._pictures:
                self._pictures.remove(picture)
        raise FarmError(
            Text("The workers ended while they looked at this picture; please try again in a minute.")
        )

    async def dream(
        self, key: str, work: Work, on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> Rendered:
        """Render `work`; if a dream with the same `key` still runs on the cluster, wait for that one instead.

        Cancelling this call stops the dream. Raises PictureError, RecipeError, Cancelled, or FarmError with a
        sentence for the member.
        """
        if self._pictures is None:
            return await self._dream(key, work, on_progress)
        files: list[bytes | Path] = []

        async def put(picture: bytes | Path | None) -> bytes | Path | None:
            if not isinstance(picture, bytes) or self._pictures is None:
                return picture
            files.append(await self._pictures.put(picture))
            return files[-1]

        try:
            work = dataclasses.replace(work, source=await put(work.source), guide=await put(work.guide))
            return await self._dream(key, work, on_progress)
        finally:
            for file in files:
                self._pictures.remove(file)

    async def _dream(self, key: str, work: Work, on_progress: Callable[[Progress], None]) -> Rendered:
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        from dream import worker

        while True:
            self._client.subscribe_topic(worker.TOPIC, self._on_progress_event)
            future = self._client.submit(worker.dream, self._render, key, work, key=worker.key_of(key))
            mine = self._dreams[key] = _Dream(on_progress, future)
            try:
                rendered: Rendered | Exception = await future
            except asyncio.CancelledError:
                await self.cancel(key)
                raise
            except (FutureCancelledError, Cancelled) as error:
                if mine.cancelled:
                    raise Cancelled from None
                log.warning("Dream %s is asked for again: %s", key, error)
                await asyncio.sleep(0.5)
                continue
            except KilledWorker:
                raise FarmError(
                    Text(
                        "This dream stopped its worker three times, so I gave it up; a smaller size may work."
                    )
                ) from None
            except MemoryError:
                raise FarmError(
                    Text("This dream needs more memory than there is; please try a smaller size.")
                ) from None
            except Exception as error:
                log.exception("Dream %s broke.", key)
                raise FarmError(
                    Text("This dream broke in a way I did not expect; the operator's log says how.")
                ) from error
            finally:
                self._dreams.pop(key, None)
                future.release()
            if isinstance(rendered, Exception):
                raise rendered
            return rendered

    async def cancel(self, key: str) -> None:
        """Cancel the dream `key`. Its `dream` call raises Cancelled at once, before its worker stops."""
        if mine := self._dreams.get(key):
            mine.cancelled = True
            await self._client.cancel([mine.future], force=True)

    async def status(self) -> Status:
        """The current state, for `doctor` and `!about`."""
        from dream import cluster

        workers = await self._count()
        warnings = await self._client.run_on_scheduler(cluster.scheduler_warnings)
        if warning := self.warning:
            warnings += (warning,)
        if self._is_unprotected:
            warnings += (NO_TLS.format(self._cluster),)
        return Status(self._client.scheduler.address, workers, self.capacity, warnings)

    async def _pick_worker(self) -> str:
        """The address of a worker; waits while there is none, or no scheduler."""
        workers: dict[str, int]
        while True:
            try:
                await self._client.wait_for_workers(1)
                workers = await self._client.nthreads()
            except OSError:
                await asyncio.sleep(0.5)
                continue
            if workers:
                return random.choice(list(workers))

    async def _run_on_worker(self, address: str, function: Callable[..., object], *args: object) -> object:
        """The result of `function` in the worker at `address`. Raises OSError if that worker ends first."""
        answer = asyncio.ensure_future(self._client.run(function, *args, workers=[address]))
        gone = asyncio.create_task(self._until_gone(address))
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise OSError("its process is gone")
            return (await answer)[address]
        finally:
            answer.cancel()
            gone.cancel()

    async def _until_gone(self, address: str) -> None:
        while True:
            await asyncio.sleep(0.5)
            if address not in await self._client.nthreads():
                return

    async def _count(self) -> int:
        return sum((await self._client.nthreads()).values())

    async def _watch(self) -> None:
        """Poll the workers; log which come and go, and when none was up for `NO_WORKER_ALERT_SECONDS`."""
        from dream import cluster

        absent = -NO_WORKER_ALERT_SECONDS  # the first ones take their time to load a network
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            before = self.workers
            try:
                self.workers = await self._client.run_on_scheduler(cluster.worker_memory)
                threads = await self._count()
            except OSError:
                self.workers, threads = {}, 0
            for address in self.workers.keys() - before.keys():
                log.info("a worker is up", extra={"worker": address})
            for address in before.keys() - self.workers.keys():
                log.warning("a worker is gone", extra={"worker": address})
            if self._cluster:
                self.capacity = threads
            # One that is up for a moment between two deaths counts little.
            absent = max(0.0, absent - NO_WORKER_ALERT_SECONDS / 2) if threads else absent + WATCH_SECONDS
            if absent >= NO_WORKER_ALERT_SECONDS and not self._alerted:
                self._alerted = True
                log.error("%s", self.warning)
            elif not absent and self._alerted:
                self._alerted = False
                log.warning("A worker is up again.")

    @property
    def warning(self) -> str | None:
        """A sentence for operators once no worker has been up for `NO_WORKER_ALERT_SECONDS`, else None."""
        if not self._alerted:
            return None
        sentence = f"No worker has been up for {NO_WORKER_ALERT_SECONDS:g} s, so that nothing is dreamt"
        if self._cluster:
            return f"{sentence}: start some with `dreambot worker {self._cluster}`."
        return f"{sentence}; `dreambot doctor` may say why. {self._last_end}".strip()

    def _worker_ended(self, line: str) -> None:
        self._last_end = line
        log.warning("%s", line)

    def _on_progress_event(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        if mine := self._dreams.get(message["job"]):
            mine.on_progress(pickle.loads(message["progress"]))
