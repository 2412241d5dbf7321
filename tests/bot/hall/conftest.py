"""One app for all tests of a file, with the simulated Discord's clock; each test has its own server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import simcord

from config.schema import Config, Discord
from dream.farm import Farm
from tests.support.daily_world import SimApp, SimClock
from tests.support.hall_world import HallWorld


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory, farm: Farm) -> AsyncIterator[SimApp]:
    folder = tmp_path_factory.mktemp("data")
    app = SimApp(Config(data=folder, discord=Discord(commands_in_ten_seconds=0)), SimClock(), farm)
    await app.open()
    yield app
    await app.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(app: SimApp) -> AsyncIterator[simcord.Env]:
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    app.clock.env = env
    yield env
    await env.shutdown()


@pytest.fixture
def world(app: SimApp, env: simcord.Env) -> HallWorld:
    return HallWorld(app, env)
