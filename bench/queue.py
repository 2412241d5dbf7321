"""What the queue costs and how well it shares, on this machine.

    python -m bench.queue [fair_queue] [rows] [flood] [cost_model] [estimates]

`fair_queue` and `rows` compare many waiting jobs with few. In `flood` one member asks for a hundred dreams
(that sleep), and others, who come one after another, for their first. `cost_model` predicts each of a mix of
real dreams before it is dreamt. In `estimates` four members ask for stills, clips and zooms, each for the
next when the last is done, and the times at which each is said to be ready are compared with when it was.
The last three have one worker of this machine.
"""

import argparse
import asyncio
import io
import random
import statistics
import tempfile
import time
from pathlib import Path

from PIL import Image

from bench.support import pretended_dreams
from bench.table import percentile, row
from bot.clock import Clock
from bot.queue.cost_model import CostModel
from bot.queue.fair_queue import FairQueue, QueuedJob
from bot.queue.queue import Queue
from bot.queue.repository import JobRepository
from bot.queue.request import DreamRequest
from bot.store.database import Database
from bot.store.jobs import Job, Kind
from bot.store.lease import Lease
from config.schema import Config
from config.schema import Queue as QueueLimits
from dream.dreamer import Report
from dream.farm import Farm
from dream.picture import Limits
from dream.recipe import Recipe
from dream.render import Rendered, Work

WHAT = ["fair_queue", "rows", "flood", "cost_model", "estimates"]
RECIPE = Recipe.parse("block8 steps=4")
SAMPLES = sorted((Path(__file__).parents[1] / "dream/samples").glob("*.jpg"))
MEMBERS = 4
REPORT = Report("block8", "efficientnet_lite0", ("block8",), "bundled", None, 64, 64, 1, 0.0, 0.0, 1.0)


def fair_queue() -> None:
    """Taking the next job and adding another, with a thousand and with twenty thousand waiting."""
    took: dict[int, float] = {}
    for size in (1000, 20_000):
        waiting, chance = FairQueue(), random.Random(0)
        for number in range(size):
            waiting.add(QueuedJob(str(number), Kind.DREAM, chance.randrange(2000), chance.randrange(3), 2.0))
        now = Clock().now()
        began = time.perf_counter()
        for number in range(2000):
            job = waiting.take(now)
            assert job
            waiting.add(QueuedJob(f"again {number}", Kind.DREAM, job.guild_id, job.member_id, 2.0))
        took[size] = (time.perf_counter() - began) / 2000
    row("whose turn it is: 20,000 waiting against 1,000", took[20_000] / took[1000], "times")
    row("  with 20,000 waiting", took[20_000] * 1e6, "µs a job")


