"""A simulated Discord for each test: time passes in all of it, and so do its daily dreams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import simcord

from dream.farm import Farm
from tests.support.daily_world import DailyWorld
from tests.support.world import SimApp, opened, simulated_discord


@pytest_asyncio.fixture
async def app(tmp_path: Path, farm: Farm) -> AsyncIterator[SimApp]:
    app = await opened(tmp_path, farm)
    yield app
    await app.stop()


@pytest_asyncio.fixture
async def env(app: SimApp) -> AsyncIterator[simcord.Env]:
    async with simulated_discord(app) as env:
        yield env


@pytest.fixture
def world(app: SimApp, env: simcord.Env) -> DailyWorld:
    return DailyWorld(app, env)
