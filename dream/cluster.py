"""The processes of a farm: Dask's scheduler, and workers with a nanny each, configured for dreams."""

import asyncio
import logging
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import dask
from dask.utils import parse_timedelta
from distributed import Nanny, Scheduler, Status, rpc
from distributed.security import Security
from distributed.worker_memory import parse_memory_limit

from dream.backbone.fetching import fetched_in_background
from dream.certificates import make_certificate
from dream.environment import forget_secrets
from dream.log import LogSettings, configure
from dream.render import warm
from dream.wire import WIRE_FORMAT
from dream.worker import DreamWorkerPlugin

log = logging.getLogger(__name__)

CANCEL_TIMEOUT = 15.0
"""Seconds after which the worker of a cancelled dream that has not stopped is restarted."""

CLIENT_TIMEOUT = 120.0
"""Seconds for which the scheduler keeps the dreams of a disconnected bot, in case it reconnects."""

WORKER_BYTES = 1_200_000_000
"""The least memory of a worker, in bytes: TensorFlow, the default network and a dream of 512 pixels."""

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
logging.getLogger("distributed.nanny").setLevel(logging.CRITICAL)  # `DreamNanny` logs the same in one line


class ClusterError(Exception):
    """A scheduler that cannot be used until somebody acts; the text is a sentence for the operator."""


class DreamSecurity(Security):  # type: ignore[misc]
    """Dask's TLS settings with OpenSSL's IGNORE_UNEXPECTED_EOF, as Dask closes without a close_notify alert.

    OpenSSL would answer that with an alert of its own. Where it cannot be sent, Python 3.13 leaves the error
    in the thread's OpenSSL error queue, and the next read of another connection raises it. A truncated
    message is still noticed, by its length.
    """

    def get_listen_args(self, role: str) -> dict[str, Any]:
        """Dask's arguments of `listen`."""
        return _ignoring_unexpected_eof(super().get_listen_args(role))

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Dask's arguments of `connect`."""
        return _ignoring_unexpected_eof(super().get_connection_args(role))


def _ignoring_unexpected_eof(arguments: dict[str, Any]) -> dict[str, Any]:
    if context := arguments["ssl_context"]:
        context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return arguments


