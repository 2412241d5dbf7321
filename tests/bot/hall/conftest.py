"""A server with a hall of fame for each test."""

from __future__ import annotations

import pytest
import simcord

from tests.support.hall_world import HallWorld
from tests.support.world import SimApp


@pytest.fixture
def world(app: SimApp, env: simcord.Env) -> HallWorld:
    return HallWorld(app, env)
