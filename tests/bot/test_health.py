"""How the bot says that it stands, and what its operators are told when something is wrong."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import simcord

from bench.support.pretended_dreams import WAITS
from bot.alarms import OVER_AFTER, RAISED_AFTER, Alarms
from bot.store.jobs import State
from config.schema import Discord, Monitoring, Store
from dream.farm import Farm
from tests.support import farm_dreams
from tests.support.outage import outage
from tests.support.waiting import until
from tests.support.world import SimApp, World, opened, opened_world

NEVER = 1 << 60
"""More bytes than a disk has."""


class OperatedWorld(World):
    """A server with the bot's operator on it."""

    def __init__(self, app: SimApp, env: simcord.Env) -> None:
        super().__init__(app, env)
        self.person = env.create_user("operator")
        self.operator = self.speaker(self.guild.add_member(self.person))
        app.bot.config = app.config.model_copy(update={"discord": Discord(operators=(self.person.id,))})

    def told(self) -> list[str]:
        """What the operator was told in direct messages."""
        return [message.content for message in self.person.dm_channel.history()]


@pytest_asyncio.fixture
async def world(tmp_path: Path, farm: Farm) -> AsyncIterator[OperatedWorld]:
    async with opened_world(tmp_path, farm, OperatedWorld, monitoring=Monitoring(oldest_minutes=1)) as world:
        await until(lambda: bool(farm.workers))
        yield world


async def updates(world: World, count: int = RAISED_AFTER) -> None:
    for _ in range(count):
        await world.app.update_alarms()


async def alarms_of(app: SimApp) -> list[str]:
    """What operators are told of an app."""
    told: list[str] = []

    async def tell(sentence: str) -> None:
        told.append(sentence)

    alarms = Alarms(tell)
    for _ in range(RAISED_AFTER):
        await alarms.update((await app.health.check()).problems)
    return told


async def test_all_is_well(world: OperatedWorld) -> None:
    await world.dreamt(world.alice)
    health = await world.app.health.check()
    assert health.is_ready and not health.problems
    said = await world.operator.says("!operator")
    assert said == "\n".join(health.in_words()) or "1 done, 0 failed" in said
    await updates(world)
    assert not world.told()


@pytest.mark.faults
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
    await world.alice.says(f"!sky steps={WAITS}")
    (job,) = await world.jobs(world.alice)
    world.clock.advance(timedelta(minutes=2))
    await updates(world)
    assert "waiting for 2 min" in world.told()[-1] and "oldest_minutes" in world.told()[-1]
    assert (await world.app.health.check()).is_ready
    await world.app.queue.cancel(job.id)
    assert not (await world.app.health.check()).problems


@pytest.mark.parametrize("is_full", [False, True])
async def test_a_full_disk_is_an_alarm_before_dreams_are_refused(
    tmp_path: Path, farm: Farm, is_full: bool
) -> None:
    least = NEVER if is_full else shutil.disk_usage(tmp_path).free * 2 // 3
    app = await opened(tmp_path, farm, store=Store(free_bytes=least))
    await until(lambda: bool(farm.workers))
    health = await app.health.check()
    assert ("disk" in health.unready) is is_full
    assert "store.free_bytes" in health.problems["disk"]
    (alarm,) = await alarms_of(app)
    assert ("too little for new dreams" in alarm) is is_full
    await app.stop()


async def test_a_farm_without_workers_is_unready_and_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dream.farm.NO_WORKER_ALERT_SECONDS", 0.3)
    monkeypatch.setattr("dream.farm.WATCH_SECONDS", 0.05)
    dead = Farm(workers=1, warm=farm_dreams.warm_in_vain)
    app = await opened(tmp_path, dead)
    assert "No worker is up." in (await app.health.check()).unready["starting"]
    async with dead:
        await until(lambda: bool(dead.warning))
        assert "No worker has been up" in (await app.health.check()).unready["workers"]
        assert "No worker has been up" in (await alarms_of(app))[0]
        await app.stop()


async def test_what_was_counted_is_what_the_rows_say(world: OperatedWorld) -> None:
    statistics = world.app.queue.statistics
    job = await world.dreamt(world.alice)
    await world.alice.says(f"!sky steps={WAITS}")
    assert len(statistics.unfinished) == 1
    await world.alice.says("!cancel")
    assert statistics.ended_so_far() == {State.DONE: 1, State.FAILED: 0, State.CANCELLED: 1}
    await world.app.queue.erase(job.id)
    assert statistics.ended_so_far()[State.CANCELLED] == 1, "what was done is not undone"
    assert not statistics.unfinished
