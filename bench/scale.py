"""Many servers, many workers: how the queue and a real Dask scheduler carry what two cores can only pretend.

    python -m bench.scale [--jobs 20000] [--servers 2000] [--workers 64] [--seconds 2]

A scheduler and workers run in processes of their own; a dream sleeps. Jobs come in bursts from random servers
and members. Dispatch cost is this process's own CPU time for each job that ends, with few and many waiting.
"""

import argparse
import asyncio
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from sqlalchemy import func, select

from bench.table import row
from bot.app import RECONCILE_SECONDS
from bot.clock import Clock
from bot.periodic import Periodic
from bot.queue.queue import Queue
from bot.queue.request import DreamRequest
from bot.store.database import Database
from bot.store.jobs import Job, State
from config.schema import Config
from config.schema import Queue as Limits
from dream.dreamer import Report
from dream.farm import Farm
from dream.recipe import Recipe
from dream.render import Progress, Rendered, Work

WORKER_PROCESSES = 4
REPORT = Report("block8 seed=1", "efficientnet_lite0", ("block8",), "bundled", None, 64, 64, 1, 0.0, 0.0, 1.0)


def sleep(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """A dream: as many tenths of a second as the recipe has steps."""
    time.sleep((work.recipe.steps or 1) / 10)
    return Rendered(b"a dream", "dream.png", REPORT)


def nothing() -> None:
    """Warm already."""


def run_scheduler(address: "multiprocessing.Queue[str]") -> None:
    from distributed.security import Security

    from dream.cluster import DreamScheduler

    async def serve() -> None:
        async with DreamScheduler(host="127.0.0.1", port=0, security=Security()) as scheduler:
            address.put(scheduler.address)
            await scheduler.finished()

    asyncio.run(serve())


def run_workers(address: str, count: int) -> None:
    from distributed import Worker

    from dream import cluster  # its Dask settings  # noqa: F401
    from dream.worker import DreamWorkerPlugin

    async def serve() -> None:
        workers = [
            Worker(
                address,
                nthreads=1,
                memory_limit=0,
                dashboard=False,
                plugins=[DreamWorkerPlugin(nothing, 15.0)],
                name=f"{multiprocessing.current_process().name}-{number}",
            )
            for number in range(count)
        ]
        await asyncio.gather(*workers)
        await asyncio.gather(*(worker.finished() for worker in workers))

    asyncio.run(serve())


class Watched(Queue):
    """Notes the time, this process's CPU time and how many jobs wait, at each job's end."""

    def watch(self) -> None:
        self.ends: list[tuple[float, float, int]] = []

    def ended(
        self, id: str, job: Job | None, rendered: Rendered | None, seconds: float, cause: str = ""
    ) -> None:
        super().ended(id, job, rendered, seconds, cause)
        self.ends.append((time.perf_counter(), time.process_time(), len(self.waiting)))


async def scale(folder: Path, jobs: int, servers: int, workers: int, seconds: float) -> None:
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=run_scheduler, args=(answer,))]
    processes[0].start()
    address = await asyncio.to_thread(answer.get, True, 60)
    share = workers // WORKER_PROCESSES
    for _ in range(WORKER_PROCESSES):
        processes.append(context.Process(target=run_workers, args=(address, share)))
        processes[-1].start()
    farm = Farm(scheduler=address, render=sleep, warm=nothing)
    limits = Limits(member_seconds=10**9, server_seconds=10**9, total_seconds=10**9)
    database = Database(f"sqlite:///{folder}/scale.db")
    try:
        await farm.start()
        await database.open()
        queue = Watched(database, farm, Clock(), Config(data=folder, queue=limits))
        queue.watch()
        while farm.capacity < workers:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        row("workers", farm.capacity, "")
        await queue.open()
        periodic = Periodic()
        periodic.every_seconds(RECONCILE_SECONDS, queue.reconcile)
        periodic.open()
        await measure(queue, database, psutil.Process(processes[0].pid), jobs, servers, workers, seconds)
        await periodic.close()
        await queue.close()
        await database.close()
        await farm.close()
    finally:
        for process in processes:
            process.kill()


async def measure(
    queue: Watched,
    database: Database,
    scheduler: psutil.Process,
    jobs: int,
    servers: int,
    workers: int,
    seconds: float,
) -> None:
    chance = random.Random(0)
    recipe = Recipe.parse(f"block8 steps={round(seconds * 10)}")
    began, cpu = time.perf_counter(), time.process_time()
    submitted: list[Job] = []
    while len(submitted) < jobs:
        for _ in range(min(chance.randint(1, 400), jobs - len(submitted))):
            request = DreamRequest(
                recipe=recipe,
                source=None,
                guild_id=chance.randrange(servers) + 1,
                member_id=chance.randrange(3 * servers),
            )
            submitted.append(await queue.submit(request))
        await asyncio.sleep(chance.uniform(0, 0.2))
    taken_in = time.perf_counter() - began
    row("jobs taken in while dreams are handed out", jobs / taken_in, "a second")
    row("  this process's CPU time meanwhile", (time.process_time() - cpu) / taken_in, "of a core")
    while len(queue.ends) < jobs:
        await asyncio.sleep(0.5)
        print(f"\r{len(queue.ends)} of {jobs}", end="", flush=True)
    print("\r", end="")
    async with database.session() as session:
        done = await session.scalar(select(func.count()).where(Job.state == State.DONE))
    row("jobs asked for", len({job.id for job in submitted}), "")
    row("jobs done, by their rows", done or 0, "")
    full = [entry for entry in queue.ends if entry[2] > 2 * workers and entry[0] > began + 10]
    span = full[-1][0] - full[0][0]
    row("workers busy while the queue is full", len(full) * seconds / (span * workers), "of the time")
    row("dreams a second", len(full) / span, "")
    row("the bot's process: CPU time", (full[-1][1] - full[0][1]) / len(full) * 1e3, "ms a dream")
    row("the scheduler's: CPU time", sum(scheduler.cpu_times()[:2]) / jobs * 1e3, "ms a dream")
    row("the bot's process: memory", psutil.Process().memory_info().rss / 1e6, "MB resident")
    row("the scheduler's: memory", scheduler.memory_info().rss / 1e6, "MB resident")
    after = [entry for entry in queue.ends if entry[0] > began + taken_in]
    many = [entry for entry in after if entry[2] > 0.8 * max(e[2] for e in after)]
    few = [entry for entry in after if 2 * workers < entry[2] < max(1000, 4 * workers)]
    cost = {
        name: (part[-1][1] - part[0][1]) / max(len(part) - 1, 1)
        for name, part in (("many", many), ("few", few))
    }
    row(f"dispatch with {many[0][2]} waiting against {few[0][2]}", cost["many"] / cost["few"], "times")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--servers", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scale(Path(folder), given.jobs, given.servers, given.workers, given.seconds))


if __name__ == "__main__":
    main()
