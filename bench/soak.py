"""The bot at full load for long, with faults: what its processes keep, and whether everybody is answered.

    python -m bench.soak [--minutes 60] [--rate 4] [--faults 60]

Members ask for dreams of photographs, skies, large and damaged pictures, press buttons and type nonsense.
Every so many seconds a worker is killed, the connection is dropped, or Discord fails for a while. Dreams only
sleep. Each row is of the bot's process. After some minutes of load, and again at the end, it is let come to
rest: these two rows are compared.
"""

import argparse
import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.answers import at_rate
from bench.hostile import SAMPLES, mutated_pictures
from bench.support.discord_client import ROOT, Wire
from bench.table import row
from bench.uploads import photo

CHANNELS = 20
WARM_UP = 5
"""Minutes of load before the first row, after which the process has loaded and cached what it needs."""
QUIET = 180
"""Seconds after the last command within which everything has to be answered."""

REST = 30
"""Seconds after which idle connections to Discord are closed."""


class Soak:
    """The load, and what was asked."""

    def __init__(self, wire: Wire, process: psutil.Popen, folder: Path) -> None:
        self.wire, self.process, self.folder = wire, process, folder
        self.chance = random.Random(1)
        self.damaged = mutated_pictures(self.chance)
        self.asked: list[tuple[str, str]] = []
        self.kills = 0

    async def ask(self, number: int) -> None:
        """One member does one thing."""
        channel, author = f"channel-{number % CHANNELS}", f"member-{self.chance.randrange(50)}"
        recipe = f"block8 steps={self.chance.choice((1, 2, 5))}"
        match self.chance.randrange(10):
            case 0 | 1 | 2 | 3:
                files = [("photo.jpg", self.chance.choice(SAMPLES).read_bytes())]
            case 4 | 5:
                files = [("damaged.jpg", next(self.damaged))]
            case 6:
                files = [photo(self.chance.choice((3, 12)))]
            case 7:
                await self.press(channel, author)
                return
            case _:
                files = []
        without = (f"!sky {recipe}", "!layers", "!dream x!")
        words = f"!dream {recipe}" if files else self.chance.choice(without)
        said = await self.wire.say(words, *files, channel=channel, author=author)
        self.asked.append((channel, said["id"]))

    async def press(self, channel: str, author: str) -> None:
        """Press a button under the newest dream there, if there is one."""
        for message in reversed(await self.wire.answers(channel)):
            buttons = [button["custom_id"] for row in message["components"] for button in row["components"]]
            if any(id.startswith("again:") for id in buttons):
                await self.wire.press(message, "again", author)
                return

    async def break_something(self, every: float) -> None:
        for number in itertools.count():
            await asyncio.sleep(every)
            match number % 3:
                case 0:
                    workers = [
                        child
                        for child in self.process.children()
                        if "spawn_main" in " ".join(child.cmdline())
                    ]
                    for worker in workers[:1]:
                        worker.kill()
                        self.kills += 1
                case 1:
                    await self.wire.call("drop")
                case _:
                    await self.wire.call("fail", method="PATCH", path=".*", status=503, code=0, times=20)

    def tell(self, what: str) -> tuple[float, int]:
        family = self.process.children(recursive=True)
        memory, files = self.process.memory_info().rss / 1e6, self.process.num_fds()
        disk = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()) / 1e6
        left = len([*Path(tempfile.gettempdir()).glob("dreambot-pictures-*/*")])
        row(
            what,
            f"{memory:.0f} MB, {files} descriptors, {self.process.num_threads()} threads, {len(family)} "
            f"children, {disk:.0f} MB on disk, {left} pictures handed over",
        )
        return memory, files

    async def quiet(self) -> tuple[float, int]:
        """Wait until everybody is answered, and tell what the process then keeps."""
        deadline = time.monotonic() + QUIET
        while any(await self.unanswered()) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(2)
        await asyncio.sleep(REST)
        return self.tell("quiet")

    async def unanswered(self) -> tuple[int, int]:
        """How many of those who asked see nothing, and how many see a dream that has not ended."""
        ended: set[str] = set()
        waiting: set[str] = set()
        for channel in {channel for channel, _ in self.asked}:
            for answer in await self.wire.answers(channel):
                if reference := answer.get("message_reference"):
                    is_over = not any(word in answer["content"] for word in ("Dreaming", "in line", "▰"))
                    (ended if is_over else waiting).add(reference["message_id"])
        asked = {id for _, id in self.asked}
        return len(asked - ended - waiting), len(asked & waiting - ended)


async def bench(minutes: int, rate: float, faults: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Wire(limits=False) as wire:
            environment = wire.environment | {"DREAMBOT_DATA": str(folder / "data"), "TMPDIR": str(folder)}
            tempfile.tempdir = str(folder)
            process = psutil.Popen(
                [sys.executable, "-m", "bench.bot_process"],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=subprocess.DEVNULL,
                stderr=(folder / "log").open("w"),
            )
            try:
                await measure(Soak(wire, process, folder), minutes, rate, faults)
            finally:
                process.send_signal(signal.SIGTERM)
                family = process.children(recursive=True)
                process.wait(120)  # it gives running dreams half a minute, and messages as long
                row("children left after it", str(len(psutil.wait_procs(family, timeout=10)[1])))
                log = (folder / "log").read_text()
                row("tracebacks in its log", str(log.count("Traceback") + log.count('"exception"')))


async def load(soak: Soak, minutes: int, rate: float, faults: float) -> None:
    breaking = asyncio.create_task(soak.break_something(faults))
    for minute in range(minutes):
        await at_rate(rate, 60, soak.ask)
        silent, waiting = await soak.unanswered()
        soak.tell(f"minute {minute + 1}; {silent} unanswered, {waiting} in line")
    breaking.cancel()


async def measure(soak: Soak, minutes: int, rate: float, faults: float) -> None:
    while not (await soak.wire.get("state"))["sessions"]:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await load(soak, WARM_UP, rate, faults)
    first = await soak.quiet()
    await load(soak, minutes, rate, faults)
    last = await soak.quiet()
    row("asked", f"{len(soak.asked)}; {soak.kills} workers killed")
    silent, waiting = await soak.unanswered()
    row("not answered", f"{silent}; {waiting} dreams still in line")
    row("memory against the quiet before", f"{last[0] / first[0]:.2f} times")
    row("descriptors against the quiet before", f"{last[1] - first[1]:+}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--minutes", type=int, default=60)
    arguments.add_argument("--rate", type=float, default=4, help="commands a second")
    arguments.add_argument("--faults", type=float, default=60, help="seconds from one to the next")
    given = arguments.parse_args()
    asyncio.run(bench(given.minutes, given.rate, given.faults))
