"""What the queue costs, and how well it foretells.

    python -m bench.queue [line] [rows] [flood] [estimates]

`line` and `rows` compare a long queue with a short one. In `flood` one member asks for a hundred dreams (that
sleep), and others, who come one after another, for their first. `estimates` predicts each of a mix of real
dreams before it is dreamt. Both have one worker of this machine.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from bot.queue.estimates import Estimates
from bot.queue.fairness import Line, Waiting
from bot.queue.jobs import Ask, Ledger

from bench import pretended
from bench.table import percentile, row
from bot.clock import Clock
from bot.queue.queue import Queue
from bot.store.database import Database
from bot.store.jobs import Job, Kind, State
from config.schema import Config
from config.schema import Queue as QueueLimits
from dream.dreamer import Report
from dream.farm import Farm
from dream.picture import Limits
from dream.recipe import Recipe
from dream.render import Rendered, Work

WHAT = ["line", "rows", "flood", "estimates"]
SAMPLES = sorted((Path(__file__).parents[1] / "dream/samples").glob("*.jpg"))
REPORT = Report("block8", "efficientnet_lite0", ("block8",), "bundled", None, 64, 64, 1, 0.0, 0.0, 1.0)


def line() -> None:
    """Taking the next job and adding another, with a thousand and with twenty thousand waiting."""
    took: dict[int, float] = {}
    for size in (1000, 20_000):
        line, chance = Line(), random.Random(0)
        for number in range(size):
            line.add(Waiting(str(number), Kind.DREAM, chance.randrange(2000), chance.randrange(3), 2.0))
        now = Clock().now()
        began = time.perf_counter()
        for number in range(2000):
            job = line.take(now)
            assert job
            line.add(Waiting(f"again {number}", Kind.DREAM, job.guild_id, job.member_id, 2.0))
        took[size] = (time.perf_counter() - began) / 2000
    row("whose turn it is: 20,000 waiting against 1,000", took[20_000] / took[1000], "times")
    row("  with 20,000 waiting", took[20_000] * 1e6, "µs a job")


async def rows(folder: Path) -> None:
    """A job's committed rows, one after another, with few and with many jobs in the database."""
    database = Database(f"sqlite:///{folder}/rows.db")
    await database.open()
    ledger = Ledger(database, Clock())
    ask = Ask(recipe="block8", source=SAMPLES[0].read_bytes(), guild_id=1, member_id=1)
    small = Ask(recipe="block8", source=None, guild_id=1, member_id=1)

    async def lives(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            job, _ = await ledger.add(ask, (512, 512), 2.0)
            await ledger.start(job.id)
            await ledger.rendered(job.id, Rendered(ask.source or b"", "dream.png", REPORT))
            await ledger.finish(job.id, State.DONE)
        return (time.perf_counter() - began) / count

    few = await lives(200)
    for _ in range(20_000):
        await ledger.add(small, None, 2.0)
    many = await lives(200)
    await database.close()
    row("a job's four transactions: 20,000 jobs stored against none", many / few, "times")
    row(f"  with a photograph of {len(ask.source or b'') / 1e3:.0f} kB in and out", many * 1e3, "ms")


async def flood(folder: Path) -> None:
    database = Database(f"sqlite:///{folder}/flood.db")
    await database.open()
    farm = Farm(workers=1, memory_limit="0", render=pretended.render, warm=pretended.warm)
    await farm.start()
    much = QueueLimits(member_seconds=10**9, server_seconds=10**9, total_seconds=10**9)
    queue = Queue(database, farm, Clock(), Config(data=folder, queue=much))
    await queue.open()
    delays: list[int] = []
    try:

        async def ask(member: int, guild: int = 1) -> Job:
            ask = Ask(recipe="block8 steps=4", source=None, guild_id=guild, member_id=member)
            return await queue.submit(ask)

        async def flood_left() -> int:
            return len(await queue.ledger.unfinished(Job.member_id == 0))

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


async def estimates(folder: Path, dreams: int = 60) -> None:
    chance = random.Random(1)
    database = Database(f"sqlite:///{folder}/estimates.db")
    await database.open()
    model = Estimates(database)
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
            foretold = model.seconds(recipe, probe.width, probe.height)
            began = time.monotonic()
            await farm.dream(f"dream-{number}", Work(picture, recipe, preview_size=0))
            took = time.monotonic() - began
            model.learn(recipe, probe.width, probe.height, took)
            errors.append(abs(foretold - took) / took)
    finally:
        await farm.close()
        await database.close()
    row("estimates: median error of the first twenty dreams", statistics.median(errors[:20]), "of the time")
    row(f"estimates: median error of the next {dreams - 20}", statistics.median(errors[20:]), "of the time")
    row("  90th percentile", percentile(errors[20:], 0.9), "of the time")


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
                case "line":
                    line()
                case "rows":
                    asyncio.run(rows(Path(folder)))
                case "flood":
                    asyncio.run(flood(Path(folder)))
                case "estimates":
                    asyncio.run(estimates(Path(folder)))


if __name__ == "__main__":
    main()
