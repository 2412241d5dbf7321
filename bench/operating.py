"""What an operator relies on, under load: the metrics' sums, backups, and how soon trouble shows.

    python -m bench.operating [--dreams 100] [--seed 0] [--postgres]

Members ask for dreams, which only sleep, through the Discord stand-in. Every scrape of /metrics must hold the
sum asked + taken over = done + failed + cancelled + moved + queued + dreaming. In the middle a backup is made
and restored elsewhere, into a database of the same kind: every job that was committed before it began must be
there, each with its picture. `--postgres` has a private PostgreSQL server instead of SQLite.
Then workers are killed, die for ever, and a disk is full: how soon /readyz says so.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from bench.support.discord_client import ROOT, Wire
from bench.support.postgres import PostgresServer
from bench.table import row
from bot.store.database import Database
from bot.store.jobs import Job, Picture

PICTURE = ("rocket.jpg", (ROOT / "dream/samples/rocket.jpg").read_bytes())
BOT, REAL_BOT = ("bench.bot_process",), ("bot.cli", "run")


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@asynccontextmanager
async def bot(wire: Wire, data: Path, port: str, *program: str, **more: str) -> AsyncIterator[Path]:
    """A bot that runs within the block; yields the file of its log."""
    seconds = {f"DREAMBOT_QUEUE__{whose}_SECONDS": "100000" for whose in ("MEMBER", "SERVER", "TOTAL")}
    own = {"DREAMBOT_DATA": str(data), "DREAMBOT_MONITORING__PORT": port}
    log = data.with_suffix(".log")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *program),
            cwd=ROOT,
            env=os.environ | wire.environment | seconds | own | more,
            stdout=output,
            stderr=output,
        )
    try:
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)


async def page(port: str, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def until_ready(port: str) -> None:
    async with asyncio.timeout(120):
        while True:
            with suppress(aiohttp.ClientError):
                if (await page(port, "/readyz"))[0] == 200:
                    return
            await asyncio.sleep(0.1)


def sums(text: str) -> tuple[int, int]:
    """What came in, and what became of it, by a scrape."""
    values: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values[sample.name] += int(sample.value)
    came = values["dreambot_jobs_asked_total"] + values["dreambot_jobs_taken_over_total"]
    went = values["dreambot_jobs_ended_total"] + values["dreambot_jobs_moved_total"] + values["dreambot_jobs"]
    return came, went


async def scrape(port: str, found: list[tuple[int, int]]) -> None:
    while True:
        found.append(sums((await page(port, "/metrics"))[1]))
        await asyncio.sleep(0.1)


async def jobs_in(url: str) -> tuple[set[str], set[str]]:
    """The jobs of a database, and those of them that have lost their picture."""
    database = Database(url)
    async with database.session() as session:
        jobs = {*await session.scalars(select(Job.id))}
        bare = select(Job.id).where(Job.has_source, Job.id.not_in(select(Picture.job_id)))
        without = {*await session.scalars(bare)}
    await database.close()
    return jobs, without


async def command(data: Path, url: str, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", *words),
        cwd=ROOT,
        env=os.environ | {"DREAMBOT_DATA": str(data), "DREAMBOT_STORE__URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(said.decode())
    return said.decode()


async def load(folder: Path, dreams: int, chance: random.Random, here: str, there: str) -> None:
    """Dreams, scrapes and a backup at once; `here` and `there` are the databases' URLs."""
    data, port, scrapes = folder / "bot", free_port(), list[tuple[int, int]]()
    data.mkdir()
    async with Wire(limits=False) as wire, bot(wire, data, port, *BOT, DREAMBOT_STORE__URL=here) as log:
        await until_ready(port)
        scraping = asyncio.create_task(scrape(port, scrapes))
        began = time.perf_counter()
        for number in range(dreams):
            recipe = f"block8 steps={chance.randint(1, 8)}"
            await wire.say(f"!dream {recipe}", PICTURE, channel=f"0/channel-{number % 10}")
        async with asyncio.timeout(300):
            while await ended(port) < dreams // 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        committed, _ = await jobs_in(here)
        took = time.perf_counter()
        await command(data, here, "backup", str(folder / "backup.tar"))
        took = time.perf_counter() - took
        async with asyncio.timeout(300):
            while (await ended(port)) < dreams or log.read_text().count('"delivered"') < dreams:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        seconds = time.perf_counter() - began
        scraping.cancel()
    restored = folder / "restored"
    restored.mkdir()
    await command(restored, there, "restore", str(folder / "backup.tar"))
    kept, without = await jobs_in(there)
    lines = map(json.loads, re.findall(r"^\{.*\}$", log.read_text(), re.MULTILINE))
    lives = Counter(line["event"] for line in lines if "job" in line)
    wrong = [sample for sample in scrapes if sample[0] != sample[1]]
    row("dreams", dreams, f"in {seconds:.0f} s")
    row("scrapes whose sum is wrong", len(wrong), f"of {len(scrapes)}")
    for event in ("asked", "begun", "done", "delivered"):
        row(f"log lines “{event}”", lives[event])
    row("backup while they are dreamt", took, "s", f"{(folder / 'backup.tar').stat().st_size / 1e6:.1f} MB")
    row("jobs committed before it and not restored", len(committed - kept), f"of {len(committed)}")
    row("restored jobs without their picture", len(without))
    assert committed and not wrong and not committed - kept and not without and lives["delivered"] >= dreams


async def ended(port: str) -> int:
    _, text = await page(port, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return sum(
        int(sample.value) for sample in families["dreambot_jobs_ended"].samples if "_total" in sample.name
    )


async def seconds_until(port: str, said: str) -> float:
    """Seconds until /readyz says something."""
    began = time.perf_counter()
    async with asyncio.timeout(120):
        while True:
            with suppress(aiohttp.ClientError):
                status, text = await page(port, "/readyz")
                if status == 503 and said in text:
                    return time.perf_counter() - began
            await asyncio.sleep(0.1)


async def trouble(folder: Path) -> None:
    """How soon /readyz tells of a killed worker, of workers that die for ever, and of a full disk."""
    data, port = folder / "killed", free_port()
    data.mkdir()
    async with Wire() as wire, bot(wire, data, port, *BOT):
        await until_ready(port)
        for child in psutil.Process().children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        row("/readyz is 503 after a worker was killed", await seconds_until(port, "No worker is up"), "s")
        began = time.perf_counter()
        await until_ready(port)
        row("and 200 again, with the next worker", time.perf_counter() - began, "s")
    for name, program, environment, said in (
        ("no worker lives", REAL_BOT, {"DREAMBOT_FARM__MEMORY_LIMIT": "200MB"}, "No worker has been up"),
        ("the disk is full", BOT, {"DREAMBOT_STORE__FREE_BYTES": str(1 << 60)}, "store.free_bytes"),
    ):
        data, port = folder / name.replace(" ", "-"), free_port()
        data.mkdir()
        async with Wire() as wire, bot(wire, data, port, *program, **environment):
            row(f"/readyz is 503 where {name}", await seconds_until(port, said), "s", "after the start")


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dreams", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL instead of SQLite")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dreambot-"))
        here, there = (f"sqlite:///{folder}/{name}/dreambot.db" for name in ("bot", "restored"))
        if given.postgres:
            server = stack.enter_context(PostgresServer())
            here, there = server.create_database(), server.create_database()
        await load(Path(folder), given.dreams, random.Random(given.seed), here, there)
        await trouble(Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
