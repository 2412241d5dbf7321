"""The daily dream in the long run: months of days with kills, ten thousand servers, the minute they share.

    python -m bench.daily days [--zone ZONE] [--change 0] [--days 30] [--risk 0.01]
    python -m bench.daily servers [--servers 10000] [--zones 6] [--seconds 30]
    python -m bench.daily minute [--servers 1667] [--bytes 60000]

`days` is a simulated Discord with a server for every quarter hour of the day, thirty days around each
daylight-saving change of a zone, and a bot that is killed at random. `servers` lets a day and a half
pass in simulated time, with the real queue, store and service over a farm that only counts. `minute`
posts what is due in one minute to the wire stand-in, in real time, under the global rate limit.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from datetime import time as at
from pathlib import Path
from typing import Any

import simcord
from sqlalchemy import select

from bench.support.daily_days import Life, StoppableApp
from bench.support.discord_client import Wire
from bench.table import percentile, row
from bot.app import App
from bot.clock import Clock, ManualClock
from bot.daily.planner import Planner
from bot.daily.posts import Due
from bot.daily.servers import Server
from bot.daily.service import DailyService
from bot.delivery.daily_posts import DailyPosts
from bot.delivery.rate_limit import RateLimit
from bot.gateway import set_api_base
from bot.moderation import Moderation
from bot.opt_outs import OptOuts
from bot.queue.queue import Listener, Queue
from bot.queue.request import DreamRequest
from bot.settings.service import Settings
from bot.store.daily import PostRow, PostState
from bot.store.database import Database
from bot.store.jobs import Blob, Job, Kind, Picture, State
from config.schema import Config
from config.schema import Queue as Limits
from dream.dreamer import Report
from dream.farm import Farm
from dream.picture import Limits as PictureLimits
from dream.picture import Probe
from dream.recipe import Recipe
from dream.render import Rendered, Work

QUARTERS = tuple(at(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45))
TICK = timedelta(minutes=5)
BLOCK8 = Recipe.parse("block8 seed=1")
CHANGES = {
    "Europe/Berlin": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "America/St_Johns": (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)),
}
REPORT = Report("block8 seed=1", "efficientnet_lite0", ("block8",), "bundled", None, 64, 64, 1, 0.0, 0.0, 1.0)


class SimulatedFarm(Farm):
    """A farm whose dreams end when the simulation says so; nothing is dreamt."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.begun: asyncio.Queue[tuple[str, asyncio.Future[None]]] = asyncio.Queue()
        self.dreaming = 0

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def probe(self, data: bytes, limits: PictureLimits = PictureLimits()) -> Probe:  # noqa: B008
        return Probe(1024, 768, "JPEG", False)

    async def dream(self, key: str, work: Work, on_progress: Any = None) -> Rendered:
        ended = asyncio.get_running_loop().create_future()
        self.dreaming += 1
        self.begun.put_nowait((key, ended))
        try:
            await ended
        finally:
            self.dreaming -= 1
        return Rendered(b"a dream", "dream.jpg", REPORT)

    async def cancel(self, key: str) -> None:
        pass


# ------------------------------------------------------------------------------------------ days


class SimClock(Clock):
    """The simulated Discord's clock."""

    env: simcord.Env | None = None

    def now(self) -> datetime:
        return self.env.now() if self.env else datetime(2026, 1, 1, tzinfo=UTC)


class SimApp(StoppableApp):
    """The app without the schedule, and with a farm that dreams in no time."""

    def __init__(self, folder: Path, clock: SimClock) -> None:
        super().__init__(Config(data=folder), clock, SimulatedFarm(4))

    async def open(self) -> None:
        await self.open_store()
        await self.open_queue()
        self.instant = asyncio.create_task(self.dream_at_once())

    async def dream_at_once(self) -> None:
        while True:
            assert isinstance(self.farm, SimulatedFarm)
            _, ended = await self.farm.begun.get()
            if not ended.done():
                ended.set_result(None)

    async def stop(self) -> None:
        self.instant.cancel()
        await super().stop()