async def rows(folder: Path) -> None:
    """A job's committed rows, one after another, with few and with many jobs in the database."""
    database = Database(f"sqlite:///{folder}/rows.db")
    await database.open()
    lease = Lease(database)
    await lease.renew()
    jobs = JobRepository(database, lease, Clock())
    photo = SAMPLES[0].read_bytes()

    async def add(source: bytes | None) -> str:
        request = DreamRequest(recipe=RECIPE, source=source, guild_id=1, member_id=1)
        job, _ = await jobs.add(jobs.new_id(), request, (512, 512), 2.0)
        return job.id

    async def lives(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            id = await add(photo)
            await jobs.start(id)
            await jobs.complete(id, Rendered(photo, "dream.png", REPORT))
        return (time.perf_counter() - began) / count

    few = await lives(200)
    for _ in range(20_000):
        await add(None)
    many = await lives(200)
    await database.close()
    row("a job's three transactions: 20,000 jobs stored against none", many / few, "times")
    row(f"  with a photograph of {len(photo) / 1e3:.0f} kB in and out", many * 1e3, "ms")


async def flood(folder: Path) -> None:
    database = Database(f"sqlite:///{folder}/flood.db")
    await database.open()
    farm = Farm(workers=1, memory_limit="0", render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    much = QueueLimits(member_seconds=10**9, server_seconds=10**9, total_seconds=10**9)
    queue = Queue(database, farm, Clock(), Config(data=folder, queue=much))
    await queue.open()
    delays: list[int] = []
    try:

        async def ask(member: int, guild: int = 1) -> Job:
            return await queue.submit(
                DreamRequest(recipe=RECIPE, source=None, guild_id=guild, member_id=member)
            )

        async def flood_left() -> int:
            return len(await queue.jobs.unfinished(Job.member_id == 0))

        for number in range(100):
            flooding = await ask(0)
            if number == 0:
                await queue.finished(flooding.id)
        for newcomer in range(1, 21):
            before = await flood_left()
            first = await ask(newcomer, guild=1 + newcomer % 2)
            await queue.finished(first.id)
            delays.append(before - await flood_left())
        left = await flood_left()
    finally:
        await queue.close()
        await farm.close()
        await database.close()
    row("dreams of a flood of a hundred before another's first, at worst", max(delays), f"({left} were left)")


async def cost_model(folder: Path, dreams: int = 60) -> None:
    chance = random.Random(1)
    database = Database(f"sqlite:///{folder}/cost_model.db")
    await database.open()
    model = CostModel(database)
    farm = Farm(workers=1)
    await farm.start()
    errors: list[float] = []
    try:
        for number in range(dreams):
            layer = chance.choice(["block8", "block8+block11", "fire7", "fire8+fire9"])
            size, steps = chance.choice([160, 240, 320, 400]), chance.randint(2, 10)
            recipe = Recipe.parse(f"{layer} size={size} steps={steps} octaves={chance.randint(1, 4)} seed=1")
            picture = chance.choice(SAMPLES).read_bytes()
            probe = await farm.probe(picture, Limits())
            expected = model.seconds(recipe, probe.width, probe.height)
            began = time.monotonic()
            await farm.dream(f"dream-{number}", Work(picture, recipe, preview_size=0))
            took = time.monotonic() - began
            model.learn(recipe, probe.width, probe.height, took)
            errors.append(abs(expected - took) / took)
    finally:
        await farm.close()
        await database.close()
    row("cost model: median error of the first twenty dreams", statistics.median(errors[:20]), "of the time")
    row(f"cost model: median error of the next {dreams - 20}", statistics.median(errors[20:]), "of the time")
    row("  90th percentile", percentile(errors[20:], 0.9), "of the time")


def mixed(chance: random.Random, clip: bytes) -> tuple[Recipe, bytes]:
    """What a member asks for: a still more often than not, else a clip or a zoom."""
    layer = chance.choice(["block8", "block8+block11", "fire7"])
    size = chance.choice([240, 320, 480])
    kind = chance.choices(["still", "clip", "zoom"], [6, 2, 2])[0]
    if kind == "clip":
        return Recipe.parse(f"{layer} size={size} seed=1"), clip
    picture = chance.choice(SAMPLES).read_bytes()
    if kind == "zoom":
        return Recipe.parse(f"{layer} zoom=1.03 seconds=1 size={size} seed=1"), picture
    steps, octaves = chance.randint(4, 12), chance.randint(2, 4)
    return Recipe.parse(f"{layer} size={size} steps={steps} octaves={octaves} seed=1"), picture


def gif(frames: int = 12) -> bytes:
    """A window that moves over a photograph."""
    picture = Image.open(SAMPLES[0]).convert("RGB").resize((400, 300))
    first, *others = (picture.crop((3 * i, 0, 3 * i + 320, 240)) for i in range(frames))
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=50, loop=0)
    return file.getvalue()


async def estimates(folder: Path, learnt: int = 16, dreams: int = 24) -> None:
    """How far the time that is shown for a dream is off, as a share of the wait that is left, at any moment.

    The first dreams are learnt from and not counted; nor are the last five seconds, shown as "in a moment".
    """
    chance, clip = random.Random(2), gif()
    database = Database(f"sqlite:///{folder}/estimates.db")
    await database.open()
    farm = Farm(workers=1)
    await farm.start()
    much = QueueLimits(member_seconds=10**9, server_seconds=10**9, total_seconds=10**9)
    queue = Queue(database, farm, Clock(), Config(data=folder, queue=much))
    await queue.open()
    said: dict[str, list[tuple[float, float]]] = {}
    ended: dict[str, float] = {}
    videos: set[str] = set()

    async def ask(member: int) -> str:
        recipe, picture = mixed(chance, clip)
        job = await queue.submit(DreamRequest(recipe=recipe, source=picture, guild_id=1, member_id=member))
        if job.kind is Kind.ZOOM:
            videos.add(job.id)
        return job.id

    async def watch(id: str) -> None:
        finished = asyncio.create_task(queue.finished(id))
        while not finished.done():
            if ready := queue.ready_at(id):
                left = (ready - queue.clock.now()).total_seconds()
                said.setdefault(id, []).append((time.monotonic(), left))
            await asyncio.wait({finished}, timeout=0.5)
        ended[id] = time.monotonic()

    async def ask_in_turn(member: int, count: int) -> None:
        for _ in range(count):
            await watch(await ask(member))
            await asyncio.sleep(chance.expovariate(0.5))

    try:
        for _ in range(learnt):
            await queue.finished(await ask(0))
        async with asyncio.TaskGroup() as members:
            for member in range(1, MEMBERS + 1):
                members.create_task(ask_in_turn(member, dreams // MEMBERS))
    finally:
        await queue.close()
        await farm.close()
        await database.close()
    errors: dict[bool, list[float]] = {True: [], False: []}
    for id, moments in said.items():
        for at, left in moments:
            really = ended[id] - at
            if really >= 5:
                errors[id in videos].append(abs(left - really) / really)
    every = errors[True] + errors[False]
    row(f"countdowns of {dreams} dreams: median error at any moment", statistics.median(every), "of the wait")
    row("  90th percentile", percentile(every, 0.9), "of the wait")
    row(f"  of videos ({len(videos & said.keys())} of them)", statistics.median(errors[True]), "of the wait")
    row("  of pictures", statistics.median(errors[False]), "of the wait")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help=f"any of {', '.join(WHAT)}; all if none is named")
    given = parser.parse_args()
    if unknown := set(given.what).difference(WHAT):
        parser.error(f"unknown: {', '.join(unknown)}")
    for what in given.what or WHAT:
        with tempfile.TemporaryDirectory() as folder:
            match what:
                case "fair_queue":
                    fair_queue()
                case "rows":
                    asyncio.run(rows(Path(folder)))
                case "flood":
                    asyncio.run(flood(Path(folder)))
                case "cost_model":
                    asyncio.run(cost_model(Path(folder)))
                case "estimates":
                    asyncio.run(estimates(Path(folder)))


if __name__ == "__main__":
    main()
