"""A simulated Discord with the bot in it, a clock that tests move, and a real farm whose dreams pretend."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import simcord

from bench.support import pretended_dreams
from bot.daily.sources import SAMPLES
from config.schema import Config, Discord
from dream.farm import Farm
from tests.support.daily_world import SimApp, SimClock, World

ROOT = str(Path(__file__).parents[2])
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def farm() -> AsyncIterator[Farm]:
    farm = Farm(workers=1, render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    await farm.probe(
        (SAMPLES / "chelsea.jpg").read_bytes()
    )  # so that nothing waits for the worker to come up
    yield farm
    await farm.close()


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