async def days(zone: str, chosen: int | None, count: int, risk: float) -> None:
    for change in CHANGES[zone] if chosen is None else (CHANGES[zone][chosen],):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            clock = SimClock()

            def start(folder: str = folder, clock: SimClock = clock) -> SimApp:
                return SimApp(Path(folder), clock)

            app = start()
            await app.open()
            env = simcord.Env(app.bot, shard_count=1, settle_timeout=60, check_errors=False)
            await env.start()
            clock.env = env
            with env.time_context():
                life = Life(env, app, start, random.Random(f"{zone} {change}"))
                servers = life.settle_servers(zone, QUARTERS)
                half = timedelta(days=count / 2)
                await life.pass_days(servers, change - half, change + half, risk=risk)
                posts = await life.check(servers)
                await env.shutdown()
            await life.app.stop()
        row(f"{zone}, {count} days around {change:%d %B %Y}: posts, each once", posts)
        row("  of slots", sum(len(server.slots) for server in servers))
        row("  kills", life.kills)
        row("  late because of them, at most", life.latest / timedelta(minutes=1), "min")
        row("  took", time.monotonic() - began, "s")


# ------------------------------------------------------------------------------------------ servers


class Silence:
    """Stands for Discord: servers are what the daily dream asks for, and posts are counted, not sent."""

    ready = True

    def __init__(self) -> None:
        self.posted = 0

    def get(self, guild_id: int) -> Server:
        return Server(guild_id, 5, 10_000_000)

    def obstacle(self, guild_id: int, channel_id: int | None) -> None:
        return None

    def channel(self, guild_id: int, channel_id: int | None) -> SilentChannel:
        return SilentChannel(guild_id)

    def may_show(self, post: PostRow) -> bool:
        return True

    async def votes(self, post: PostRow) -> None:
        return None


class SilentChannel:
    """Stands for a channel, and for the message in it."""

    def __init__(self, id: int) -> None:
        self.id = id


class SilentPosts(DailyPosts):
    """Posts that are said to be sent at once."""

    clock: Clock

    async def _send(self, channel: Any, due: Due) -> Any:
        self._servers.posted += 1  # type: ignore[attr-defined]
        channel.channel, channel.created_at = channel, self.clock.now()
        return channel

    async def _add_extras(self, sent: Any) -> None:
        pass


class TimedPlanner(Planner):
    """The planner, with a watch on how long deciding what to begin takes."""

    seconds: list[float]

    async def slots_to_begin(self, now: datetime) -> Any:
        began = time.perf_counter()
        begin = await super().slots_to_begin(now)
        self.seconds = [*getattr(self, "seconds", ()), time.perf_counter() - began]
        return begin


