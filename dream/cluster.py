"""The processes of a farm: Dask's scheduler and nannied workers, with the settings that dreaming needs."""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import Any

import dask
from distributed import Nanny, Scheduler, rpc
from distributed.security import Security

from dream.backbone.fetching import fetched_in_background
from dream.render import warm
from dream.worker import Dreaming

log = logging.getLogger(__name__)

ENGINE = version("dreambot")
"""What must be equal on all machines of a farm: they send each other Python objects."""

PATIENCE = 15.0
"""Seconds that a cancelled dream may go on before its worker is restarted."""

ABSENCE = 120.0
"""Seconds that a cluster goes on dreaming for a bot that has gone, in case it comes back."""

dask.config.set(
    {
        "distributed.nanny.pre-spawn-environ": {"TF_CPP_MIN_LOG_LEVEL": 3},
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.allowed-failures": 2,
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.active-memory-manager.start": False,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.worker.profile.enabled": False,
        # The nanny restarts a worker that is over its limit; a worker must neither write pictures to disk
        # before, nor pause for good because TensorFlow keeps its memory.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        # Pictures are large messages, and Dask keeps the last messages of everybody.
        "distributed.admin.large-graph-warning-threshold": "1GiB",
        "distributed.admin.low-level-log-length": 10,
        "distributed.admin.system-monitor.gil.enabled": False,
    }
)


logging.getLogger("distributed").setLevel(logging.ERROR)


class EngineMismatch(Exception):  # noqa: N818
    """A scheduler of another Dreambot version. Its text is one sentence for the operator."""


class DreamScheduler(Scheduler):  # type: ignore[misc]
    """Dask's scheduler with two habits: dreams wait here, and they outlive their bot for a while."""

    def __init__(self, *, host: str | None, port: int, absence: float = ABSENCE) -> None:
        protocol = "tls" if Security().require_encryption else "tcp"
        super().__init__(
            protocol=protocol, host=host, port=port, dashboard=False, dashboard_address="127.0.0.1:0"
        )
        self._absence = absence

    def identity(self, *args: Any, **options: Any) -> dict[str, Any]:
        """What anybody who asks is told of this scheduler; the version too."""
        identity: dict[str, Any] = super().identity(*args, **options)
        return identity | {"dreambot": ENGINE}

    def is_rootish(self, ts: Any) -> bool:
        """Every dream waits in the scheduler until a worker is free.

        By default Dask hands the first few tasks to busy workers ahead of time, where a dream that kills
        its worker would be counted against them too.
        """
        return True

    def remove_client(self, client: str, stimulus_id: str | None = None) -> None:
        """Keep what a bot that has gone was dreaming, until it is back or `absence` seconds are over."""
        if gone := self.clients.get(client):
            holder = f"absent-{client}"
            if keys := [task.key for task in gone.wants_what]:
                self.client_desires_keys(keys, holder)
                self.loop.call_later(self._absence, self._forget, holder)
        super().remove_client(client, stimulus_id)

    def _forget(self, holder: str) -> None:
        self.client_releases_keys([task.key for task in self.clients[holder].wants_what], holder)
        del self.clients[holder]


async def check_engine(address: str) -> None:
    """Raise EngineMismatch where the scheduler at `address` belongs to another version of Dreambot."""
    async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
        theirs = (await scheduler.identity(n_workers=0)).get("dreambot", ENGINE)
    if theirs != ENGINE:
        raise EngineMismatch(
            f"The scheduler at {address} runs Dreambot {theirs} and this is {ENGINE}: "
            "install the same version on both."
        )


