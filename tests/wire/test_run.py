"""`dreambot run` as an operator starts, stops and loses it, against a Discord on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.support.discord_client import ROOT, Wire

PHOTO = ("chelsea.jpg", (ROOT / "dream/samples/chelsea.jpg").read_bytes())
PRETENDING = "bench.bot_process"
"""Runs the same bot with dreams that only sleep."""


@asynccontextmanager
async def running(
    wire: Wire, data: Path, *program: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`dreambot run`, logged in at the stand-in; killed with its workers when the block ends."""
    bot = await start(wire, data, *program, **environment)
    try:
        yield bot
    finally:
        family = psutil.Process(bot.pid).children(recursive=True) if bot.returncode is None else []
        if bot.returncode is None:
            bot.kill()
        await bot.wait()
        psutil.wait_procs(family, timeout=10)


async def start(wire: Wire, data: Path, *program: str, **environment: str) -> asyncio.subprocess.Process:
    settings = {"DREAMBOT_DATA": str(data), "DREAMBOT_DREAM__SIZE": "256"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *(program or ("bot.cli", "run"))),
        cwd=ROOT,
        env=os.environ | wire.environment | settings | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def connected(wire: Wire) -> None:
    while not (await wire.get("state"))["sessions"]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def is_dream(message: dict[str, Any]) -> bool:
    return "Dreamt" in message["content"] and bool(message["attachments"])


async def test_it_logs_in_answers_and_leaves_when_told(tmp_path: Path) -> None:
    async with Wire() as wire, running(wire, tmp_path) as bot:
        assert bot.stdout
        invite = (await bot.stdout.readline()).decode()
        assert "oauth2/authorize" in invite and "client_id=1000" in invite
        await connected(wire)
        asked = await wire.say("!dream block3 steps=2", PHOTO)

        (answer,) = await wire.until(lambda answers: any(map(is_dream, answers)))
        assert answer["message_reference"]["message_id"] == asked["id"]
        picture = await wire.download(answer["attachments"][0])
        assert picture.startswith(b"\x89PNG")

        await wire.slash("dream", recipe="block3 steps=1", picture=PHOTO)
        await wire.until(lambda answers: len(answers) == 2 and all(map(is_dream, answers)))

        libraries = Path(f"/proc/{bot.pid}/maps").read_text()  # noqa: ASYNC240
        assert "tensorflow" not in libraries
        assert psutil.Process(bot.pid).memory_info().rss < 150e6

        workers = psutil.Process(bot.pid).children(recursive=True)
        assert workers
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 30) == 0
        assert not psutil.wait_procs(workers, timeout=5)[1]


async def test_a_dream_that_a_kill_interrupts_is_delivered_once(tmp_path: Path) -> None:
    async with Wire() as wire:
        async with running(wire, tmp_path, PRETENDING) as bot:
            await connected(wire)
            await wire.say("!dream block3 steps=40", PHOTO)
            (before,) = await wire.until(
                lambda answers: bool(answers) and "Dreaming" in answers[0]["content"]
            )
            workers = psutil.Process(bot.pid).children(recursive=True)
            bot.kill()
            await bot.wait()
            assert not psutil.wait_procs(workers, timeout=10)[1]

        async with running(wire, tmp_path, PRETENDING):
            (after,) = await wire.until(lambda answers: any(map(is_dream, answers)))
            assert after["id"] == before["id"]
            await wire.press(after, "delete", author="bob")
            await wire.press(after, "delete")
            await wire.until(lambda answers: not answers)


async def test_what_is_asked_while_it_is_away_is_answered_when_it_is_back(tmp_path: Path) -> None:
    async with Wire() as wire:
        async with running(wire, tmp_path) as bot:
            await connected(wire)
            await wire.say("!layers")
            await wire.until(lambda answers: len(answers) == 1)
            bot.send_signal(signal.SIGTERM)
            await bot.wait()
        await wire.say("!layers")
        async with running(wire, tmp_path):
            answers = await wire.until(lambda answers: len(answers) == 2)
            assert answers[0]["embeds"] == answers[1]["embeds"]


@pytest.mark.parametrize(
    ("wire_options", "environment", "sentence"),
    [
        ({}, {"DISCORD_TOKEN": ""}, "set DISCORD_TOKEN"),
        ({}, {"DISCORD_TOKEN": "wrong"}, "does not accept this token"),
        ({"intents": False}, {}, "Message Content Intent"),
        ({}, {"DREAMBOT_DISCORD__API": "http://127.0.0.1:9/api/v10"}, "cannot be reached"),
    ],
)
async def test_an_operator_is_told_what_to_do(
    tmp_path: Path, wire_options: dict[str, Any], environment: dict[str, str], sentence: str
) -> None:
    async with Wire(**wire_options) as wire, running(wire, tmp_path, **environment) as bot:
        _, errors = await asyncio.wait_for(bot.communicate(), 60)
        assert bot.returncode == 1
        assert sentence in errors.decode()
        assert "Traceback" not in errors.decode()


async def test_without_message_content_it_serves_slash_commands_and_mentions(tmp_path: Path) -> None:
    async with (
        Wire(intents=False) as wire,
        running(wire, tmp_path, DREAMBOT_DISCORD__MESSAGE_CONTENT="false"),
    ):
        await connected(wire)
        await wire.say("<@1000> help")
        (answer,) = await wire.until(lambda answers: len(answers) == 1)
        said = str(answer["embeds"])
        assert "/dream" in said and "don't read messages" in said
        used = await wire.slash("layers")
        async with asyncio.timeout(30):
            while not (await wire.get("interaction", id=used["id"]))["messages"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_importing_the_bot_loads_neither_tensorflow_nor_dask_nor_alembic() -> None:
    code = "import sys, bot.run; print(*{name.partition('.')[0] for name in sys.modules})"
    python = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await python.communicate()
    assert not {"tensorflow", "keras", "distributed", "dask", "alembic"} & {*printed.decode().split()}
