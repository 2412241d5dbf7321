"""`dreambot run` as a process, logged in at the Discord stand-in."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from bench.support.discord_client import ROOT, Wire

PHOTO = ("chelsea.jpg", (ROOT / "dream/samples/chelsea.jpg").read_bytes())
PRETENDING = "bench.bot_process"
"""Runs the same bot with dreams that only sleep."""


@asynccontextmanager
async def running(
    wire: Wire, data: Path, *program: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`dreambot run`, logged in at the stand-in; killed with its workers when the block ends.

    discord.py may not have had to ignore an exception meanwhile, which it logs in these words.
    """
    bot = await start(wire, data, *program, **environment)
    try:
        yield bot
    finally:
        family = list[psutil.Process]()
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it may just have ended by itself
            family = psutil.Process(bot.pid).children(recursive=True)
            bot.kill()
        await bot.wait()
        psutil.wait_procs(family, timeout=10)
    assert bot.stderr
    said = await bot.stderr.read()
    assert b"Ignoring exception" not in said, said.decode()


async def start(wire: Wire, data: Path, *program: str, **environment: str) -> asyncio.subprocess.Process:
    settings = {"DREAMBOT_DATA": str(data), "DREAMBOT_DREAM__SIZE": "256"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *(program or ("bot.cli", "run"))),
        cwd=ROOT,
        env=os.environ | wire.environment | settings | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def free_port() -> str:
    """A port of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


async def connected(wire: Wire) -> None:
    while not (await wire.get("state"))["sessions"]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def is_dream(message: dict[str, Any]) -> bool:
    return "✨" in message["content"] and bool(message["attachments"])
