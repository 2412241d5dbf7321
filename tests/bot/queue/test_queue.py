"""A dream's whole way: asked for, stored, dreamt on a real farm, and answered in a simulated Discord."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
import pytest_asyncio
import simcord
from discord.ext import commands
from PIL import Image

from bench.support import pretended_dreams
from bot.catch_up import CatchUp
from bot.clock import ManualClock
from bot.delivery.job_messages import JobMessages
from bot.delivery.messages import MESSAGE_GONE
from bot.delivery.rate_limit import RateLimit
from bot.durations import countdown
from bot.errors import Refused
from bot.queue.limits import LimitReached
from bot.queue.queue import Queue
from bot.queue.request import DreamRequest
from bot.store.database import Database
from bot.store.jobs import Job, Kind, State
from config.schema import Config
from dream.farm import Farm
from dream.picture import PictureError
from dream.recipe import Recipe
from tests.support.outage import outage
from tests.support.speaker import Speaker

CAT = (Path(__file__).parents[3] / "dream/samples/chelsea.jpg").read_bytes()
QUICK, SLOW = "block8 steps=1", "block8 steps=100"


@pytest_asyncio.fixture(scope="module")
async def farm() -> AsyncIterator[Farm]:
    farm = Farm(workers=1, memory_limit="0", render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    yield farm
    await farm.close()


class World:
    """A simulated Discord with one channel and alice in it, and a queue that can be stopped and started."""

    def __init__(self, farm: Farm, config: Config, env: simcord.Env) -> None:
        self.farm, self.config, self.env = farm, config, env
        self.clock = ManualClock(env.now())
        self.server = env.create_guild()
        self.channel = self.server.create_text_channel("dreams")
        self.alice = Speaker(env, self.server.add_member(env.create_user("alice")), self.channel)
        self.place: dict[str, Any] = {
            "guild_id": self.server.id,
            "channel_id": self.channel.id,
            "member_id": self.alice.id,
        }
        self.open = AsyncExitStack()
        self.asked: Job | None = None
        """What was asked for by slash command last."""

    async def start(self, *, attach: bool = True) -> None:
        """Start the queue as a new process would: from the database alone."""
        database = self.database = Database(self.config.database_url)
        self.open.push_async_callback(database.close)
        await database.open()
        self.queue = Queue(database, self.farm, self.clock, self.config)
        self.messages = JobMessages(self.queue, RateLimit(), self.clock)
        self.queue.listener = self.messages
        self.catch_up = CatchUp(database, self.clock)
        self.open.push_async_callback(self.queue.close)
        await self.queue.open()
        self.open.push_async_callback(self.messages.close)
        self.open.push_async_callback(self.catch_up.close)
        if attach:
            self.messages.attach(self.env.bot)
        await self.messages.sweep()

    async def stop(self) -> None:
        await self.open.aclose()

    async def ask(self, recipe: str = QUICK, **more: Any) -> Job:
        asked = await self.alice.posts(f"dream of {recipe}")
        given: dict[str, Any] = {
            "recipe": Recipe.parse(recipe),
            "source": CAT,
            "request_message_id": asked.id,
        }
        return await self.queue.submit(DreamRequest(**given | self.place | more))

    def answers(self) -> list[discord.Message]:
        return [message for message in self.channel.history() if message.author.id == self.env.bot.user.id]

    async def ended(self, job: Job) -> Job:
        """The job once it has ended and its message shows it."""
        async with asyncio.timeout(60):
            await self.queue.finished(job.id)
            while (ended := await self.queue.jobs.get(job.id)) and ended.needs_showing:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert ended
        return ended

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def dreaming(self, job: Job) -> None:
        await self.until(lambda: job.id in self.queue.dispatcher.runs)


@pytest_asyncio.fixture
async def world(farm: Farm, tmp_path: Path) -> AsyncIterator[World]:
    bot = commands.Bot("!", intents=discord.Intents.default())

    @bot.tree.command(name="dream")
    async def dream(interaction: discord.Interaction) -> None:
        """As the bot's slash commands do it: deferred at once, told by the queue."""
        await interaction.response.defer(ephemeral=True)
        ask = DreamRequest(
            recipe=Recipe.parse(QUICK),
            source=CAT,
            interaction_token=interaction.token,
            channel_id=interaction.channel_id,
            guild_id=interaction.guild_id,
        )
        here.asked = await here.queue.submit(ask)

    env = simcord.Env(bot, strict_sync=False)
    await env.start()
    here = World(farm, Config(data=tmp_path), env)
    await here.start()
    yield here
    await here.stop()
    await env.shutdown()


