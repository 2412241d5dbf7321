"""Exactly one post for each slot: over daylight-saving changes with kills, and with two processes."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from bench.support.daily_days import Life
from bench.support.discord_client import ROOT, Wire
from bot.store.daily import PostRow
from bot.store.lease import DURATION

if TYPE_CHECKING:
    import simcord

    from tests.support.daily_world import DailyWorld
    from tests.support.world import SimApp

CHANGES = [
    ("America/St_Johns", datetime(2026, 3, 8, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 5, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
]
TIMES = (time(0, 0), time(1, 45), time(2, 15), time(16, 15))


@pytest.mark.slow
async def test_one_post_a_day_over_daylight_saving_changes(app: SimApp, env: simcord.Env) -> None:
    life = Life(env, app, app.again, random.Random(2026))
    posts = 0
    for zone, change in CHANGES:
        servers = life.settle_servers(zone, TIMES)
        await life.pass_days(servers, change - timedelta(days=0.5), change + timedelta(days=1), risk=0.06)
        posts += await life.check(servers)
    assert posts > 15
    assert life.kills > 5
    await life.app.stop()


async def test_a_bot_that_dies_between_sending_and_saying_so_finds_its_post_again(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    left = {"state": "posting", "owner": "a process that is gone"[:16], "message_id": None}
    async with world.app.database.session() as session, session.begin():
        await session.execute(update(PostRow).values(**left))  # as a SIGKILL leaves it
    for minute in range(1, 8):
        await world.minute(f"2026-01-01T09:0{minute}")
    [post] = await world.posts()
    [message] = world.seen()
    assert (post.state, post.message_id) == ("posted", message.id)


async def test_a_post_found_again_long_after_is_not_called_missed(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    left = {"state": "posting", "owner": "a process that is gone"[:16], "message_id": None}
    async with world.app.database.session() as session, session.begin():
        await session.execute(update(PostRow).values(**left))
    await world.minute("2026-01-01T17:00")  # past the grace
    [post] = await world.posts()
    [message] = world.seen()
    assert (post.state, post.message_id, post.posted_at) == ("posted", message.id, message.created_at)


async def test_a_bot_that_is_stopped_while_it_posts_skips_nothing(
    world: DailyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")

    async def closed(*_: object, **__: object) -> None:
        raise RuntimeError("Session is closed")

    with monkeypatch.context() as patch:
        patch.setattr(discord.TextChannel, "send", closed)  # as a closed client does
        await world.minute("2026-01-01T09:00")
    assert not world.seen()
    await world.minute("2026-01-01T09:06")
    assert len(world.seen()) == 1
    assert [post.state for post in await world.posts()] == ["posted"]


@pytest.mark.parametrize("statement", ["posting", "posted"])
async def test_a_database_error_while_posting_leaves_one_post(world: DailyWorld, statement: str) -> None:
    """The error comes before the message is sent, or after it was."""
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    left = [statement]

    def away(connection: Any, cursor: Any, text: str, values: tuple[Any, ...], *_: Any) -> None:
        if text.startswith("UPDATE daily_posts") and left and left[0] in values:
            left.clear()
            raise OperationalError("UPDATE", {}, OSError("no disk"))

    event.listen(world.app.database.engine.sync_engine, "before_cursor_execute", away)
    await world.minute("2026-01-01T09:00")
    assert not left
    await world.minute("2026-01-01T09:01")
    await world.minute("2026-01-01T09:02")
    [message] = world.seen()
    [post] = await world.posts()
    assert (post.state, post.message_id, post.owner) == ("posted", message.id, None)


async def test_a_post_that_one_task_sends_is_not_sent_by_another(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.until("2026-01-01T09:00")
    posts = world.app.daily_posts
    await asyncio.gather(posts.post_due(), posts.post_due(world.guild.id), posts.post_due())
    assert len(world.seen()) == 1


class Process:
    """One bot process, told by its standard input what time it is."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments

    async def start(self) -> Process:
        self.running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.daily_process",
            *self.arguments,
            stdin=PIPE,
            stdout=PIPE,
            env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        )
        await self.heard("ready")
        return self

    async def heard(self, word: str) -> None:
        assert self.running.stdout is not None
        while line := await self.running.stdout.readline():
            if line.decode().strip() == word:
                return
        raise EOFError(f"the process ended before it said {word!r}")

    def tell(self, line: str) -> None:
        assert self.running.stdin is not None
        self.running.stdin.write(f"{line}\n".encode())

    async def kill(self) -> None:
        self.running.kill()
        await self.running.wait()


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_on_one_postgresql_post_once(database_url: str, tmp_path: Path) -> None:
    servers = 5
    async with Wire(servers=servers, limits=False) as wire:
        both = [Process(wire.api, database_url, str(tmp_path)) for _ in range(2)]
        for one in both:
            await one.start()
        try:
            first, second = both
            first.tell("on")
            await first.heard("done")
            for day in (1, 2, 3):
                for moment in ("08:40", "08:59", "09:00", "09:01", "09:07"):
                    for one in both:
                        one.tell(f"2026-03-0{day}T{moment}")
                    if (day, moment) == (2, "09:00"):
                        await asyncio.sleep(0.03)
                        await second.kill()
                        await second.start()
                        await first.heard("done")
                        await asyncio.sleep(DURATION.total_seconds())  # the killed one's lease runs out
                    else:
                        await asyncio.gather(*(one.heard("done") for one in both))
                for server in range(servers):
                    posts = [one for one in await wire.answers(f"{server}/dreams") if one["attachments"]]
                    assert len(posts) == day, (server, day, posts)
        finally:
            for one in both:
                await one.kill()
        sent = (await wire.get("state"))["requests"]["POST /channels/#/messages"]
        assert servers * 3 <= sent <= servers * 3 + 2  # what the killed one had begun, once more
