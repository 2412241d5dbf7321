"""What the farm costs: starting, asking, dreaming in a worker instead of here, and the event loop meanwhile.

    python -m bench.farm

Dreams are real ones, of the bundled network, of a 512-pixel photograph. One line a measurement.
"""

import asyncio
import contextlib
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from bench.table import row
from dream.dreamer import Cancelled
from dream.farm import Farm
from dream.picture import PictureError
from dream.recipe import Recipe
from dream.render import Progress, Rendered, Work, render, warm
from dream.worker import lower_priority

PICTURE = (Path(__file__).parents[1] / "dream/samples/chelsea.jpg").read_bytes()
RECIPE = "block8+block11 size=512 seed=1"
MEGABYTES = 8


def timed(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Dream; instead of the picture return the median seconds of a step at full size, as text."""
    seconds: list[float] = []
    before = Progress(0, 0, 0, 0, 0.0, 0.0), 0.0

    def tell(progress: Progress) -> None:
        nonlocal before
        on_progress(progress)
        now = time.perf_counter()
        if before[0].octave == progress.octave == progress.octaves:
            seconds.append(now - before[1])
        before = progress, now

    rendered = render(work, tell, cancelled)
    return Rendered(str(statistics.median(seconds)).encode(), rendered.filename, rendered.report)


def heavy(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Dream, and return a large file."""
    rendered = render(work, on_progress, cancelled)
    return Rendered(os.urandom(MEGABYTES * 10**6), rendered.filename, rendered.report)


def nothing(work: Work, *_: object) -> Rendered:
    """No dream at all: what remains is the farm."""
    return Rendered(b"", "", None)


async def steps_inside() -> float:
    async with Farm(render=timed) as farm:
        work = Work(PICTURE, Recipe.parse(f"{RECIPE} steps=12"))
        return min([float((await farm.dream(f"{i}", work)).data) for i in range(4)])


def steps_outside() -> float:
    lower_priority()  # as workers do: on a machine that has other work, priority makes all the difference
    warm()
    work = Work(PICTURE, Recipe.parse(f"{RECIPE} steps=12"))
    return min(float(timed(work, lambda progress: None, lambda: False).data) for _ in range(4))


def measured_alone(what: str) -> float:
    """A measurement of this bench in a process of its own."""
    command = [sys.executable, "-m", "bench.farm", what]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@contextlib.asynccontextmanager
async def lag() -> AsyncIterator[list[float]]:
    """Collects in milliseconds how late this event loop is, 200 times a second."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            late.append(1000 * (time.perf_counter() - due))

    watching = asyncio.create_task(watch())
    yield late
    watching.cancel()


async def median_of(times: int, call: Callable[[int], object]) -> float:
    """The median milliseconds of awaiting `call`."""
    took = []
    for i in range(times):
        began = time.perf_counter()
        await call(i)  # type: ignore[misc]
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def worker_memory() -> float:
    """The megabytes that the only worker of this process takes up."""
    return max(child.memory_info().rss for child in psutil.Process().children(recursive=True)) / 1e6


async def asking() -> None:
    began = time.perf_counter()
    async with Farm(render=nothing) as farm:
        row("start: until the bot may go on", time.perf_counter() - began, "s")
        await farm.probe(PICTURE)
        row("start: until the worker is warm", time.perf_counter() - began, "s")
        row("  this process", psutil.Process().memory_info().rss / 1e6, "MB resident")
        row("  its warm worker", worker_memory(), "MB resident")
        row(
            "a dream of nothing, there and back",
            await median_of(100, lambda i: farm.dream(f"{i}", Work(None, Recipe.parse(RECIPE)))),
            "ms",
        )
        row("a look at a picture", await median_of(50, lambda i: farm.probe(PICTURE)), "ms")


async def dreaming() -> None:
    noise = io.BytesIO()
    side = int((MEGABYTES * 1e6 / 3) ** 0.5)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)).save(noise, "PNG")
    work = Work(noise.getvalue(), Recipe.parse(RECIPE))
    async with Farm(render=heavy) as farm:
        await farm.dream("first", work)
        async with lag() as late:
            for i in range(5):
                dream = asyncio.create_task(farm.dream(f"{i}", work))
                await median_of(3, lambda _: farm.probe(PICTURE))
                await dream
        late.sort()
        for share in (50, 99, 100):
            row(
                f"loop lag, worker flat out, {MEGABYTES} MB in and out: {share} % of the time under",
                late[len(late) * share // 100 - 1],
                "ms",
            )
        row("  its worker after such dreams", worker_memory(), "MB resident")
        dream = asyncio.create_task(farm.dream("busy", work))
        await asyncio.sleep(1)
        row("a look at a picture beside a dream", await median_of(20, lambda i: farm.probe(PICTURE)), "ms")
        await farm.cancel("busy")
        with contextlib.suppress(Cancelled):
            await dream
        row(
            "a cancelled dream's worker is free again, at worst",
            max([await freed(farm, i) for i in range(5)]),
            "s",
        )


async def freed(farm: Farm, number: int) -> float:
    """The seconds from a cancel until the worker has taken and ended the next task."""
    begun = asyncio.Event()
    work = Work(PICTURE, Recipe.parse(f"{RECIPE} steps=100"))
    dream = asyncio.create_task(farm.dream(f"cancelled-{number}", work, lambda progress: begun.set()))
    await begun.wait()
    began = time.perf_counter()
    await farm.cancel(f"cancelled-{number}")
    with contextlib.suppress(Cancelled):
        await dream
    with contextlib.suppress(PictureError):
        await farm.dream(f"refused-{number}", Work(b"", Recipe.parse(RECIPE)))
    return time.perf_counter() - began


async def throughput(workers: int) -> float:
    """Dreams a minute of a farm with so many workers."""
    work = Work(PICTURE, Recipe.parse(RECIPE))
    async with Farm(workers=workers) as farm:
        await asyncio.gather(*(farm.dream(f"first-{i}", work) for i in range(2 * workers)))
        began = time.perf_counter()
        await asyncio.gather(*(farm.dream(f"{i}", work) for i in range(12)))
        return 12 * 60 / (time.perf_counter() - began)


async def main() -> None:
    outside, inside = [], []
    for _ in range(2):
        outside.append(await asyncio.to_thread(measured_alone, "outside"))
        inside.append(await asyncio.to_thread(measured_alone, "inside"))
    row("a step inside a worker / one outside", min(inside) / min(outside), "")
    row("a step outside", min(outside), "s")
    one, two = await throughput(1), await throughput(2)
    row(f"dreams a minute of two workers / of one, {os.cpu_count()} cores", two / one, "")
    row("dreams a minute of one worker", one, "")
    await asking()
    await dreaming()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["outside"]:
            print(steps_outside())
        case ["inside"]:
            print(asyncio.run(steps_inside()))
        case _:
            asyncio.run(main())