async def test_a_dream_becomes_its_one_status_message(world: World) -> None:
    job = await world.ask()
    [status] = world.answers()
    assert status.id == job.status_message_id
    assert status.reference.message_id == job.request_message_id
    assert (await world.ended(job)).state is State.DONE
    [status] = world.answers()
    assert [file.filename for file in status.attachments] == ["dream.png"]
    assert await world.queue.jobs.picture(job.id, "result") == b"dreamt " + CAT
    assert (await world.queue.jobs.get(job.id)).report["model"] == "efficientnet_lite0"


async def test_a_clip_that_becomes_a_picture_teaches_what_it_cost(world: World) -> None:
    """As a damaged one does of which the decoder reads a single frame."""
    blinking = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("black", "white")]
    frames[0].save(blinking, "GIF", save_all=True, append_images=frames[1:])
    job = await world.ask(source=blinking.getvalue())
    assert job.kind is Kind.ZOOM
    world.queue.cost_model.fits.clear()
    assert (await world.ended(job)).filename == "dream.png"
    await world.until(lambda: world.queue.cost_model.fits)


async def test_a_scheduled_dream_gives_way_to_members_until_its_minute_is_near(world: World) -> None:
    nobody = {"kind": Kind.DAILY, "member_id": None, "channel_id": None, "request_message_id": None}
    early = await world.ask(SLOW, due_at=world.clock.now() + timedelta(hours=3), **nobody)
    await world.dreaming(early)
    first = await world.ask()
    assert (await world.ended(first)).state is State.DONE
    await world.dreaming(early)
    assert (await world.queue.jobs.get(early.id)).state is State.DREAMING

    world.clock.advance(timedelta(hours=2, minutes=50))
    second = await world.ask()
    assert (await world.ended(early)).state is State.DONE
    assert (await world.ended(second)).started_at >= (await world.queue.jobs.get(early.id)).finished_at


@pytest.mark.parametrize("step", [timedelta(days=-2), timedelta(hours=3)])
async def test_jobs_that_wait_while_the_clock_steps_are_dreamt_once_each(
    world: World, step: timedelta
) -> None:
    running = await world.ask("block8 steps=40")
    await world.dreaming(running)
    before = [await world.ask(), await world.ask()]
    world.clock.advance(step)
    after = await world.ask()
    wait = world.queue.ready_at(after.id) - world.clock.now()
    assert timedelta(0) < wait < timedelta(minutes=5)
    await world.stop()
    await world.start()
    for job in [running, *before, after]:
        assert (await world.ended(job)).state is State.DONE
    assert len(world.answers()) == 4
    await world.queue.reconcile()
    assert len(world.answers()) == 4


async def test_a_message_asks_only_once(world: World) -> None:
    first = await world.ask(SLOW)
    second = await world.ask(SLOW, request_message_id=first.request_message_id)
    assert second.id == first.id
    assert len(world.answers()) == 1


async def test_what_is_no_picture_is_refused_and_nothing_is_left(world: World) -> None:
    with pytest.raises(PictureError):
        await world.ask(source=b"hello")
    assert not await world.queue.of_guild(world.server.id)
    assert not world.answers()


async def test_an_error_is_one_sentence_in_the_status_message(world: World) -> None:
    job = await world.ended(await world.ask(f"block8 steps={pretended_dreams.IS_NO_PICTURE}"))
    assert job.state is State.FAILED
    [status] = world.answers()
    assert str(job.reason) in status.content
    job = await world.ended(await world.ask(f"block8 steps={pretended_dreams.BREAKS}"))
    assert job.state is State.FAILED
    assert str(job.reason) in world.answers()[-1].content


async def test_a_dream_that_kills_its_worker_fails_alone(world: World) -> None:
    bad = await world.ask(f"block8 steps={pretended_dreams.KILLS_ITS_WORKER}")
    good = [await world.ask() for _ in range(3)]
    assert [(await world.ended(job)).state for job in good] == [State.DONE] * 3
    assert (await world.ended(bad)).state is State.FAILED


async def test_a_restart_continues_what_waited_what_ran_and_what_was_not_yet_delivered(world: World) -> None:
    delivered = await world.ended(await world.ask())
    running = await world.ask("block8 steps=10")
    queued = await world.ask()
    await world.dreaming(running)
    await world.stop()

    database = Database(world.config.database_url)
    async with database.session() as session, session.begin():
        (await session.get_one(Job, delivered.id)).shown_state = State.QUEUED
        assert (await session.get_one(Job, running.id)).state is State.DREAMING
    await database.close()

    await world.start()
    ended = [await world.ended(job) for job in (delivered, running, queued)]
    assert [job.state for job in ended] == [State.DONE] * 3
    assert len(world.answers()) == 3
    assert all(message.attachments for message in world.answers())


