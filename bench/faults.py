"""What survives when bots and workers are killed: every dream that was asked for is answered exactly once.

    python -m bench.faults [--dreams 200] [--kills 25] [--bots 1] [--database URL] [--seed 0]

Members ask for dreams through the wire stand-in while bot processes and their workers are killed with SIGKILL
at random moments and started again. Dreams only sleep; all else is the bot as it runs. At the end every
message that asked must have one answer with one dream (or a reason), every job in the database must have
ended, the database must be intact, and no process may be left.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.wire.client import ROOT, Wire

PICTURE = ROOT / "dream/samples/rocket.jpg"


@dataclass
class Bot:
    """One bot process, killed and started again at will."""

    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    killed: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.bot"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()
        self.killed["bot"] += 1

    def kill_worker(self) -> bool:
        assert self.process
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
                self.killed["worker"] += 1
                return True
        return False

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


async def ask(wire: Wire, dreams: int, bots: int, seconds: float, chance: random.Random) -> list[str]:
    """Ask for dreams at random moments of the next `seconds`; the ids of the messages that asked."""
    picture = PICTURE.read_bytes()
    moments = sorted(chance.uniform(0, seconds) for _ in range(dreams))
    began = time.monotonic()
    asked = []
    for number, moment in enumerate(moments):
        await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
        channel = f"{number % bots}/channel-{number % 10}"
        message = await wire.say(
            f"!dream block8 steps={chance.randint(1, 8)}",
            ("rocket.jpg", picture),
            channel=channel,
            author=f"member-{number % 17}",
        )
        asked.append(message["id"])
    return asked


async def kill_at_random(bots: list[Bot], kills: int, seconds: float, chance: random.Random) -> None:
    """Kill bots and workers at random moments, `kills` of each, over about `seconds`."""
    due = ["bot"] * kills + ["worker"] * kills
    chance.shuffle(due)
    pause = seconds / len(due)
    for what in due:
        await asyncio.sleep(chance.uniform(0.2, 1.8) * pause)
        bot = chance.choice(bots)
        if what == "bot":
            bot.kill()
            await asyncio.sleep(chance.uniform(0, 0.5))
            bot.start()
        else:
            deadline = time.monotonic() + 20
            while not bot.kill_worker() and time.monotonic() < deadline:  # it may be starting  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def answers(wire: Wire, bots: int) -> dict[str, list[dict]]:
    """What the bot has answered to each message that asked."""
    found: dict[str, list[dict]] = {}
    for server in range(bots):
        for number in range(10):
            for message in await wire.answers(f"{server}/channel-{number}"):
                asked = (message.get("message_reference") or {}).get("message_id", "nobody")
                found.setdefault(asked, []).append(message)
    return found


def is_final(message: dict) -> bool:
    return bool(message["attachments"]) and "Dreamt" in message["content"]


async def wait_for_all(wire: Wire, asked: list[str], bots: int, patience: float) -> dict[str, list[dict]]:
    """Wait until every message has its dream, or nothing has changed for `patience` seconds."""
    before, since = -1, time.monotonic()
    while True:
        found = await answers(wire, bots)
        done = sum(any(is_final(message) for message in found.get(id, [])) for id in asked)
        if done != before:
            before, since = done, time.monotonic()
        if done == len(asked) or time.monotonic() - since > patience:
            return found
        await asyncio.sleep(0.5)


def jobs_by_state(url: str) -> Counter[str]:
    """The database's own account of the jobs, and whether it is intact."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return Counter(state for (state,) in database.execute("SELECT state FROM jobs"))

    async def read() -> Counter[str]:
        import asyncpg

        connection = await asyncpg.connect(url)
        try:
            return Counter(row["state"] for row in await connection.fetch("SELECT state FROM jobs"))
        finally:
            await connection.close()

    return asyncio.run(read())


async def fault_run(
    folder: Path, url: str, *, dreams: int, kills: int, bots: int, seed: int, seconds: float
) -> dict[str, object]:
    """Do it once, with the database at `url`; what happened."""
    chance = random.Random(seed)
    async with Wire(servers=bots) as wire:
        running = []
        for number in range(bots):
            shard = {"DREAMBOT_DISCORD__SHARDS": f"[{number}]", "DREAMBOT_DISCORD__SHARD_COUNT": str(bots)}
            environment = wire.environment | shard | {"DREAMBOT_STORE__URL": url}
            limits = {f"DREAMBOT_QUEUE__{name}_SECONDS": "100000" for name in ("MEMBER", "SERVER", "TOTAL")}
            environment |= limits | {
                "DREAMBOT_WEIGHTS__FETCH": "false",
                "DREAMBOT_DATA": str(folder / f"bot-{number}"),
            }
            (folder / f"bot-{number}").mkdir()
            running.append(Bot(environment, folder / f"bot-{number}.log"))
        try:
            for bot in running:
                bot.start()
            began = time.monotonic()
            async with asyncio.timeout(30):
                while len((await wire.get("state"))["sessions"]) < bots:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            for server in range(bots):  # channels where the bot was used are those that are caught up
                for number in range(10):
                    await wire.say("!help", channel=f"{server}/channel-{number}")
            for server in range(bots):
                for number in range(10):
                    await wire.until(lambda seen: len(seen) > 0, channel=f"{server}/channel-{number}")
            asked, _ = await asyncio.gather(
                ask(wire, dreams, bots, seconds, chance), kill_at_random(running, kills, seconds, chance)
            )
            found = await wait_for_all(wire, asked, bots, patience=45)
            took = time.monotonic() - began
            exits = [bot.stop() for bot in running]
        finally:
            for bot in running:
                bot.end()
    await asyncio.sleep(1)
    left = [p.pid for p in psutil.process_iter() if _is_ours(p, running)]
    finals = [sum(map(is_final, found.get(id, []))) for id in asked]
    return {
        "dreams asked for": len(asked),
        "answered with one dream": finals.count(1),
        "answered with a reason": sum(
            1 for id, n in zip(asked, finals, strict=True) if n == 0 and found.get(id)
        ),
        "not answered": sum(1 for id in asked if not found.get(id)),
        "answered twice": sum(1 for id in asked if len(found.get(id, [])) > 1),
        "bots killed": sum(bot.killed["bot"] for bot in running),
        "workers killed": sum(bot.killed["worker"] for bot in running),
        "exit status after SIGTERM": exits,
        "processes left": len(left),
        "seconds": round(took, 1),
    }


def _is_ours(process: psutil.Process, bots: list[Bot]) -> bool:
    try:
        environment = process.environ()
    except psutil.Error:
        return False
    return environment.get("DREAMBOT_DATA") in {bot.environment["DREAMBOT_DATA"] for bot in bots}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dreams", type=int, default=200)
    parser.add_argument("--kills", type=int, default=25, help="of bots, and as many of workers")
    parser.add_argument("--bots", type=int, default=1, help="bot processes; more than one need PostgreSQL")
    parser.add_argument("--database", default="", help="a PostgreSQL URL; SQLite if not given")
    parser.add_argument("--seconds", type=float, default=150, help="over which dreams are asked for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/dreambot.db"
        result = asyncio.run(
            fault_run(
                Path(folder),
                url,
                dreams=given.dreams,
                kills=given.kills,
                bots=given.bots,
                seed=given.seed,
                seconds=given.seconds,
            )
        )
        result["jobs in the database"] = dict(jobs_by_state(url))
        if given.json:
            print(json.dumps(result))
        for name, value in result.items() if not given.json else ():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
