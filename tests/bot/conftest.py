"""A simulated Discord with the bot in it, over a farm whose dreams pretend; each test has its own server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
import simcord

from bench.support import pretended_dreams
from config.schema import Dream, Moderation, Privacy
from dream.farm import Farm
from dream.picture import Limits
from tests.support.world import PHOTO, SimApp, World, opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def farm() -> AsyncIterator[Farm]:
    """A worker that has loaded what a first picture needs."""
    farm = Farm(workers=1, render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    await farm.probe(PHOTO.read_bytes(), Limits())
    yield farm
    await farm.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory, farm: Farm) -> AsyncIterator[SimApp]:
    app = await opened(
        tmp_path_factory.mktemp("data"),
        farm,
        dream=Dream(max_size=1024, max_steps=50),
        moderation=Moderation(ask_above=1000),
        privacy=Privacy(terms_url="https://example.org/terms", leave_days=2),
    )
    yield app
    await app.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(app: SimApp) -> AsyncIterator[simcord.Env]:
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    yield env
    await env.shutdown()


@pytest_asyncio.fixture(loop_scope="module")
async def world(app: SimApp, env: simcord.Env) -> World:
    app.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    return World(app, env)
