"""What fails between a row, the queue's memory, the farm and the message is found again and comes right."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import discord
import pytest
import simcord
from discord.ext import commands

import bot.backoff
import bot.queue.dispatcher
from bench.support.queue_process import Process
from bench.support.scripted_farm import ScriptedFarm
from bot.clock import ManualClock
from bot.errors import Refused
from bot.queue.request import DreamRequest
from bot.store.jobs import CostFit, Job, State
from dream.recipe import Recipe
from tests.support.speaker import Speaker

MEMBER = 11


class World:
    """A queue, a channel of a simulated Discord, and a farm whose dreams end when a test says."""

    def __init__(self, env: simcord.Env, folder: Path) -> None:
        self.env, self.folder, self.farm = env, folder, ScriptedFarm(capacity=1)
        self.server = env.create_guild()
        self.channel = self.server.create_text_channel("dreams")
        self.alice = Speaker(env, self.server.add_member(env.create_user("alice")), self.channel)
        self.process = self.new_process()

    def new_process(self) -> Process:
        url = f"sqlite:///{self.folder}/dreambot.db"
        return Process(url, self.folder, self.farm, ManualClock(self.env.now()))

    async def ask(self) -> Job:
        asked = await self.alice.posts("!dream")
        request = DreamRequest(
            recipe=Recipe.parse("block8 seed=1"),
            source=b"a picture",
            guild_id=self.server.id,
            channel_id=self.channel.id,
            member_id=MEMBER,
            request_message_id=asked.id,
        )
        return await self.process.queue.submit(request)

    async def row(self, job: Job) -> Job | None:
        return await self.process.queue.jobs.for_display(job.id)

    def shown(self) -> list[str]:
        me = self.env.bot.user.id
        return [message.content for message in self.channel.history() if message.author.id == me]

    async def until(self, true: Callable[[], object]) -> None:
        """Let the periodic actions run until something is true."""
        async with asyncio.timeout(20):
            while not true():
                await self.process.tick()
                await asyncio.sleep(0.01)

    def nothing_is_held(self) -> bool:
        queue = self.process.queue
        return not (queue.admission.limits.reservations or queue.waiting.jobs or queue.dispatcher.busy)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(bot.backoff, "FIRST", 0.01)
    monkeypatch.setattr(bot.queue.dispatcher, "RETRY_PAUSE", 0.01)
    monkeypatch.setattr(bot.queue.dispatcher, "FARM_PAUSE", 0.01)
    env = simcord.Env(commands.Bot("!", intents=discord.Intents.default()), strict_sync=False)
    await env.start()
    world = World(env, tmp_path)
    await world.process.start(env.bot)
    yield world
    await world.process.stop()
    await env.shutdown()


async def test_whoever_asked_for_it_is_pinged_once_over_a_restart(world: World) -> None:
    job = await world.ask()
    await world.until(lambda: job.id in world.farm.dreams)
    assert await world.process.queue.ping(job.id)
    await world.process.stop()
    world.process = world.new_process()
    await world.process.start(world.env.bot)
    await world.until(lambda: job.id in world.farm.dreams)
    world.farm.finish(job.id)
    await world.until(lambda: len(world.shown()) == 2)
    await world.until(world.nothing_is_held)
    ping = world.channel.history()[-1]
    assert ping.content == f"🔔 <@{MEMBER}> your dream is ready." and not ping.flags.suppress_notifications
    assert len(world.shown()) == 2
    assert not await world.process.queue.ping(job.id)


async def test_a_job_whose_start_failed_is_started_again(world: World) -> None:
    world.farm.capacity = 0
    job = await world.ask()
    world.process.faults.statements, world.farm.capacity = 3, 1
    world.process.queue.dispatcher.wake()
    await world.until(lambda: job.id in world.farm.dreams)
    world.farm.finish(job.id)
    await world.until(world.nothing_is_held)
    assert (await world.row(job)).state is State.DONE


async def test_a_start_whose_commit_was_not_confirmed_strands_nothing(world: World) -> None:
    world.farm.capacity = 0
    job = await world.ask()
    world.process.faults.lost_commits, world.farm.capacity = 1, 1
    world.process.queue.dispatcher.wake()
    await world.until(lambda: job.id in world.farm.dreams)
    world.farm.finish(job.id)
    await world.until(world.nothing_is_held)
    assert (await world.row(job)).state is State.DONE


async def test_a_result_is_kept_until_the_database_takes_it_and_holds_no_worker(world: World) -> None:
    first = await world.ask()
    await world.until(lambda: first.id in world.farm.dreams)
    second = await world.ask()
    world.process.faults.statements = 6
    world.farm.finish(first.id)
    await world.until(lambda: second.id in world.farm.dreams)
    world.farm.finish(second.id)
    await world.until(world.nothing_is_held)
    await world.until(lambda: sum("✨" in text for text in world.shown()) == 2)


async def test_whoever_is_refused_while_the_database_is_away_gets_no_dream_later(world: World) -> None:
    world.farm.capacity = 0
    world.process.faults.lost_commits = 1  # the job is committed, and nobody can know
    with pytest.raises(Refused, match="ask again"):
        await world.ask()
    world.farm.capacity = 1
    for _ in range(20):
        await world.process.tick()
        await asyncio.sleep(0.01)
    assert not world.farm.dreams
    assert world.nothing_is_held()
    assert await world.process.queue.jobs.unfinished() == []


@pytest.mark.parametrize("how", ["cancel", "fail"])
async def test_what_ends_while_its_first_message_is_sent_does_not_wait_for_ever(
    world: World, tmp_path: Path, how: str
) -> None:
    await world.process.stop()
    world.process = world.new_process()
    process = world.process
    process.messages.attach = lambda bot: None  # type: ignore[method-assign]  # not logged in yet
    await process.start(world.env.bot)
    asking = asyncio.create_task(world.ask())
    while not (jobs := await process.queue.jobs.unfinished()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    if how == "cancel":
        assert await process.queue.cancel(jobs[0].id)
    else:
        await world.until(lambda: jobs[0].id in world.farm.dreams)
        world.farm.fail(jobs[0].id)
        await world.until(world.nothing_is_held)
    type(process.messages).attach(process.messages, world.env.bot)
    await asking
    await world.until(lambda: any("cancelled" in text or "gave it up" in text for text in world.shown()))
    assert len(world.shown()) == 1


async def test_a_failed_dream_gives_its_worker_back_while_discord_is_in_trouble(world: World) -> None:
    first = await world.ask()
    await world.until(lambda: first.id in world.farm.dreams)
    second = await world.ask()
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=503, times=5)
    world.farm.fail(first.id)
    await world.until(lambda: second.id in world.farm.dreams)
    assert first.id not in world.process.queue.admission.limits.reservations
    await world.until(lambda: any("gave it up" in text for text in world.shown()))
    await world.process.queue.cancel(second.id)


async def test_a_member_is_forgotten_at_once_while_discord_is_in_trouble(world: World) -> None:
    job = await world.ask()
    await world.until(lambda: job.id in world.farm.dreams)
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=503, times=5)
    await world.process.queue.forget_member(MEMBER)
    row = await world.row(job)
    assert row is None or (row.member_id, row.recipe) == (None, "")
    assert await world.process.queue.jobs.picture(job.id, "source") is None
    assert world.nothing_is_held()
    await world.until(lambda: "cancelled" in world.shown()[0])
    async with asyncio.timeout(10):
        while await world.row(job) is not None:
            await world.process.tick()


async def test_a_cost_model_of_another_version_does_not_stop_the_start(world: World) -> None:
    async with world.process.database.session() as session, session.begin():
        session.add(CostFit(key="block8", values={"slope": 1.0}))
        session.add(CostFit(key="block9", values={"fixed": 1.0, "pace": 2.0, "of_a_newer_version": 3}))
    await world.process.stop()
    world.process = world.new_process()
    await world.process.start(world.env.bot)
    fits = world.process.queue.cost_model.fits
    assert "block8" not in fits
    assert fits["block9"].pace == 2.0


async def test_a_dream_that_came_far_is_said_to_be_ready_soon(world: World) -> None:
    job = await world.ask()
    await world.until(lambda: job.id in world.farm.dreams)
    run = world.process.queue.dispatcher.runs[job.id]
    run.job.cost, run.since = 600.0, run.since - 10  # expected ten minutes; ten seconds have passed
    before = run.left
    world.farm.progress(job.id)
    steps = world.farm.steps(job.id)
    world.farm.progress(job.id, steps - 1)
    assert before > 500
    assert run.left < 60
    await world.process.queue.cancel(job.id)
