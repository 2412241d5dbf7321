"""A job's life as a state machine that hypothesis drives: anything may happen, in any order, and fail.

The database and the simulated Discord are real and fail on demand; the farm's dreams end as the machine says.
At the end every fault is over, and what was committed must have come right.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import discord
import simcord
from discord.ext import commands
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

import bot.backoff
import bot.queue.dispatcher
from bench.support.queue_process import Process
from bench.support.scripted_farm import ScriptedFarm
from bot.clock import ManualClock
from bot.errors import Refused
from bot.queue.request import DreamRequest
from bot.store.jobs import Job
from bot.ui.status import status
from dream.recipe import Recipe

T = TypeVar("T")
RECIPE = Recipe.parse("block8 seed=1")
SETTLE_ROUNDS = 400
MEMBERS = (11, 12)
NUMBERS = st.integers(0, 7)
"""Which of the jobs, or of the running dreams, something happens to."""


class Lifecycle(RuleBasedStateMachine):
    """Members ask, cancel, delete and are forgotten, while everything else fails and comes back."""

    url = ""
    """A database for each run where it is set; else a new SQLite file."""

    def __init__(self) -> None:
        super().__init__()
        bot.backoff.FIRST, bot.backoff.LONGEST = 0.002, 0.01
        bot.queue.dispatcher.FARM_PAUSE = bot.queue.dispatcher.RETRY_PAUSE = 0.002  # type: ignore[misc]
        self.folder = tempfile.TemporaryDirectory(prefix="dreambot-lifecycle-")
        self.loop = asyncio.new_event_loop()
        self.farm, self.refused, self.gone = ScriptedFarm(), set[int](), set[int]()
        self.requests: dict[str, int] = {}
        """The jobs that were admitted, and the messages in which they were asked for."""
        self.unreachable = set[str]()
        """The jobs whose message Discord refused for good: what it shows stays."""
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(60):
                return await work

        return self.loop.run_until_complete(bounded())

    async def _open(self) -> None:
        client = commands.Bot("!", intents=discord.Intents.default())
        self.env = simcord.Env(client, strict_sync=False)
        await self.env.start()
        self.clock = ManualClock(self.env.now())
        self.server = self.env.create_guild()
        self.channel = self.server.create_text_channel("dreams")
        self.alice = self.server.add_member(self.env.create_user("alice"))
        self.before = asyncio.all_tasks()
        await self._start()

    async def _start(self) -> None:
        url = self.url or f"sqlite:///{self.folder.name}/dreambot.db"
        folder = Path(self.folder.name)
        self.process = Process(url, folder, self.farm, self.clock)
        self.process.unreachable = self.unreachable
        await self.process.start(self.env.bot)

    async def _breathe(self) -> None:
        """Let what was begun go on for a moment."""
        await asyncio.sleep(0.004)

    async def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a command does: an error is answered, and nothing more."""
        try:
            return await work
        except (Refused, OperationalError) as error:
            return error
        finally:
            await self._breathe()

    def _job(self, number: int) -> str | None:
        ids = sorted(self.requests)
        return ids[number % len(ids)] if ids else None

    # What members do

    @rule(member=st.sampled_from(MEMBERS), has_source=st.booleans())
    def ask(self, member: int, has_source: bool) -> None:
        async def ask() -> None:
            message = await self.alice.send(self.channel, "!dream")
            request = DreamRequest(
                recipe=RECIPE,
                source=b"a picture" if has_source else None,
                guild_id=self.server.id,
                channel_id=self.channel.id,
                member_id=member,
                request_message_id=message.id,
            )
            answer = await self._call(self.process.queue.submit(request))
            if isinstance(answer, Job):
                self.requests[answer.id] = message.id
            else:
                self.refused.add(message.id)

        self.run(ask())

    @rule(number=NUMBERS)
    def cancel(self, number: int) -> None:
        if id := self._job(number):
            self.run(self._call(self.process.queue.cancel(id)))

    @rule(number=NUMBERS, of_the_bot=st.booleans())
    def delete_a_message(self, number: int, of_the_bot: bool) -> None:
        async def delete(id: str) -> None:
            job = await self._call(self.process.queue.jobs.get(id))
            if not isinstance(job, Job):
                return
            message_id = job.status_message_id if of_the_bot else job.request_message_id
            found = [message for message in self.channel.history() if message.id == message_id]
            for message in found:
                self.env.backend.delete_message(self.channel.id, message.id)
                if of_the_bot:
                    self.gone.add(message.id)
                await self._call(self.process.queue.message_deleted(message.id))

        if id := self._job(number):
            self.run(delete(id))

    @rule(member=st.sampled_from(MEMBERS))
    def forget(self, member: int) -> None:
        async def forget() -> None:
            answer = await self._call(self.process.queue.forget_member(member))
            if answer is None:
                async with self.process.database.session() as session:
                    left = await session.scalars(select(Job.id).where(Job.member_id == member))
                    assert left.all() == [], "a member who was forgotten is not"

        faults, self.process.faults.statements = self.process.faults.statements, 0
        self.run(forget())
        self.process.faults.statements = faults

    @rule(number=NUMBERS)
    def erase(self, number: int) -> None:
        if id := self._job(number):
            self.run(self._call(self.process.queue.erase(id)))

    # What the farm does

    @rule(number=NUMBERS, end=st.sampled_from(["progress", "finish", "finish", "fail", "drop", "break_down"]))
    def farm_reports(self, number: int, end: str) -> None:
        async def report() -> None:
            keys = sorted(key for key, future in self.farm.dreams.items() if not future.done())
            if keys:
                getattr(self.farm, end)(keys[number % len(keys)])
            await self._breathe()

        self.run(report())

    @rule(capacity=st.integers(0, 2))
    def farm_changes(self, capacity: int) -> None:
        self.farm.capacity = capacity

    # What fails

    @rule(count=st.integers(1, 4))
    def statements_fail(self, count: int) -> None:
        self.process.faults.statements = count

    @rule()
    def a_commit_is_lost(self) -> None:
        self.process.faults.lost_commits = 1

    @rule(
        method=st.sampled_from(["POST", "PATCH", "GET"]),
        status_code=st.sampled_from([429, 500, 503, 503, 403, 404]),
        times=st.integers(1, 3),
    )
    def discord_fails(self, method: str, status_code: int, times: int) -> None:
        path = "/channels/*/messages" if method != "PATCH" else "/channels/*/messages/*"
        self.env.inject_error(method, path, status=status_code, times=times)

    # Time passes, processes come and go

    @rule()
    def tick(self) -> None:
        async def tick() -> None:
            await self.process.tick()
            await self._breathe()

        self.run(tick())

    @rule(minutes=st.sampled_from([1, 5, 90]))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    @rule(is_killed=st.booleans())
    def restart(self, is_killed: bool) -> None:
        async def restart() -> None:
            self.process.faults.end()
            await (self.process.kill() if is_killed else self.process.stop())
            await self._start()
            await self._breathe()

        self.run(restart())

    # What must hold once everything works again

    def teardown(self) -> None:
        try:
            self.run(self._come_right())
        finally:
            self.run(self._close())
            self.loop.close()
            self.folder.cleanup()

    async def _come_right(self) -> None:
        self.process.faults.end()
        self.env.backend.faults.clear()
        self.farm.capacity = 2
        queue = self.process.queue
        for _ in range(SETTLE_ROUNDS):
            await self.process.tick()
            for key, future in list(self.farm.dreams.items()):
                if not future.done():
                    self.farm.finish(key)
            await self._breathe()
            if not await self._open_ends():
                break
        assert not await self._open_ends()
        limits = queue.admission.limits
        assert not limits.reservations and limits.sum < 1e-6, "a limit is held"
        assert not queue.waiting.jobs and not queue.dispatcher.runs and not queue.dispatcher.busy
        await self._check_messages()

    async def _open_ends(self) -> list[tuple[str, str, str | None]]:
        """The jobs that are unfinished, or whose message does not show how they ended."""
        async with self.process.database.session() as session:
            rows = (await session.scalars(select(Job))).all()
        return [
            (row.id, row.state, row.shown_state)
            for row in rows
            if not row.state.is_final or row.needs_showing or row.erased
        ]

    async def _check_messages(self) -> None:
        async with self.process.database.session() as session:
            rows = (await session.scalars(select(Job))).all()
        assert self.env.bot.user
        me = self.env.bot.user.id
        posted = {message.id: message for message in self.channel.history() if message.author.id == me}
        replies = Counter(one.reference.message_id for one in posted.values() if one.reference)
        assert all(count == 1 for count in replies.values()), "something is posted twice"
        of_jobs = set()
        for row in rows:
            assert row.request_message_id not in self.refused, "a refused dream was dreamt"
            if row.status_message_id is None or row.status_message_id in self.gone:
                continue
            of_jobs.add(row.status_message_id)
            if row.undeliverable is None:
                shown = posted[row.status_message_id]
                assert shown.content == status(row).content, f"{row.state} is shown as {shown.content!r}"
                assert bool(shown.attachments) == (row.state == "done")
        given_up = {self.requests.get(id) for id in self.unreachable}
        for message in (posted[id] for id in posted.keys() - of_jobs):  # of jobs that were erased
            if message.reference and message.reference.message_id in given_up:
                continue
            text = message.content
            assert "Waiting" not in text and "Dreaming" not in text, f"nobody's message says {text!r}"

    async def _close(self) -> None:
        await self.process.stop()
        left = asyncio.all_tasks() - self.before - {asyncio.current_task()}
        await self.env.shutdown()
        assert not left, f"tasks are left: {left}"