async def test_a_crash_before_the_status_message_was_remembered_makes_no_second_one(world: World) -> None:
    job = await world.ask(SLOW)
    await world.stop()
    database = Database(world.config.database_url)
    async with database.session() as session, session.begin():
        row = await session.get_one(Job, job.id)
        row.status_message_id, row.shown_state, row.recipe = None, None, QUICK
    await database.close()
    await world.start()
    assert (await world.ended(job)).state is State.DONE
    assert [message.id for message in world.answers()] == [job.status_message_id]


async def test_cancel_stops_a_dream_and_says_so(world: World) -> None:
    job = await world.ask(SLOW)
    await world.dreaming(job)
    assert await world.queue.cancel(job.id)
    await world.ended(job)
    assert "cancelled" in world.answers()[0].content
    after = await world.ask()
    assert (await world.ended(after)).state is State.DONE
    assert (await world.queue.jobs.get(job.id)).state is State.CANCELLED
    assert not await world.queue.cancel(job.id)


async def test_cancel_of_one_that_waits(world: World) -> None:
    running, waiting = await world.ask(SLOW), await world.ask(SLOW)
    await world.dreaming(running)
    assert world.queue.position(waiting.id) == 1
    await world.queue.message_deleted(waiting.request_message_id)
    assert world.queue.position(waiting.id) is None
    assert (await world.queue.jobs.get(waiting.id)).state is State.CANCELLED
    await world.queue.cancel(running.id)


async def test_a_deleted_status_message_ends_the_job_quietly(world: World) -> None:
    job = await world.ask("block8 steps=5")
    [status] = world.answers()
    await status.delete()
    ended = await world.ended(job)
    assert (ended.state, ended.undeliverable) == (State.DONE, str(MESSAGE_GONE))
    assert not world.answers()


async def test_where_the_bot_may_not_post_the_job_ends_with_the_reason(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
    job = await world.ask()
    assert job.state is State.FAILED
    assert "allowed" in str(job.reason)
    assert not await world.queue.of_guild(world.server.id)


async def test_a_slash_command_is_told_in_a_message_of_its_own(world: World) -> None:
    await world.ended(await world.ask())  # the farm's worker is up: the command can be answered at once
    await world.alice.uses("dream")
    assert (await world.ended(world.asked)).state is State.DONE
    assert [len(status.attachments) for status in world.answers()] == [1, 1]
    assert (await world.queue.jobs.get(world.asked.id)).interaction_token is None


async def test_where_the_bot_may_not_post_a_slash_commands_answer_shows_the_dream(world: World) -> None:
    deaf = discord.PermissionOverwrite(send_messages=False)
    channel = world.server.create_text_channel("rules", overwrites={world.env.bot.user: deaf})
    answer = await world.alice.at(channel).uses("dream")
    assert (await world.ended(world.asked)).state is State.DONE
    shown = answer.response
    assert [file.filename for file in shown.attachments] == ["dream.png"]
    assert "✨" in shown.content and "15 minutes" not in shown.content  # it changes no more
    assert not channel.history()


async def test_delivery_goes_on_through_discords_troubles(world: World) -> None:
    job = await world.ask("block8 steps=2")
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=503, times=2)
    assert (await world.ended(job)).state is State.DONE
    assert len(world.answers()) == 1


async def test_a_dream_that_could_not_be_announced_is_announced_when_it_is_ready(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=503, times=2)
    job = await world.ask()
    assert not world.answers()
    assert (await world.ended(job)).state is State.DONE
    [status] = world.answers()
    assert status.attachments


async def test_limits_are_by_cost_and_say_when_to_come_back(world: World) -> None:
    world.queue.admission.limits.member = 10
    jobs = []
    with pytest.raises(LimitReached) as refused:
        for _ in range(100):
            jobs.append(await world.ask(f"block8 steps={pretended_dreams.WAITS}"))  # noqa: PERF401
    first = world.queue.ready_at(jobs[0].id)
    assert first
    # The room that one more needs is there when the first is done: the same words stand in its message.
    assert f"ask again {countdown(first, world.queue.clock.now())}, when" in str(refused.value)
    await world.queue.forget_member(world.alice.id)
    await world.queue.cancel((await world.ask(f"block8 steps={pretended_dreams.WAITS}")).id)


