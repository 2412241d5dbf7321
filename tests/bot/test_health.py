"""How the bot says that it stands, and what its operators are told when something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import simcord

from bench.support import pretended_dreams
from bot.alarms import OVER_AFTER, RAISED_AFTER
from bot.store.jobs import State
from bot.store.upkeep import free_bytes
from config.schema import Discord, Monitoring, Store
from dream.farm import Farm
from tests.support import farm_dreams
from tests.support.outage import outage
from tests.support.world import SimApp, World, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER = 1 << 60
"""More bytes than a disk has."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def farm() -> AsyncIterator[Farm]:
    async with Farm(workers=1, render=pretended_dreams.render, warm=pretended_dreams.warm) as farm:
        await until(lambda: farm.workers)
        yield farm


class OperatedWorld(World):
    """A server with the bot's operator on it."""

    def __init__(self, app: SimApp, env: simcord.Env) -> None:
        super().__init__(app, env)
        self.person = env.create_user("operator")
        self.operator = self.guild.add_member(self.person)
        app.bot.config = app.config.model_copy(update={"discord": Discord(operators=(self.person.id,))})

    def told(self) -> list[str]:
        """What the operator was told in direct messages."""
        return [message.content for message in self.person.dm_channel.history()]


@pytest_asyncio.fixture(loop_scope="module")
async def world(tmp_path: Path, farm: Farm) -> AsyncIterator[OperatedWorld]:
    app = await opened(tmp_path, farm, monitoring=Monitoring(oldest_minutes=1))
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    yield OperatedWorld(app, env)
    await env.shutdown()
    await app.stop()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def updates(world: World, count: int = RAISED_AFTER) -> None:
    for _ in range(count):
        await world.app.update_alarms()


async def test_all_is_well(world: OperatedWorld) -> None:
    await world.dream(world.alice)
    health = await world.app.health.check()
    assert health.is_ready and not health.problems
    said = await world.say(world.operator, "!operator")
    assert said == "\n".join(health.in_words()) or "1 done, 0 failed" in said
    await updates(world)
    assert not world.told()


async def test_a_database_that_is_away_is_an_alarm_and_its_return_is_told(world: OperatedWorld) -> None:
    with outage(world.app.database):
        health = await world.app.health.check()
        assert "store.url" in health.unready["database"]
        await updates(world, RAISED_AFTER - 1)
        assert not world.told(), "it may come back at once"
        await updates(world, 3)
        (alarm,) = world.told()
        assert "database does not answer" in alarm
    await updates(world, OVER_AFTER - 1)
    with outage(world.app.database):
        await updates(world)
    await updates(world, OVER_AFTER)
    *_, over = world.told()
    assert len(world.told()) == 2 and "Over: The database" in over


async def test_a_stranded_dream_is_an_alarm(world: OperatedWorld, farm: Farm) -> None:
    await world.say(world.alice, "!sky steps=100 size=64")
    (job,) = await world.jobs(world.alice)
    world.clock.advance(timedelta(minutes=2))
    await updates(world)
    assert "waiting for 2 min" in world.told()[-1] and "oldest_minutes" in world.told()[-1]
    assert (await world.app.health.check()).is_ready
    await world.app.queue.cancel(job.id)
    assert not (await world.app.health.check()).problems


async def test_a_full_disk_is_an_alarm_before_dreams_are_refused(world: OperatedWorld) -> None:
    free = free_bytes(world.app.database.engine)
    assert free
    for least, is_ready in ((free * 2 // 3, True), (NEVER, False)):
        config = world.app.config.model_copy(update={"store": Store(free_bytes=least)})
        world.app.health._config = config
        health = await world.app.health.check()
        assert health.is_ready is is_ready
        assert "store.free_bytes" in health.problems["disk"]
    await updates(world)
    assert "too little for new dreams" in world.told()[-1]


async def test_a_farm_without_workers_is_unready_and_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dream.farm.NO_WORKER_ALERT_SECONDS", 0.3)
    monkeypatch.setattr("dream.farm.WATCH_SECONDS", 0.05)
    async with Farm(workers=1, warm=farm_dreams.warm_in_vain) as dead:
        app = await opened(tmp_path, dead)
        assert "No worker is up." in (await app.health.check()).unready["starting"]
        await until(lambda: dead.warning)
        assert "No worker has been up" in (await app.health.check()).unready["workers"]
        heard: list[str] = []

        async def hear(sentence: str) -> None:
            heard.append(sentence)

        monkeypatch.setattr(app.alarms, "_tell", hear)
        for _ in range(RAISED_AFTER):
            await app.update_alarms()
        assert "No worker has been up" in heard[0]
        await app.stop()


async def test_what_was_counted_is_what_the_rows_say(world: OperatedWorld) -> None:
    statistics = world.app.queue.statistics
    job = await world.dream(world.alice)
    await world.say(world.alice, "!sky steps=100 size=64")
    assert len(statistics.unfinished) == 1
    await world.say(world.alice, "!cancel")
    assert statistics.ended_so_far() == {State.DONE: 1, State.FAILED: 0, State.CANCELLED: 1}
    await world.app.queue.erase(job.id)
    assert statistics.ended_so_far()[State.CANCELLED] == 1, "what was done is not undone"
    assert not statistics.unfinished
