"""A fresh app for each test, on the farm of the bot's tests, with the simulated Discord's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import simcord

from config.schema import Config, Discord
from dream.farm import Farm
from tests.support.daily_world import SimApp, SimClock, World


@pytest_asyncio.fixture(loop_scope="module")
async def app(tmp_path: Path, farm: Farm) -> AsyncIterator[SimApp]:
    app = SimApp(Config(data=tmp_path, discord=Discord(commands_in_ten_seconds=0)), SimClock(), farm)
    await app.open()
    yield app
    await app.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def env(app: SimApp) -> AsyncIterator[simcord.Env]:
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    app.clock.env = env
    yield env
    await env.shutdown()


@pytest.fixture
def world(app: SimApp, env: simcord.Env) -> World:
    return World(app, env)
