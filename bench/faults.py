"""What survives when bots, workers and the database fail: every dream asked for is answered exactly once.

    python -m bench.faults [--dreams 200] [--slash 40] [--kills 25] [--seconds 150] [--seed 0] [--json]
                           [--restarts N [--down SECONDS] | --full N --locks N | --bots N --database URL]
                           [--logs FOLDER]

Members ask for dreams through the Discord stand-in while bot processes and their workers are killed with
SIGKILL at random moments, `--kills` of each, and started again. `--restarts` restarts PostgreSQL besides, a
private server, which crashes now and then and is away for `--down` seconds. With SQLite, `--full` fills its
disk for some seconds (a small tmpfs, which takes root), and `--locks` keeps its file locked for 40 s. Dreams
only sleep; all else is the bot as it runs.

At the end every message that asked must have one answer, with one dream or with the reason why there is none;
every job in the database must have ended, and be shown in exactly one message as what it ended as; a dream
must be admitted where a server may have one second of dreams, so that nothing else holds its limit; the
database must be intact, and no process left. A slash command counts once its job is committed: while no bot
is there, Discord itself tells whoever used it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.faulty_store import JobRow, Store, faulty_store
from bench.support.discord_client import ROOT, Wire

PICTURE = ("rocket.jpg", (ROOT / "dream/samples/rocket.jpg").read_bytes())
CHANNELS, MEMBERS = 10, 17
PATIENCE = 90
"""Seconds without any change after which what is missing is given up."""

Message = dict[str, Any]


@dataclass
class Bot:
    """One bot process, started again whenever it has ended."""

    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    gave_up: int = 0
    """How often it ended by itself."""

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.bot_process"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )

    async def keep(self) -> None:
        """Start it again when it ends by itself, as a service manager does."""
        while True:
            await asyncio.sleep(1)
            if self.process and self.process.poll() is not None:
                self.gave_up += 1
                self.start()

    async def kill(self, chance: random.Random) -> None:
        """Kill it, and start it again in a moment."""
        self.end()
        await asyncio.sleep(chance.uniform(0, 0.5))
        self.start()

    async def kill_worker(self) -> None:
        """Kill its worker, as soon as it has one."""
        async with asyncio.timeout(180):
            while True:
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(self.process.pid if self.process else None)
                    for child in process.children(recursive=True):
                        if "spawn_main" in " ".join(child.cmdline()):
                            child.kill()
                            return
                await asyncio.sleep(0.1)

    def end(self) -> None:
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()

    def stop(self) -> int:
        """Stop it as an operator does; its exit status."""
        process, self.process = self.process, None
        assert process
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    @property
    def is_left(self) -> bool:
        """Whether a process of it still runs."""
        data = self.environment["DREAMBOT_DATA"]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("DREAMBOT_DATA") == data:
                    return True
        return False


@contextlib.asynccontextmanager
async def running_bots(
    folder: Path, logs: Path, wire: Wire, url: str, count: int
) -> AsyncIterator[list[Bot]]:
    """That many bots, each of which serves one server."""
    bots = []
    for number in range(count):
        data = folder / f"bot-{number}"
        data.mkdir()
        seconds = {f"DREAMBOT_QUEUE__{whose}_SECONDS": "100000" for whose in ("MEMBER", "SERVER", "TOTAL")}
        environment = {
            "DREAMBOT_DISCORD__SHARDS": f"[{number}]",
            "DREAMBOT_DISCORD__SHARD_COUNT": str(count),
            "DREAMBOT_STORE__URL": url,
            "DREAMBOT_DATA": str(data),
        }
        bots.append(Bot(wire.environment | environment | seconds, logs / f"bot-{number}.log"))
    keepers = [asyncio.create_task(bot.keep()) for bot in bots]
    try:
        for bot in bots:
            bot.start()
        yield bots
    finally:
        for keeper in keepers:
            keeper.cancel()
        for bot in bots:
            bot.end()


async def until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def ask(
    wire: Wire, dreams: int, slashes: int, servers: int, seconds: float, chance: random.Random
) -> list[str]:
    """Ask for dreams at random moments of the next `seconds`; the ids of the messages that asked."""
    ways = [True] * dreams + [False] * slashes
    chance.shuffle(ways)
    began = time.monotonic()
    moments = sorted(began + chance.uniform(0, seconds) for _ in ways)
    asked = []
    for number, (moment, in_text) in enumerate(zip(moments, ways, strict=True)):
        await until(moment)
        channel = f"{number % servers}/channel-{number % CHANNELS}"
        author, recipe = f"member-{number % MEMBERS}", f"block8 steps={chance.randint(1, 8)}"
        if in_text:
            asked.append((await wire.say(f"!dream {recipe}", PICTURE, channel=channel, author=author))["id"])
        else:
            await wire.slash("dream", recipe=recipe, picture=PICTURE, channel=channel, author=author)
    return asked


async def kill_at_random(bots: list[Bot], kills: int, seconds: float, chance: random.Random) -> None:
    """Kill bots and workers at random moments, `kills` of each."""
    kinds = ["bot"] * kills + ["worker"] * kills
    chance.shuffle(kinds)
    began = time.monotonic()
    moments = sorted(began + chance.uniform(0, seconds) for _ in kinds)
    for moment, kind in zip(moments, kinds, strict=True):
        await until(moment)
        bot = chance.choice(bots)
        await (bot.kill(chance) if kind == "bot" else bot.kill_worker())


async def fail_at_random(store: Store, seconds: float, chance: random.Random) -> Counter[str]:
    """Let happen to the database at random moments what is to happen; how often what did."""
    faults = chance.sample(store.faults, len(store.faults))
    began = time.monotonic()
    moments = sorted(began + chance.uniform(0, seconds) for _ in faults)
    happened: Counter[str] = Counter()
    for moment, (name, fail) in zip(moments, faults, strict=True):
        await until(moment)
        await asyncio.to_thread(fail, chance)
        happened[name] += 1
    return happened


async def answers(wire: Wire, servers: int) -> list[Message]:
    """Everything that the bots have posted."""
    channels = [f"{server}/channel-{number}" for server in range(servers) for number in range(CHANNELS)]
    return [message for channel in channels for message in await wire.answers(channel)]


def is_dream(message: Message) -> bool:
    return bool(message["attachments"]) and "✨" in message["content"]


def shows(message: Message, job: JobRow) -> bool:
    """Whether a member reads in a message how a job has ended."""
    match job.state:
        case "done":
            return is_dream(message)
        case "failed":
            return job.reason in message["content"]
        case "cancelled":
            return "cancelled" in message["content"]
    return False


def asked_in(message: Message) -> str:
    return str((message.get("message_reference") or {}).get("message_id", ""))


async def all_settled(wire: Wire, store: Store, asked: list[str], servers: int) -> None:
    """Wait until every message has an answer and every job has ended and is shown, or nothing changes."""
    before, since = (-1, -1), time.monotonic()
    while before != (0, 0) and time.monotonic() - since < PATIENCE:
        answered = {asked_in(message) for message in await answers(wire, servers)}
        unsettled = sum(not job.is_settled for job in (await store.jobs()).values())
        now = (len({*asked} - answered), unsettled)
        if now != before:
            before, since = now, time.monotonic()
        await asyncio.sleep(0.5)


async def all_here(wire: Wire, bots: int) -> None:
    async with asyncio.timeout(60):
        while len((await wire.get("state"))["sessions"]) < bots:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def limit_is_held(wire: Wire, server: int) -> bool:
    """Whether a dream is refused on a server that may have one second of dreams, and has none."""
    channel = f"{server}/last"
    await wire.say("!settings set server_seconds 1", channel=channel, author="admin")
    try:
        await wire.until(lambda seen: len(seen) == 1, channel)
        await wire.say("!dream block8 steps=60", PICTURE, channel=channel)
        await wire.until(lambda seen: is_dream(seen[-1]), channel)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return True
    return False


async def fault_run(
    folder: Path,
    logs: Path,
    store: Store,
    *,
    dreams: int,
    slashes: int,
    kills: int,
    bots: int,
    seed: int,
    seconds: float,
) -> dict[str, object]:
    """Do it once; what happened."""
    chance = random.Random(seed)
    async with Wire(servers=bots) as wire, running_bots(folder, logs, wire, store.url, bots) as running:
        began = time.monotonic()
        await all_here(wire, bots)
        channels = [f"{server}/channel-{number}" for server in range(bots) for number in range(CHANNELS)]
        for channel in channels:  # those where the bot was used are caught up
            await wire.say("!help", channel=channel)
        for channel in channels:
            await wire.until(lambda seen: len(seen) > 0, channel=channel)
        asked, _, happened = await asyncio.gather(
            ask(wire, dreams, slashes, bots, seconds, chance),
            kill_at_random(running, kills, seconds, chance),
            fail_at_random(store, seconds, chance),
        )
        await all_settled(wire, store, asked, bots)
        took = time.monotonic() - began
        jobs = await store.jobs()
        posted = await answers(wire, bots)
        await all_here(wire, bots)
        held = [await limit_is_held(wire, server) for server in range(bots)]
        exits = [bot.stop() for bot in running]
    await asyncio.sleep(1)
    return outcome(asked, posted, jobs) | {
        "limits held": sum(held),
        "bots killed": kills,
        "workers killed": kills,
        **happened,
        "times a bot ended by itself": sum(bot.gave_up for bot in running),
        "exit statuses after SIGTERM": exits,
        "processes left": sum(bot.is_left for bot in running),
        "database intact": store.is_intact(),
        "seconds": round(took, 1),
    }


def outcome(asked: list[str], posted: list[Message], jobs: dict[str, JobRow]) -> dict[str, object]:
    """What became of the messages that asked, and of the jobs."""
    answered: dict[str, list[Message]] = {id: [] for id in asked}
    shown: dict[str, list[Message]] = {id: [] for id in jobs}
    for message in posted:
        answered.get(asked_in(message), []).append(message)
        shown.get(message["nonce"], []).append(message)
    told = {id: [shows(message, job) for message in shown[id]] for id, job in jobs.items()}
    refused = [
        message
        for messages in answered.values()
        for message in messages
        if message["nonce"] not in jobs or jobs[message["nonce"]].state == "failed"
    ]
    for text, times in Counter(message["content"] for message in refused).items():
        print(f"{times} × {text}", file=sys.stderr)
    for id, job in jobs.items():
        if not (job.is_settled and told[id] == [True]):
            print(id, *job, [message["content"] for message in shown[id]], file=sys.stderr)
    return {
        "dreams asked for in text": len(asked),
        "  answered with one dream": sum([*map(is_dream, found)] == [True] for found in answered.values()),
        "  refused, with a reason": len(refused),
        "  not answered": sum(not found for found in answered.values()),
        "  answered twice": sum(len(found) > 1 for found in answered.values()),
        "jobs committed, by slash commands, too": len(jobs),
        "  done and shown in one message": sum(
            job.state == "done" and told[id] == [True] for id, job in jobs.items()
        ),
        "  ended otherwise and shown in one message": sum(
            job.state != "done" and told[id] == [True] for id, job in jobs.items()
        ),
        "  lost": sum(job.is_settled and True not in told[id] for id, job in jobs.items()),
        "  stranded": sum(not job.is_settled for job in jobs.values()),
        "  shown twice": sum(len(found) > 1 for found in shown.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dreams", type=int, default=200)
    parser.add_argument("--slash", type=int, default=40, help="dreams asked for by slash command besides")
    parser.add_argument("--kills", type=int, default=25, help="of bots, and as many of workers")
    parser.add_argument("--seconds", type=float, default=150, help="over which dreams are asked for")
    parser.add_argument("--restarts", type=int, default=0, help="of a private PostgreSQL server")
    parser.add_argument("--down", type=float, default=0, help="seconds from its stop to its start")
    parser.add_argument("--full", type=int, default=0, help="how often SQLite's disk is full")
    parser.add_argument("--locks", type=int, default=0, help="how often SQLite's file is locked")
    parser.add_argument("--bots", type=int, default=1, help="bot processes; more than one need PostgreSQL")
    parser.add_argument("--database", default="", help="a PostgreSQL URL")
    parser.add_argument("--logs", type=Path, help="keep the bots' logs in this folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    if given.restarts and (given.database or given.full or given.locks):
        parser.error("--restarts is of a server of its own: leave out --database, --full and --locks")
    with (
        tempfile.TemporaryDirectory() as name,
        faulty_store(
            Path(name),
            given.database,
            restarts=given.restarts,
            down=given.down,
            full=given.full,
            locks=given.locks,
        ) as store,
    ):
        logs = given.logs or Path(name)
        logs.mkdir(parents=True, exist_ok=True)
        result = asyncio.run(
            fault_run(
                Path(name),
                logs,
                store,
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
    for title, value in result.items() if not given.json else ():
        print(f"{title:45} {value}")


if __name__ == "__main__":
    main()