class Day:
    """A day and a half of simulated time, a farm at 110 % of the mean daily load, and members who ask.

    What the schedule does each minute is done each fifth, which no time of day here can tell.
    """

    def __init__(self, folder: Path, count: int, zones: int, seconds: float, asking: float) -> None:
        self.start = datetime(2026, 6, 1, tzinfo=UTC)
        self.clock = ManualClock(self.start)
        workers = max(1, round(1.1 * count * seconds / 86_400))
        self.seconds = workers * 86_400 / 1.1 / count  # so that whole workers are 110 % of the load
        self.count, self.zones, self.pause = count, zones, self.seconds / workers / asking
        self.config = Config(
            data=folder, queue=Limits(member_seconds=10**6, server_seconds=10**6, total_seconds=10**9)
        )
        self.database = Database(self.config.database_url)
        self.farm = SimulatedFarm(workers)
        self.queue = Queue(self.database, self.farm, self.clock, self.config)
        self.silence = Silence()
        self.begun: dict[str, datetime] = {}
        self.asked: dict[str, datetime] = {}
        self.ends: list[tuple[datetime, str, asyncio.Future[None]]] = []

    async def open(self, *, with_daily: bool) -> None:
        await self.database.open()
        # Simulated time cannot be measured by the cost model, so it is told what a dream takes.
        self.queue.cost_model.seconds = lambda *_: self.seconds  # type: ignore[method-assign]
        self.queue.cost_model.learn = lambda *_: None  # type: ignore[method-assign]
        self.queue.listener = Listener()
        await self.queue.open()
        settings = Settings(self.database, self.config, self.clock, {})
        moderation = Moderation(self.database, self.config, self.clock, settings.pseudonym)
        opt_outs = OptOuts(self.database, settings.pseudonym)
        servers: Any = self.silence
        self.daily = DailyService(
            self.database, self.queue, settings, moderation, opt_outs, servers, self.clock, self.config
        )
        self.daily.planner.__class__ = TimedPlanner
        self.posts = SilentPosts(self.daily, self.queue, servers, RateLimit(per_second=100_000), settings)
        self.posts.clock = self.clock
        if not with_daily:
            return
        self.clock.set(self.start + timedelta(hours=12))  # from when on slots are posted
        for number in range(self.count):
            hour = (9 + number % self.zones * 24 // self.zones) % 24  # 09:00 in zones round the earth
            await self.daily.turn_on(
                (number + 1) << 22,
                by=1,
                daily_channel=1,
                daily_times=(at(hour),),
                daily_recipe="block8",
                daily_sources=("sky",),
            )
        self.clock.set(self.start)

    async def quiet(self) -> None:
        """Wait until the farm is full or nobody waits, and take note of what was begun."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            await asyncio.sleep(0.0005)  # whatever has just ended is gone through first
            while not self.farm.begun.empty():
                key, ended = self.farm.begun.get_nowait()
                self.begun[key] = self.clock.now()
                heapq.heappush(self.ends, (self.clock.now() + timedelta(seconds=self.seconds), key, ended))
            dispatcher, waiting = self.queue.dispatcher, self.queue.waiting
            settled = self.farm.dreaming == len(dispatcher.runs) == len(dispatcher.busy)
            if settled and (self.farm.dreaming >= self.farm.capacity or not waiting.jobs):
                return
        raise TimeoutError(f"{self.farm.dreaming} dream, {self.queue.dispatcher.busy} are busy")

    async def ask(self, rng: random.Random) -> None:
        job = await self.queue.submit(
            DreamRequest(recipe=BLOCK8, source=None, guild_id=1, channel_id=1, member_id=rng.randrange(10**6))
        )
        self.asked[job.id] = self.clock.now()

    async def pass_time(self, length: timedelta) -> None:
        rng = random.Random(1)
        tick, arrival = self.start, self.start + timedelta(seconds=rng.expovariate(1 / self.pause))
        while (moment := min(tick, arrival, *(end[0] for end in self.ends[:1]))) <= self.start + length:
            self.clock.set(moment)
            while self.ends and self.ends[0][0] <= moment:
                if not (ended := heapq.heappop(self.ends)[2]).done():
                    ended.set_result(None)
            if moment == arrival:
                await self.ask(rng)
                arrival += timedelta(seconds=rng.expovariate(1 / self.pause))
            if moment == tick:
                await self.posts.post_due()
                await self.daily.planner.run()
                tick += TICK
            await self.quiet()

    def waits(self) -> list[float]:
        """How long members' dreams waited for a worker, in seconds."""
        busy = self.start + timedelta(hours=24)
        return [
            (self.begun[id] - at).total_seconds()
            for id, at in self.asked.items()
            if id in self.begun and at >= busy
        ]

    async def close(self) -> None:
        await self.queue.close()
        await self.database.close()


async def servers(count: int, zones: int, seconds: float, asking: float) -> None:
    length = timedelta(hours=36)
    waits: dict[bool, list[float]] = {}
    for with_daily in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            day = Day(Path(folder), count, zones, seconds, asking)
            await day.open(with_daily=with_daily)
            await day.pass_time(length)
            waits[with_daily] = day.waits()
            if with_daily:
                await told(day)
            await day.close()
    row("simulated in", time.monotonic() - began, "s")
    for share in (0.5, 0.95, 0.99):
        alone, beside = percentile(waits[False], share), percentile(waits[True], share)
        row(f"members' dreams wait for a worker, {share:.0%}: without daily dreams", alone, "s")
        row("  with them", beside, "s")
        row("  so a dream takes longer by", 100 * (beside - alone) / (alone + day.seconds), "%")


async def told(day: Day) -> None:
    """What became of the slots of half a day, after a day in which the farm's load grew to what it stays."""
    first, last = day.start + timedelta(hours=24), day.start + timedelta(hours=36)
    async with day.database.session() as session:
        posts = list(
            await session.scalars(select(PostRow).where(PostRow.due_at > first, PostRow.due_at <= last))
        )
    done = [post for post in posts if post.state == PostState.POSTED]
    ahead = [(post.due_at - day.begun[post.job_id or ""]).total_seconds() / 3600 for post in done]
    hours = Counter(int((at - day.start) / timedelta(hours=1)) for at in day.begun.values())
    rates = [hours[hour] for hour in range(24, 36)]
    late = [(post.posted_at - post.due_at).total_seconds() for post in done if post.posted_at]
    row(
        f"servers, 09:00 in {day.zones} zones, {day.farm.capacity} workers, {day.seconds:.1f} s a dream",
        day.count,
    )
    row("  of half a day's slots posted", f"{len(done)} of {len(posts)}")
    row("  later than their minute, before Discord's pace", sum(seconds >= 60 for seconds in late))
    row("  rendered ahead, median", statistics.median(ahead), "h")
    row("  rendered ahead, least", min(ahead), "h")
    row("  dreams begun in the busiest hour, to the mean", max(rates) / statistics.mean(rates))
    row("  dreams begun in the calmest hour, to the mean", min(rates) / statistics.mean(rates))
    assert isinstance(day.daily.planner, TimedPlanner)
    planning = day.daily.planner.seconds
    row("  planning one minute, median", 1000 * statistics.median(planning), "ms")
    row("  planning one minute, the longest", 1000 * max(planning), "ms")


# ------------------------------------------------------------------------------------------ minute


async def minute(count: int, size: int) -> None:
    """Post what many servers are due in the same minute, in real time."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISCORD_TOKEN"] = "wire"
        async with Wire(servers=count) as wire:
            set_api_base(wire.api)
            clock = Clock()
            app = App(Config(data=Path(folder)), clock, SimulatedFarm(1))
            await app.open_store()
            await app.bot.login("wire")
            await app.queue.open()
            connected = asyncio.create_task(app.bot.connect())
            await app.bot.wait_until_ready()
            due = clock.now()
            picture = os.urandom(size)
            rows: list[Any] = [Blob(digest="one", size=size, data=picture)]
            for guild in app.bot.guilds:
                channel = next(one for one in guild.text_channels if one.name == "dreams")
                await app.daily.turn_on(guild.id, by=1, daily_channel=channel.id)
                job = Job(
                    id=f"{guild.id:025}",
                    kind=Kind.DAILY,
                    state=State.DONE,
                    recipe="block8 seed=1",
                    cost=1.0,
                    has_source=False,
                    previews=False,
                    spoiler=False,
                    max_bytes=10**7,
                    created_at=due,
                    finished_at=due,
                    filename="dream.jpg",
                    report=asdict(REPORT),
                )
                post = PostRow(
                    guild_id=guild.id, slot="2026-06-01T09:00", due_at=due, job_id=job.id, kind="sky"
                )
                rows += [job, post, Picture(job_id=job.id, role="result", digest="one")]
            async with app.database.session() as session, session.begin():
                session.add_all(rows)
            general = next(one for one in app.bot.guilds[0].text_channels if one.name == "general")
            answers: list[float] = []

            async def answer() -> None:
                """What a member waits for the bot's word meanwhile."""
                while True:
                    at = time.monotonic()
                    await general.send("hello")
                    answers.append(time.monotonic() - at)
                    await asyncio.sleep(1.5)

            answering = asyncio.create_task(answer())
            began = time.monotonic()
            app.daily_posts._add_extras = nothing  # type: ignore[assignment,method-assign]
            await app.daily_posts.post_due()
            took = time.monotonic() - began
            answering.cancel()
            posts = [await app.daily.posts.history(guild.id, 2) for guild in app.bot.guilds]
            states = Counter(post.state for own in posts for post in own)
            row("servers due in the same minute", count)
            row("  posted", states[PostState.POSTED])
            row("  the last one after", took, "s")
            row("  posts a second", count / took)
            row("  an answer to a member meanwhile, median", 1000 * statistics.median(answers), "ms")
            row("  an answer to a member meanwhile, longest", 1000 * max(answers), "ms")
            connected.cancel()
            await app.bot.close()
            await app.queue.close()
            await app.database.close()


async def nothing(_: Any) -> None:
    """No reactions and threads: they come after the minute."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    benches = parser.add_subparsers(dest="bench", required=True)
    one = benches.add_parser("days")
    one.add_argument("--zone", choices=[*CHANGES], action="append")
    one.add_argument("--change", type=int, choices=[0, 1], help="the first or the second of 2026 only")
    one.add_argument("--days", type=int, default=30)
    one.add_argument("--risk", type=float, default=0.01)
    two = benches.add_parser("servers")
    two.add_argument("--servers", type=int, default=10_000)
    two.add_argument("--zones", type=int, default=6)
    two.add_argument("--seconds", type=float, default=30)
    two.add_argument("--asking", type=float, default=0.05, help="members' share of the farm")
    three = benches.add_parser("minute")
    three.add_argument("--servers", type=int, default=1667)
    three.add_argument("--bytes", type=int, default=60_000)
    given = parser.parse_args()
    match given.bench:
        case "days":
            for zone in given.zone or CHANGES:
                asyncio.run(days(zone, given.change, given.days, given.risk))
        case "servers":
            asyncio.run(servers(given.servers, given.zones, given.seconds, given.asking))
        case "minute":
            asyncio.run(minute(given.servers, given.bytes))


if __name__ == "__main__":
    main()
