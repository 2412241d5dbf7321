"""One sandbox for all conversations: a simulated Discord with the whole bot in it, dreaming for real."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from bot.sandbox import SAMPLES, Sandbox, open_sandbox
from config.schema import Config, Discord
from tests.support.talk import Talk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every conversation run on the loop that the sandbox lives on."""
    for item in items:
        is_here = item.path.is_relative_to(
            Path(__file__).parent
        )  # pytest hands over the items of all folders
        if is_here and isinstance(item, pytest.Function) and "sandbox" in item.fixturenames:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with open_sandbox(Config(discord=Discord(commands_in_ten_seconds=0))) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A photograph small enough to be dreamt in a moment."""
    with Image.open(SAMPLES / "chelsea.jpg") as image:
        file = io.BytesIO()
        image.resize((120, 80)).save(file, "JPEG")
    return file.getvalue()


@pytest_asyncio.fixture(loop_scope="session")
async def talk(sandbox: Sandbox, photo: bytes, request: pytest.FixtureRequest) -> AsyncIterator[Talk]:
    """A channel of its own for each test; nothing may be left in line when it ends, nor an error unseen."""
    sandbox.env.errors  # noqa: B018 (what came before is none of this test's)
    talk = Talk(sandbox, request.node.name[:90].replace("[", "-").replace("]", ""), photo)
    yield talk
    assert await talk.in_line() == []
