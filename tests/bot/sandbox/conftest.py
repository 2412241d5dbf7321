"""A sandbox whose dreams take no time, its page, and a browser that reports whatever it complains about."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bench.support import pretended_dreams
from bot.sandbox.farm import LiveFarm
from bot.sandbox.loopback import LOOPBACK
from bot.sandbox.page import Page
from bot.sandbox.serve import open_page
from bot.sandbox.server import Sandbox, open_sandbox
from config.schema import Config, Discord
from tests.support import seen_dreams

CHROMIUM = Path("/usr/bin/chromium")
HAS_CHROMIUM = CHROMIUM.exists()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


make_farm = partial(LiveFarm, workers=1, render=seen_dreams.render, warm=pretended_dreams.warm)


@pytest_asyncio.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    config = Config(discord=Discord(commands_in_ten_seconds=0))
    async with open_sandbox(config, make_farm=make_farm) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module")
async def served(sandbox: Sandbox) -> AsyncIterator[Page]:
    async with open_page(sandbox, socket.create_server((LOOPBACK, 0))) as page:
        yield page


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Any]:
    if not HAS_CHROMIUM:
        pytest.skip("there is no Chromium here")
    api = pytest.importorskip("playwright.async_api")
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def opened(browser: Any, served: Page) -> Callable[..., Any]:
    """Open the page in a window of its own; what the browser complains of meanwhile fails the test."""

    @asynccontextmanager
    async def opened(**window: Any) -> AsyncIterator[Any]:
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | window)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        await page.goto(served.url)
        await page.wait_for_selector(".message")
        yield page
        await context.close()
        assert complaints == []

    return opened
