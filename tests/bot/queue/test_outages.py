"""What members do while the database is away is not lost, and they are told what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from bench.support.pretended_dreams import WAITS
from bot.store.answered import Answered
from bot.store.jobs import State
from dream.farm import Farm
from tests.support.outage import outage
from tests.support.world import World, opened_world


@pytest_asyncio.fixture
async def world(tmp_path: Path, farm: Farm) -> AsyncIterator[World]:
    async with opened_world(tmp_path, farm, World) as world:
        yield world


async def answers(world: World, count: int) -> list[str]:
    """What the bot has said in #dreams, once that is so many messages."""
    async with asyncio.timeout(30):
        while True:
            said = [m.content for m in world.dreams.history() if m.author.id == world.app.bot.user.id]
            if len(said) >= count:
                return said
            await asyncio.sleep(0.02)


@pytest.mark.faults
async def test_a_server_whose_settings_cannot_be_read_is_answered_later(world: World) -> None:
    with outage(world.app.database):
        asking = asyncio.create_task(world.alice.posts("!queue"))
        await asyncio.sleep(0.2)
    await asking
    assert await answers(world, 1)


async def test_who_asks_meanwhile_is_told_to_ask_again(world: World) -> None:
    await world.alice.says("!queue")
    await answers(world, 1)
    with outage(world.app.database):
        asking = asyncio.create_task(world.alice.posts("!sky"))
        assert (await answers(world, 2))[1].endswith("please ask again in a minute.")
    await asking


async def test_what_is_deleted_meanwhile_is_cancelled_later(world: World) -> None:
    await world.alice.says(f"!sky block8 steps={WAITS}")  # the farm is busy
    asked = await world.alice.posts(f"!sky block8 steps={WAITS}")
    await answers(world, 2)
    job = await world.app.queue.jobs.of_message(asked.id)
    assert job is not None
    with outage(world.app.database):
        deleting = asyncio.create_task(world.alice.delete(asked))
        await asyncio.sleep(0.2)
    await deleting
    ended = await world.app.queue.finished(job.id)
    assert ended is not None
    assert ended.state is State.CANCELLED
    for other in await world.app.queue.jobs.unfinished():
        await world.app.queue.cancel(other.id)


@pytest.mark.faults
async def test_what_was_deleted_while_the_bot_was_away_is_cancelled_though_the_database_is_away_at_first(
    world: World,
) -> None:
    events: Any = world.app.bot.get_cog("Events")
    await world.alice.says(f"!sky block8 steps={WAITS}")  # the farm is busy
    asked = await world.alice.posts(f"!sky block8 steps={WAITS}")
    await answers(world, 2)
    job = await world.app.queue.jobs.of_message(asked.id)
    assert job is not None
    world.app.bot.remove_listener(events.on_raw_message_delete)  # as if the bot were not connected
    await world.alice.delete(asked)
    world.app.bot.add_listener(events.on_raw_message_delete)
    with outage(world.app.database):
        world.app.bot.dispatch("shard_ready", 0)
        await asyncio.sleep(0.2)
    ended = await world.app.queue.finished(job.id)
    assert ended is not None
    assert ended.state is State.CANCELLED
    for other in await world.app.queue.jobs.unfinished():
        await world.app.queue.cancel(other.id)


async def test_a_refusal_counts_as_an_answer_only_once_discord_took_it(world: World) -> None:
    await world.alice.says("!queue")
    await answers(world, 1)
    world.env.inject_error("POST", "/channels/*/messages", status=503, times=None)
    asking = asyncio.create_task(world.alice.posts("!dream nonsense"))
    while not (asked := [m for m in world.dreams.history() if m.content == "!dream nonsense"]):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    assert asked[0].id not in await answered(world)
    world.env.backend.faults.clear()
    assert "I can't dream of" in (await answers(world, 2))[1]
    await asking
    assert asked[0].id in await answered(world)


async def answered(world: World) -> set[int]:
    """The messages in #dreams that count as answered after a restart."""
    async with world.app.database.session() as session:
        query = select(Answered.message_id).where(Answered.channel_id == world.dreams.id)
        return {*await session.scalars(query)}
