"""A simulated Discord with the bot in it; each test has its own server.

In `world` dreams pretend, so that a test says how long one takes; in `real_world` they are dreamt.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import dask
import pytest
import pytest_asyncio
import simcord

from bench.support import pretended_dreams
from bot.sandbox.server import Sandbox, open_sandbox
from config.schema import Config, Discord, Dream, Moderation, Privacy
from dream.farm import Farm
from dream.picture import Limits
from tests.support.pictures import PHOTO
from tests.support.world import SimApp, World, opened, simulated_discord

GATEWAYS = ("discord.gateway", "simcord.gateway")
"""The loggers that tell of unknown events, when they debug."""
for gateway in GATEWAYS:
    logging.getLogger(gateway).setLevel(logging.DEBUG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of real dreams run on the loop that their sandbox lives on: SimCord allows one a loop."""
    for item in items:
        if isinstance(item, pytest.Function) and "real_world" in item.fixturenames:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(autouse=True)
def nothing_is_unhandled(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """discord.py logs no error, such as an exception that a listener let out, where nothing is broken.

    Nor does an event ever come that it does not know.
    """
    yield
    said = [*caplog.get_records("setup"), *caplog.get_records("call")]
    unknown = [one for one in said if one.name in GATEWAYS and "unknown" in one.msg.lower()]
    may_fail = request.node.get_closest_marker("faults")
    errors = [one for one in said if one.name.startswith("discord") and one.levelno >= logging.ERROR]
    complaints = unknown if may_fail else unknown + errors
    assert not complaints, [one.getMessage() for one in complaints]


@pytest_asyncio.fixture(scope="module")
async def farm() -> AsyncIterator[Farm]:
    """A worker that has loaded what a first picture needs."""
    async with Farm(workers=1, render=pretended_dreams.render, warm=pretended_dreams.warm) as farm:
        await farm.probe(PHOTO.read_bytes(), Limits())
        yield farm


@pytest_asyncio.fixture(scope="module")
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


@pytest_asyncio.fixture(scope="module")
async def env(app: SimApp) -> AsyncIterator[simcord.Env]:
    async with simulated_discord(app) as env:
        yield env


@pytest_asyncio.fixture
async def world(app: SimApp, env: simcord.Env) -> AsyncIterator[World]:
    """A server of its own; whatever waits there when the test ends holds up no other."""
    await env.advance_time(60)
    world = World(app, env)
    yield world
    await world.cancel_all()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    # Between two modules its loop stands still, for longer than a scheduler waits to hear of a worker.
    with dask.config.set({"distributed.scheduler.worker-ttl": None}):
        config = Config(discord=Discord(commands_in_ten_seconds=0))
        async with open_sandbox(config, settle_timeout=120) as sandbox:  # its dreams are real
            yield sandbox


@pytest_asyncio.fixture(loop_scope="session")
async def real_world(sandbox: Sandbox) -> AsyncIterator[World]:
    """A server whose dreams are real; none may be left in line when the test ends."""
    await sandbox.ready()  # its worker may have ended since, as a test of faults kills whatever dreams
    world = World(sandbox.app, sandbox.env)
    yield world
    left = await world.in_line()
    await world.cancel_all()
    assert left == []