async def test_many_asked_for_at_once_are_not_all_let_in(world: World) -> None:
    world.queue.admission.limits.member = 10
    recipe = Recipe.parse(f"block8 steps={pretended_dreams.WAITS}")
    asks = [world.queue.submit(DreamRequest(recipe=recipe, source=None, **world.place)) for _ in range(20)]
    asked = await asyncio.gather(*asks, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in asked) == ["Job"] + ["LimitReached"] * 19
    await world.queue.forget_member(world.alice.id)


async def test_a_flood_delays_another_members_first_dream_by_one_dream(world: World) -> None:
    flood = [await world.ask("block8 steps=6") for _ in range(10)]
    first = await world.ask("block8 steps=4", member_id=world.alice.id + 1)
    assert world.queue.position(first.id) in (1, None)  # None once its turn has come
    begun = sum(
        job.state is not State.QUEUED for job in [await world.queue.jobs.get(job.id) for job in flood]
    )
    assert (await world.ended(first)).state is State.DONE
    done = [job for job in [await world.queue.jobs.get(job.id) for job in flood] if job.state.is_final]
    assert len(done) <= begun + 1
    await world.queue.forget_member(world.alice.id)


async def test_a_scheduled_dream_has_no_message_and_keeps_its_result(world: World) -> None:
    job = await world.ask(kind=Kind.DAILY, member_id=None, due_at=world.clock.now())
    assert (await world.ended(job)).state is State.DONE
    assert not world.answers()
    assert await world.queue.jobs.picture(job.id, "result")


async def test_draining_takes_nothing_more_and_finishes_what_runs(world: World) -> None:
    job = await world.ask("block8 steps=5")
    await world.dreaming(job)
    await world.queue.drain(grace=20)
    assert (await world.queue.jobs.get(job.id)).state is State.DONE
    with pytest.raises(Refused, match="ask again"):
        await world.ask()


async def test_forgetting_a_member_leaves_no_job_and_no_picture(world: World) -> None:
    done, running = await world.ended(await world.ask()), await world.ask(SLOW)
    await world.queue.forget_member(world.alice.id)
    for job in (done, running):
        assert await world.queue.jobs.get(job.id) is None
        assert await world.queue.jobs.picture(job.id, "source") is None
    assert (await world.ended(await world.ask())).state is State.DONE


async def test_commands_typed_while_the_bot_was_away_are_found_once(world: World) -> None:
    async def missed() -> list[str]:
        return [message.content async for message in world.catch_up.unanswered(world.env.bot)]

    used = await world.alice.posts("!help")
    assert await missed() == []  # nobody has used the bot here
    await world.catch_up.answer_once(used, _nothing)
    late = await world.alice.posts("!dream")
    assert await missed() == ["!dream"]

    async def look_while_it_is_answered() -> None:
        assert await missed() == []

    await world.catch_up.answer_once(late, look_while_it_is_answered)
    await world.stop()
    await world.start()
    assert await missed() == []


async def test_a_command_that_was_not_answered_to_its_end_is_found_again(world: World) -> None:
    async def broken_off() -> None:
        raise asyncio.CancelledError

    await world.catch_up.answer_once(await world.alice.posts("!help 0"), _nothing)
    with pytest.raises(asyncio.CancelledError):
        await world.catch_up.answer_once(await world.alice.posts("!help 1"), broken_off)
    assert [m.content async for m in world.catch_up.unanswered(world.env.bot)] == ["!help 1"]


async def test_a_command_that_is_read_twice_is_answered_once(world: World) -> None:
    """The gateway and the history may both tell of it, in any order."""
    said = await world.alice.posts("!help")
    answers: list[None] = []

    async def answer() -> None:
        answers.append(None)
        await world.catch_up.answer_once(said, answer)

    await world.catch_up.answer_once(said, answer)
    await world.catch_up.answer_once(said, answer)
    assert len(answers) == 1


async def test_missed_commands_are_found_once_the_database_is_back(world: World) -> None:
    await world.catch_up.answer_once(await world.alice.posts("!help"), _nothing)
    await world.alice.says("!dream")

    async def missed() -> list[str]:
        return [message.content async for message in world.catch_up.unanswered(world.env.bot)]

    with outage(world.database):
        finding = asyncio.create_task(missed())
        await asyncio.sleep(0.2)
    assert await finding == ["!dream"]


async def _nothing() -> None: ...