def gpus() -> list[str]:
    """The GPUs of this machine, as CUDA_VISIBLE_DEVICES names them."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    if not (tool := shutil.which("nvidia-smi")):
        return []
    listing = [tool, "--query-gpu=index", "--format=csv,noheader"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=False)
    return listed.stdout.split() if listed.returncode == 0 else []


def worker_environments(workers: int, threads: int) -> list[dict[str, str]]:
    """The environment of each worker of this machine: `workers` of them, or with 0 one per GPU, or one.

    `threads` of the CPU are TensorFlow's in each; 0 gives it an even share.
    """
    devices = gpus()
    workers = workers or len(devices) or 1
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    # TensorFlow takes all cores by itself, and a little better than when it is told their number.
    told = threads or (workers > 1 and max(1, (cores or 1) // workers))
    environment = {"TF_NUM_INTRAOP_THREADS": str(told)} if told else {}
    if not devices:
        return [environment] * workers
    return [environment | {"CUDA_VISIBLE_DEVICES": devices[i % len(devices)]} for i in range(workers)]


async def keep_worker(
    address: str,
    environment: dict[str, str],
    *,
    warm: Callable[[], None],
    memory_limit: str | float,
    patience: float,
    host: str | None = None,
) -> None:
    """Keep one worker process alive at the scheduler `address` until cancelled.

    Its nanny restarts it when it dies; this starts over when the nanny gives up, as it does when the worker
    dies while starting or when the scheduler goes away. Raises EngineMismatch.
    """
    while True:
        try:
            await check_engine(address)
            nanny = Nanny(
                address,
                nthreads=1,
                memory_limit=memory_limit,
                host=host,
                env=environment,
                silence_logs=logging.ERROR,
                dashboard=False,
                plugins=(Dreaming(warm, patience),),
            )
        except OSError as error:
            log.warning("No scheduler answers at %s (%s); trying again.", address, error)
            await asyncio.sleep(2)
            continue
        try:
            await nanny
            await nanny.finished()
            log.warning("The worker at %s ended; starting another.", address)
        except Exception as error:
            log.warning("A worker did not start (%s); trying again.", error)
        finally:
            await _end(nanny)
        await asyncio.sleep(1)


async def _end(nanny: Nanny) -> None:
    """Close `nanny` at once, whatever its worker is doing."""
    nanny.close_gracefully()
    if nanny.process and nanny.process.process:
        await nanny.process.process.kill()
    await nanny.close()


@asynccontextmanager
async def crew(
    address: str, *, workers: int, threads: int, memory_limit: str, **options: Any
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Keep this machine's workers alive within the block; yields one task for each."""
    environments = await asyncio.to_thread(worker_environments, workers, threads)
    limit = 0.9 / len(environments) if memory_limit == "auto" else memory_limit
    tasks = [
        asyncio.create_task(keep_worker(address, environment, memory_limit=limit, **options))
        for environment in environments
    ]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def local(**options: Any) -> AsyncIterator[tuple[str, int]]:
    """A scheduler and workers that only this machine can reach; yields the address and how many workers."""
    async with (
        DreamScheduler(host="127.0.0.1", port=0) as scheduler,
        crew(scheduler.address, host="127.0.0.1", **options) as tasks,
    ):
        yield scheduler.address, len(tasks)


def scheduler_warnings(dask_scheduler: Scheduler) -> tuple[str, ...]:
    """What is not as dreams need it at a scheduler, as sentences; runs in the scheduler."""
    if isinstance(dask_scheduler, DreamScheduler):
        return ()
    return ("The cluster's scheduler is a plain Dask one: start it with `dreambot scheduler`.",)


def run_scheduler(host: str = "", port: int = 8786, absence: float = ABSENCE) -> int:
    """Serve a cluster's scheduler until SIGTERM or SIGINT; returns the exit status.

    Like workers and bots it speaks TLS where Dask's settings (`distributed.comm`) require encryption.
    """

    async def serve() -> None:
        async with DreamScheduler(host=host or None, port=port, absence=absence) as scheduler:
            print(f"Dreambot {ENGINE}: scheduler at {scheduler.address}", flush=True)
            if not scheduler.security.require_encryption and host != "127.0.0.1":
                print(
                    "Whoever reaches this port can run programs on the cluster: keep it in a private network."
                )
            await asyncio.Event().wait()

    return _run(serve())


def run_workers(
    address: str,
    *,
    workers: int = 0,
    threads: int = 0,
    memory_limit: str = "auto",
    fetch: bool = True,
    warm: Callable[[], None] = warm,
) -> int:
    """Keep this box's workers at a cluster's scheduler until SIGTERM or SIGINT; returns the exit status.

    With `fetch` InceptionV3's weights are fetched meanwhile, where they are missing.
    """
    options: dict[str, Any] = {"threads": threads, "memory_limit": memory_limit, "patience": PATIENCE}

    async def serve() -> None:
        async with (
            fetched_in_background() if fetch else nullcontext(),
            crew(address, workers=workers, warm=warm, **options) as tasks,
        ):
            await asyncio.gather(*tasks)

    return _run(serve())


def _run(serve: Coroutine[Any, Any, None]) -> int:
    """Run `serve` until it fails (1) or a signal asks it to stop (0)."""

    async def main() -> int:
        task = asyncio.create_task(serve)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return 0
        except EngineMismatch as error:
            print(error, file=sys.stderr)
        except RuntimeError as error:  # what Dask makes of a failed start, such as a port that is taken
            print(error.__cause__ or error, file=sys.stderr)
        return 1

    return asyncio.run(main())
