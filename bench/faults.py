"""What survives when bots and workers are killed: every dream that was asked for is answered exactly once.

    python -m bench.faults [--dreams 200] [--slash 40] [--kills 25] [--bots 1] [--database URL] [--seed 0]

Members ask for dreams through the wire stand-in while bot processes and their workers are killed with SIGKILL
at random moments and started again. Dreams only sleep; all else is the bot as it runs. At the end every
message that asked must have one answer with one dream (or a reason), every job in the database must have
ended and be shown in exactly one message, the database must be intact, and no process may be left. A slash
command counts once its job is committed: while no bot is there, Discord itself tells whoever used it.
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

from bench.support.discord_client import ROOT, Wire

PICTURE = ROOT / "dream/samples/rocket.jpg"
UNFINISHED = ("queued", "dreaming", "delivering")


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
                [sys.executable, "-m", "bench.bot_process"],
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


async def ask(
    wire: Wire, dreams: int, slashes: int, bots: int, seconds: float, chance: random.Random
) -> list[str]:
    """Ask for dreams at random moments of the next `seconds`; the ids of the messages that asked."""
    picture = ("rocket.jpg", PICTURE.read_bytes())
    ways = [True] * dreams + [False] * slashes
    chance.shuffle(ways)
    moments = sorted(chance.uniform(0, seconds) for _ in ways)
    began = time.monotonic()
    asked = []
    for number, (moment, in_text) in enumerate(zip(moments, ways, strict=True)):
        await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
        where = {"channel": f"{number % bots}/channel-{number % 10}", "author": f"member-{number % 17}"}
        recipe = f"block8 steps={chance.randint(1, 8)}"
        if in_text:
            asked.append((await wire.say(f"!dream {recipe}", picture, **where))["id"])
        else:
            await wire.slash("dream", recipe=recipe, picture=picture, **where)
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


async def answers(wire: Wire, bots: int) -> list[dict]:
    """Everything that the bot has posted."""
    channels = [f"{server}/channel-{number}" for server in range(bots) for number in range(10)]
    return [message for channel in channels for message in await wire.answers(channel)]


def is_dream(message: dict) -> bool:
    return bool(message["attachments"]) and "Dreamt" in message["content"]


def asked_in(message: dict) -> str:
    return (message.get("message_reference") or {}).get("message_id", "")


async def jobs(url: str) -> dict[str, tuple[str, str]]:
    """The database's own account: each job's state and reason."""
    query = "SELECT id, state, coalesce(reason, '') FROM jobs"
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
            rows = database.execute(query).fetchall()
    else:
        import asyncpg

        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch(query)
        finally:
            await connection.close()
    return {id: (state, reason) for id, state, reason in rows}


def is_intact(url: str) -> bool:
    """Whether SQLite's file is; PostgreSQL is not what is killed here."""
    if not url.startswith("sqlite"):
        return True
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        checks = [
            database.execute(f"PRAGMA {check}").fetchall()
            for check in ("integrity_check", "foreign_key_check")
        ]
    return checks == [[("ok",)], []]


async def wait_for_all(wire: Wire, url: str, asked: list[str], bots: int, patience: float) -> None:
    """Wait until every message has its dream and every job has ended, or nothing changes for `patience`."""
    before, since = (-1, -1), time.monotonic()
    while True:
        dreams = {asked_in(message) for message in await answers(wire, bots) if is_dream(message)}
        lacking = len({*asked} - dreams)
        unfinished = sum(state in UNFINISHED for state, _ in (await jobs(url)).values())
        if (lacking, unfinished) != before:
            before, since = (lacking, unfinished), time.monotonic()
        if before == (0, 0) or time.monotonic() - since > patience:
            return
        await asyncio.sleep(0.5)


async def all_here(wire: Wire, bots: int) -> None:
    async with asyncio.timeout(60):
        while len((await wire.get("state"))["sessions"]) < bots:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def fault_run(
    folder: Path, url: str, *, dreams: int, slashes: int, kills: int, bots: int, seed: int, seconds: float
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
            await all_here(wire, bots)
            for server in range(bots):  # channels where the bot was used are those that are caught up
                for number in range(10):
                    await wire.say("!help", channel=f"{server}/channel-{number}")
            for server in range(bots):
                for number in range(10):
                    await wire.until(lambda seen: len(seen) > 0, channel=f"{server}/channel-{number}")
            asked, _ = await asyncio.gather(
                ask(wire, dreams, slashes, bots, seconds, chance),
                kill_at_random(running, kills, seconds, chance),
            )
            await wait_for_all(wire, url, asked, bots, patience=60)
            took = time.monotonic() - began
            await all_here(wire, bots)
            exits = [bot.stop() for bot in running]
            posted = await answers(wire, bots)
        finally:
            for bot in running:
                bot.end()
    await asyncio.sleep(1)
    left = [p.pid for p in psutil.process_iter() if _is_ours(p, running)]
    known = await jobs(url)
    answered = Counter(map(asked_in, posted))
    with_dream = Counter(map(asked_in, filter(is_dream, posted)))
    shown = Counter(message["nonce"] for message in posted)
    delivered = Counter(message["nonce"] for message in posted if is_dream(message))
    return {
        "dreams asked for in text": len(asked),
        "  answered with one dream": sum(with_dream[id] == 1 for id in asked),
        "  answered with a reason": sum(answered[id] == 1 and not with_dream[id] for id in asked),
        "  not answered": sum(not answered[id] for id in asked),
        "  answered twice": sum(answered[id] > 1 for id in asked),
        "jobs committed, by slash commands, too": len(known),
        "  done and shown in one message": sum(
            state == "done" and shown[id] == delivered[id] == 1 for id, (state, _) in known.items()
        ),
        "  ended with a reason": sum(
            state in ("failed", "cancelled") and bool(reason) for state, reason in known.values()
        ),
        "  lost": sum(
            state in UNFINISHED or (state == "done" and not delivered[id]) for id, (state, _) in known.items()
        ),
        "  shown twice": sum(shown[id] > 1 for id in known),
        "bots killed": sum(bot.killed["bot"] for bot in running),
        "workers killed": sum(bot.killed["worker"] for bot in running),
        "exit status after SIGTERM": exits,
        "processes left": len(left),
        "database intact": is_intact(url),
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
    parser.add_argument("--slash", type=int, default=40, help="dreams asked for by slash command besides")
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
                slashes=given.slash,
                kills=given.kills,
                bots=given.bots,
                seed=given.seed,
                seconds=given.seconds,
            )
        )
        if given.json:
            print(json.dumps(result))
        for name, value in result.items() if not given.json else ():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
