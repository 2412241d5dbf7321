"""A cluster: scheduler and workers in processes of their own, and bots that come and go."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import dask
import psutil
import pytest

import dream
from dream.certificates import write_certificates
from dream.cluster import DreamSecurity, is_unprotected
from dream.dreamer import Cancelled
from dream.farm import Farm, FarmError
from tests.support import farm_dreams

PHOTO = Path(dream.__file__).parent / "samples" / "chelsea.jpg"

SCHEDULER = """
import sys
from dream.cluster import run_scheduler
sys.exit(run_scheduler(port={port}, client_timeout={client_timeout}))
"""
WORKERS = """
import sys
from tests.support import farm_dreams
from dream.cluster import run_workers

if __name__ == "__main__":
    sys.exit(run_workers(sys.argv[1], workers=1, fetch=False, warm=farm_dreams.warm))
"""
BOT = """
import asyncio, sys
from tests.support import farm_dreams
from dream.farm import Farm

async def main():
    async with Farm(scheduler=sys.argv[1], render=farm_dreams.render) as farm:
        await asyncio.gather(*[farm.dream(recipe, farm_dreams.work(recipe)) for recipe in sys.argv[2:]])

if __name__ == "__main__":
    asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Cluster:
    """Processes that a test starts and kills by hand."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._folder = folder
        self._processes: list[psutil.Popen] = []

    def scheduler(self, *, client_timeout: float = 60, before: str = "") -> psutil.Popen:
        process = self._start("-c", before + SCHEDULER.format(port=self.port, client_timeout=client_timeout))
        assert "scheduler at" in process.stdout.readline()
        return process

    def workers(self) -> psutil.Popen:
        return self._program("a_box.py", WORKERS, self.address)

    def bot(self, *recipes: str) -> psutil.Popen:
        """A bot that asks for dreams whose recipes are their keys, too."""
        return self._program("a_bot.py", BOT, self.address, *recipes)

    def farm(self) -> Farm:
        return Farm(scheduler=self.address, render=farm_dreams.render)

    def _program(self, name: str, text: str, *words: str) -> psutil.Popen:
        file = self._folder / name
        file.write_text(text)
        return self._start(str(file), *words)

    def _start(self, *words: str) -> psutil.Popen:
        process = psutil.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            if process.is_running():
                for each in [*process.children(recursive=True), process]:
                    each.kill()
            print(*process.communicate())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


async def until(true: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def ended(process: psutil.Popen) -> int:
    return int(await asyncio.to_thread(process.wait, 20))


def attempts(note: Path) -> int:
    return len(note.read_text().splitlines())


async def test_a_bot_uses_the_workers_that_join_and_does_without_those_that_leave(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.scheduler()
    async with cluster.farm() as farm:
        assert farm.capacity == 0
        waiting = asyncio.create_task(farm.dream("first", farm_dreams.work("")))
        boxes = [cluster.workers(), cluster.workers()]
        await waiting
        await until(lambda: farm.capacity == 2)
        status = await farm.status()
        assert (status.scheduler, status.workers, status.warnings) == (cluster.address, 2, ())
        note = tmp_path / "attempts"
        dreaming = asyncio.create_task(farm.dream("second", farm_dreams.work(f"note={note} sleep=1")))
        await until(note.exists)
        worker = psutil.Process(int(note.read_text()))
        box = next(box for box in boxes if worker in box.children(recursive=True))
        box.send_signal(signal.SIGTERM)
        assert await ended(box) == 0
        assert int((await dreaming).data) != worker.pid
        await until(lambda: farm.capacity == 1)


async def test_a_restarted_bot_takes_over_what_runs_and_what_waits(cluster: Cluster, tmp_path: Path) -> None:
    running, waiting = f"note={tmp_path}/running sleep=3", f"note={tmp_path}/waiting sleep=60"
    cluster.scheduler()
    cluster.workers()
    bot = cluster.bot(running, waiting)
    await until((tmp_path / "running").exists)
    bot.kill()
    await ended(bot)
    async with cluster.farm() as farm:
        tasks = [asyncio.create_task(farm.dream(text, farm_dreams.work(text))) for text in (running, waiting)]
        await tasks[0]
        assert attempts(tmp_path / "running") == 1
        await until((tmp_path / "waiting").exists)
        await farm.cancel(waiting)
        with pytest.raises(Cancelled):
            await tasks[1]
        await farm.dream("the next", farm_dreams.work(""))


async def test_a_dream_stops_when_its_bot_is_gone_for_good(cluster: Cluster, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    cluster.scheduler(client_timeout=0.5)
    cluster.workers()
    bot = cluster.bot(f"note={note} sleep=60")
    await until(note.exists)
    bot.kill()
    await ended(bot)
    async with asyncio.timeout(20), cluster.farm() as farm:
        await farm.dream("another bot's", farm_dreams.work(""))


async def test_everything_comes_back_after_the_scheduler(cluster: Cluster, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    scheduler = cluster.scheduler()
    cluster.workers()
    async with cluster.farm() as farm:
        dreaming = asyncio.create_task(farm.dream("the job", farm_dreams.work(f"note={note} sleep=1")))
        await until(note.exists)
        scheduler.send_signal(signal.SIGKILL)
        await ended(scheduler)
        probing = asyncio.create_task(farm.probe(PHOTO.read_bytes()))
        await asyncio.sleep(0.5)
        cluster.scheduler()
        assert (await probing).format == "JPEG"
        heard: list[int] = []
        await dreaming
        work = farm_dreams.work("sleep=0.2")
        await farm.dream("the next", work, lambda progress: heard.append(progress.step))
    assert heard


async def test_the_keys_that_are_made_for_a_cluster_let_their_holders_in_alone(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificates(tmp_path / "keys", timedelta(days=1))
    monkeypatch.setenv("DASK_CONFIG", f"{tmp_path}/keys")
    cluster.address = cluster.address.replace("tcp://", "tls://")
    cluster.scheduler()
    cluster.workers()
    assert await ended(cluster.bot(f"note={tmp_path}/dreamt")) == 0
    assert (tmp_path / "dreamt").exists()
    write_certificates(tmp_path / "others", timedelta(days=1))
    for keys in ("others", "none"):
        monkeypatch.setenv("DASK_CONFIG", f"{tmp_path}/{keys}")
        monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
        assert await ended(cluster.bot(f"note={tmp_path}/{keys}-dreamt")) != 0
        assert not (tmp_path / f"{keys}-dreamt").exists()


async def test_another_version_is_refused(cluster: Cluster) -> None:
    cluster.scheduler(before="import dream.cluster; dream.cluster.WIRE_FORMAT = 'ab99'")
    with pytest.raises(FarmError, match="ab99 there"):
        await cluster.farm().start()
    box = cluster.workers()
    assert await ended(box) == 1
    assert "install the same version" in box.stderr.read()


async def test_a_scheduler_leaves_quietly(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    async with cluster.farm():
        pass
    scheduler.send_signal(signal.SIGTERM)
    assert await ended(scheduler) == 0
    assert scheduler.stderr.read() == ""


async def test_no_scheduler_is_one_sentence(cluster: Cluster) -> None:
    impatient = dask.config.set({"distributed.comm.timeouts.connect": "0.5s"})
    with impatient, pytest.raises(FarmError, match=r"farm\.scheduler"):
        await cluster.farm().start()


async def test_a_box_without_keys_is_told_so(cluster: Cluster) -> None:
    cluster.address = cluster.address.replace("tcp://", "tls://")
    box = cluster.workers()
    assert await ended(box) == 1
    said = box.stderr.read()
    assert "TLS" in said and len(said.splitlines()) == 1


async def test_a_scheduler_is_reached_from_this_machine_alone_unless_told(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    box = cluster.workers()
    async with cluster.farm() as farm:
        await farm.dream("the only", farm_dreams.work(""))
        processes = [scheduler, box, *box.children(recursive=True)]
        listening = {
            connection.laddr.ip
            for process in processes
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}


async def test_workers_that_are_waited_for_in_vain_are_mentioned(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dream.farm.NO_WORKER_ALERT_SECONDS", 0.2)
    monkeypatch.setattr("dream.farm.WATCH_SECONDS", 0.1)
    cluster.scheduler()
    async with cluster.farm() as farm:
        await until(lambda: farm.warning)
        assert f"dreambot worker {cluster.address}" in str((await farm.status()).warnings)
        cluster.workers()
        await until(lambda: not farm.warning)


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        ("tcp://10.0.0.5:8786", True),
        ("box:8786", True),
        ("ws://box:8786", True),
        ("tls://10.0.0.5:8786", False),
        ("wss://box:8786", False),
        ("tcp://127.0.0.1:8786", False),
        ("localhost:8786", False),
    ],
)
def test_another_machines_scheduler_without_tls_is_warned_of(address: str, is_it: bool) -> None:
    assert is_unprotected(address) == is_it


def test_a_connection_that_ends_without_close_notify_is_not_answered() -> None:
    """The alert that OpenSSL sent broke other connections with Python 3.13, so that no dream was done."""
    security = DreamSecurity.temporary()
    listening = security.get_listen_args("scheduler")["ssl_context"]
    listening.num_tickets = 0
    connecting = security.get_connection_args("client")["ssl_context"]
    for leaver in (0, 1):
        ours, theirs = socket.socketpair()
        with ThreadPoolExecutor(1) as pool:
            accepting = pool.submit(listening.wrap_socket, ours, server_side=True)
            ends = [connecting.wrap_socket(theirs), accepting.result()]
        with socket.socket(fileno=ends[leaver].detach()) as left:
            left.shutdown(socket.SHUT_WR)
            assert ends[1 - leaver].recv(1) == b""
            ends[1 - leaver].close()
            assert left.recv(100) == b""