class DreamScheduler(Scheduler):  # type: ignore[misc]
    """Dask's scheduler, which queues dreams itself and keeps those of a disconnected bot for a while."""

    def __init__(
        self, *, host: str, port: int, security: Security, client_timeout: float = CLIENT_TIMEOUT
    ) -> None:
        super().__init__(
            protocol="tls" if security.require_encryption else "tcp",
            host=host,
            port=port,
            security=security,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
        )
        self._client_timeout = client_timeout

    def identity(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Dask's description of this scheduler, with the wire format as `dreambot`."""
        identity: dict[str, Any] = super().identity(*args, **options)
        return identity | {"dreambot": WIRE_FORMAT}

    def is_rootish(self, ts: Any) -> bool:
        """Every dream waits in the scheduler until a worker is free.

        By default Dask assigns the first few tasks to busy workers ahead of time. If the running dream kills
        the worker, those tasks are counted as failed too.
        """
        return True

    def remove_client(self, client: str, stimulus_id: str | None = None) -> None:
        """Keep a disconnected bot's dreams until it reconnects or `client_timeout` seconds have passed."""
        if gone := self.clients.get(client):
            holder = f"absent-{client}"
            if keys := [task.key for task in gone.wants_what]:
                self.client_desires_keys(keys, holder)
                self.loop.call_later(self._client_timeout, self._forget, holder)
        super().remove_client(client, stimulus_id)

    def _forget(self, holder: str) -> None:
        if absent := self.clients.get(holder):  # one that was absent twice is forgotten once
            self.client_releases_keys([task.key for task in absent.wants_what], holder)
            del self.clients[holder]


async def check_scheduler(address: str, security: Security) -> None:
    """Check that this version can use the scheduler at `address`.

    Raises OSError where none answers within Dask's `comm.timeouts.connect`, and ClusterError where it speaks
    another version's wire format, is no scheduler at all, or needs TLS that is not set up here.
    """
    cancel_timeout = parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))
    try:
        async with asyncio.timeout(cancel_timeout):
            async with rpc(address, connection_args=security.get_connection_args("client")) as scheduler:
                theirs = (await scheduler.identity(n_workers=0)).get("dreambot", WIRE_FORMAT)
    except TypeError as error:
        if security.get_connection_args("client").get("ssl_context"):
            raise
        raise ClusterError(
            f"The scheduler at {address} speaks TLS, which is not set up here: see docs/scale.md"
        ) from error
    except (MemoryError, ValueError) as error:  # its first bytes as a number of frames
        raise ClusterError(
            f"What answers at {address} is no Dask scheduler (farm.scheduler): the port is another service's."
        ) from error
    if theirs != WIRE_FORMAT:
        raise ClusterError(
            f"The scheduler at {address} sends dreams in another version's format ({theirs} there, "
            f"{WIRE_FORMAT} here): install the same version of Dreambot on both."
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
    # Without a number TensorFlow uses all cores, a little faster than with their number.
    per_worker = threads or (workers > 1 and max(1, (cores or 1) // workers))
    environment = {"TF_NUM_INTRAOP_THREADS": str(per_worker)} if per_worker else {}
    if not devices:
        return [environment] * workers
    return [environment | {"CUDA_VISIBLE_DEVICES": devices[i % len(devices)]} for i in range(workers)]


def memory_limit_of(setting: str, workers: int) -> int:
    """How many bytes each of `workers` may take by the setting `farm.memory_limit`; 0 means no limit."""
    limit = 0.9 / workers if setting == "auto" else setting
    return parse_memory_limit(limit, 1, logger=log) or 0


def too_little_memory(setting: str, workers: int) -> str | None:
    """A sentence if each worker's memory limit is less than `WORKER_BYTES`, else None."""
    limit = memory_limit_of(setting, workers)
    if not 0 < limit < WORKER_BYTES:
        return None
    advice = "give this machine more memory" if setting == "auto" else "raise farm.memory_limit"
    if setting == "auto" and workers > 1:
        advice = "set farm.workers lower"
    return (
        f"A worker needs {WORKER_BYTES / 1e6:.0f} MB of memory and may take {limit / 1e6:.0f} MB "
        f"(farm.memory_limit is {setting}): {advice}."
    )


class DreamNanny(Nanny):  # type: ignore[misc]
    """A nanny that reports why its worker ended, with exponential backoff if it ended within a second."""

    def __init__(self, *args: Any, report: Callable[[str], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._report = report
        self._up_since: float | None = None
        self._pause = 0.0

    async def instantiate(self) -> Status:
        """Start a worker."""
        self._up_since = None
        status = await super().instantiate()
        self._up_since = time.monotonic()
        return status

    async def _on_worker_exit(self, exitcode: int) -> None:
        if self.status is Status.running:
            briefly = self._up_since is None or time.monotonic() - self._up_since < 1
            self._pause = min(max(0.1, 2 * self._pause), 60) if briefly else 0.0
            self._report(f"A worker ended ({self._cause(exitcode)}); another starts in {self._pause:g} s.")
            await asyncio.sleep(self._pause)
        await super()._on_worker_exit(exitcode)

    def _cause(self, exitcode: int) -> str:
        limit = self.memory_manager.memory_limit
        if exitcode == -signal.SIGTERM and limit:
            return f"over its memory limit of {limit / 1e6:.0f} MB, farm.memory_limit"
        return signal.Signals(-exitcode).name if exitcode < 0 else f"exit status {exitcode}"


async def supervise_worker(
    address: str,
    environment: dict[str, str],
    *,
    security: Security,
    warm: Callable[[], None],
    memory_limit: int,
    cancel_timeout: float,
    log_settings: LogSettings = LogSettings(),  # noqa: B008 (frozen)
    host: str | None = None,
    report: Callable[[str], None] = log.warning,
) -> None:
    """Keep one worker process running at the scheduler `address` until cancelled.

    Its nanny restarts it when it ends. When the nanny gives up (the worker ended while it started, or the
    scheduler is gone), a new nanny is started. `report` gets one line each time. Raises ClusterError.
    """
    pause = 1.0
    while True:
        try:
            await check_scheduler(address, security)
            nanny = DreamNanny(
                address,
                nthreads=1,
                memory_limit=memory_limit,
                host=host,
                env=environment,
                security=security,
                silence_logs=logging.CRITICAL,
                dashboard=False,
                plugins=(DreamWorkerPlugin(warm, cancel_timeout, log_settings),),
                report=report,
            )
        except OSError as error:
            report(f"No scheduler answers at {address} ({_line(error)}); trying again in {pause:g} s.")
            await asyncio.sleep(pause)
            pause = min(2 * pause, 30)
            continue
        try:
            await nanny
            pause = 1.0
            await nanny.finished()
            report(f"The worker at {address} ended; starting another.")
        except Exception as error:
            report(
                f"A worker did not start ({_line(error.__cause__ or error)}); trying again in {pause:g} s."
            )
        finally:
            await _end(nanny)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 60)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def _end(nanny: Nanny) -> None:
    """Close `nanny` at once, whatever its worker is doing."""
    nanny.close_gracefully()
    try:
        async with asyncio.timeout(10):
            if (worker := nanny.process) and worker.process:
                await worker.process.kill()
                await worker.stopped.wait()  # a nanny whose worker is still starting cannot be closed
            await nanny.close()
    except Exception as error:
        log.warning("A nanny did not close (%s).", _line(error))


@asynccontextmanager
async def worker_processes(
    address: str, *, workers: int, threads: int, memory_limit: str, **options: Any
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Keep this machine's workers running within the block; yields the task that supervises each.

    Secrets are removed from this process's environment, which the workers inherit.
    """
    forget_secrets()
    # Python's resource tracker outlives a process that is killed, and warns of what that process left.
    os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.resource_tracker")
    environments = await asyncio.to_thread(worker_environments, workers, threads)
    limit = memory_limit_of(memory_limit, len(environments))
    tasks = [
        asyncio.create_task(supervise_worker(address, environment, memory_limit=limit, **options))
        for environment in environments
    ]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def local_cluster(**options: Any) -> AsyncIterator[tuple[str, Security, int]]:
    """A scheduler and workers that only this process can use; yields address, keys, and how many workers.

    They listen on loopback, and speak TLS with keys that are made here and kept in memory.
    """
    security = await asyncio.to_thread(_own_keys)
    async with (
        DreamScheduler(host="127.0.0.1", port=0, security=security) as scheduler,
        worker_processes(scheduler.address, host="127.0.0.1", security=security, **options) as tasks,
    ):
        yield scheduler.address, security, len(tasks)


def _own_keys() -> Security:
    """Keys of one start, which outlast it: a worker that joins after years is let in as well."""
    certificate, key = make_certificate(timedelta(days=36_500))
    pair = {
        f"tls_{role}_{part}": pem
        for role in ("client", "scheduler", "worker")
        for part, pem in (("cert", certificate), ("key", key))
    }
    return DreamSecurity(require_encryption=True, tls_ca_file=certificate, **pair)


def worker_memory(dask_scheduler: Scheduler) -> dict[str, int]:
    """The workers of the scheduler in which this function is run, and the bytes of memory of each."""
    return {
        address: int(worker.metrics.get("memory", 0)) for address, worker in dask_scheduler.workers.items()
    }


def scheduler_warnings(dask_scheduler: Scheduler) -> tuple[str, ...]:
    """Sentences on what is wrong with the scheduler in which this function is run."""
    if isinstance(dask_scheduler, DreamScheduler):
        return ()
    return ("The cluster's scheduler is a plain Dask one: start it with `dreambot scheduler`.",)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_unprotected(address: str) -> bool:
    """Whether a scheduler's address is another machine's, reached without TLS."""
    there = _split(address)
    return there.scheme in ("tcp", "ws") and not is_loopback(there.hostname or "")


def _split(address: str) -> SplitResult:
    return urlsplit(address if "://" in address else f"tcp://{address}")


def run_scheduler(
    host: str = "127.0.0.1",
    port: int = 8786,
    *,
    insecure: bool = False,
    client_timeout: float = CLIENT_TIMEOUT,
    log_settings: LogSettings = LogSettings(),  # noqa: B008 (frozen)
) -> int:
    """Serve a cluster's scheduler until SIGTERM or SIGINT; returns the exit status.

    Like workers and bots it speaks TLS where Dask's settings (`distributed.comm`) require encryption; without
    TLS it serves other machines only if `insecure`.
    """
    configure(log_settings)
    security = DreamSecurity()
    if not (security.require_encryption or insecure or is_loopback(host)):
        return _refuse_without_tls(f"{host}:{port}")

    async def serve() -> None:
        async with DreamScheduler(
            host=host, port=port, security=security, client_timeout=client_timeout
        ) as scheduler:
            print(f"Dreambot {WIRE_FORMAT}: scheduler at {scheduler.address}", flush=True)
            await asyncio.Event().wait()

    return _run(serve())


def run_workers(
    address: str,
    *,
    workers: int = 0,
    threads: int = 0,
    memory_limit: str = "auto",
    fetch: bool = True,
    insecure: bool = False,
    warm: Callable[[], None] = warm,
    log_settings: LogSettings = LogSettings(),  # noqa: B008 (frozen)
) -> int:
    """Keep this machine's workers at a cluster's scheduler until SIGTERM or SIGINT; returns the exit status.

    Without TLS they join another machine's scheduler only if `insecure`. With `fetch`, missing weights are
    downloaded in the background.
    """
    there = _split(address)
    if is_unprotected(address) and not insecure:
        return _refuse_without_tls(f"this machine or {there.netloc}")
    configure(log_settings)
    options: dict[str, Any] = {
        "log_settings": log_settings,
        "threads": threads,
        "memory_limit": memory_limit,
        "cancel_timeout": CANCEL_TIMEOUT,
        "security": DreamSecurity(),
        "host": "127.0.0.1" if is_loopback(there.hostname or "") else None,
    }

    async def serve() -> None:
        async with (
            fetched_in_background() if fetch else nullcontext(),
            worker_processes(address, workers=workers, warm=warm, **options) as tasks,
        ):
            many = f"{len(tasks)} worker{'s' if len(tasks) != 1 else ''}"
            print(f"Dreambot {WIRE_FORMAT}: {many} for {address}, once warm", flush=True)
            await asyncio.gather(*tasks)

    return _run(serve())


def _refuse_without_tls(where: str) -> int:
    """Say why a part of a cluster does not serve other machines; returns the exit status."""
    print(
        f"Without TLS whoever reaches {where} can run programs on the whole cluster: make keys with "
        "`dreambot certificates` (docs/scale.md), or say --insecure in a network that is yours alone.",
        file=sys.stderr,
    )
    return 2


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
        except ClusterError as error:
            print(error, file=sys.stderr)
        except (
            RuntimeError,
            OSError,
            TypeError,
        ) as error:  # Dask's, of a port that is taken or TLS without keys
            print(_line(error.__cause__ or error), file=sys.stderr)
        return 1

    return asyncio.run(main())
