"""The sandbox with its page, and what people have said there before one comes in."""

from __future__ import annotations

import asyncio
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
from sqlalchemy import select
from tzlocal import get_localzone_name

from bot.run import wait_for_stop_signal
from bot.sandbox.farm import LiveFarm
from bot.sandbox.page import Page
from bot.sandbox.server import CAPTIONS, SAMPLES, Sandbox, open_sandbox
from bot.store.errors import StoreError
from bot.store.jobs import Job, State
from bot.ui.status import status
from config.schema import Config
from dream.farm import Farm

WELCOME = """\
**Welcome to your own Discord.** Everything here is real but Discord itself. Three things to try:
1. Choose a photograph and a preset below, and press **Dream**.
2. Press **Remix**, 🎲 (again) or 🌀 (deeper) under it, or reply to any picture with `!dream puppyslug`.
3. Open **Time and trouble** and go to *tomorrow 09:00*: the daily dream comes to #daily-dream."""
FIRST_PICTURE = "chelsea.jpg"
EARLIER = 10
"""Dreams of earlier runs that are shown, at most."""


async def serve(
    config: Config, listening: socket.socket, farm: Farm, data: Path | None, browser: bool
) -> int:
    """Serve the page until SIGINT or SIGTERM; the bot dreams on `farm` until it is restarted.

    Returns 0, or 1 where the folder `data` cannot be used.
    """
    started = [farm]

    def make_farm() -> Farm:
        return started.pop() if started else LiveFarm(**config.farm.model_dump())

    try:
        async with (
            open_sandbox(config, data=data, make_farm=make_farm) as sandbox,
            open_page(sandbox, listening) as page,
        ):
            print(f"Your Discord is at {page.url}\nCtrl-C ends it.", flush=True)
            if browser:
                await asyncio.to_thread(webbrowser.open, page.url)
            await wait_for_stop_signal()
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@asynccontextmanager
async def open_page(sandbox: Sandbox, listening: socket.socket) -> AsyncIterator[Page]:
    """Let people say what they say first, and serve the page."""
    await _open_conversation(sandbox)
    tasks = [asyncio.create_task(sandbox.keep_time()), asyncio.create_task(sandbox.ready())]
    page = Page(sandbox, listening)
    await page.open()
    try:
        yield page
    finally:
        await page.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _open_conversation(sandbox: Sandbox) -> None:
    await _show_earlier(sandbox)
    await sandbox.send(sandbox.admin.send(sandbox.dreams, WELCOME))
    picture = (FIRST_PICTURE, (SAMPLES / FIRST_PICTURE).read_bytes())
    await sandbox.send(sandbox.bob.send(sandbox.dreams, CAPTIONS[FIRST_PICTURE], attachments=[picture]))
    settings = await sandbox.app.settings.effective(sandbox.guild.id)
    if not settings.hall_channel:
        hall = {"hall_channel": sandbox.hall.id, "hall_stars": 1, "best_channel": sandbox.hall.id}
        await sandbox.app.settings.choose_many(sandbox.guild.id, hall, by=sandbox.admin.id)
    if not settings.daily_enabled:
        zone = get_localzone_name() or "UTC"
        turn_on = f"!daily on {sandbox.daily.mention} 09:00 {zone}"
        await sandbox.send(sandbox.admin.send(sandbox.admins, turn_on))


async def _show_earlier(sandbox: Sandbox) -> None:
    """Let the bot post what is kept of earlier dreams, whose messages SimCord has forgotten."""
    jobs = await asyncio.shield(asyncio.create_task(_newest_dreams(sandbox)))
    channel = sandbox.env.bot.get_channel(sandbox.dreams.id)
    assert isinstance(channel, discord.TextChannel)
    for job in reversed(jobs):
        if result := await sandbox.app.queue.jobs.picture(job.id, "result"):
            await channel.send(**status(job, result=result).sending(), silent=True)


async def _newest_dreams(sandbox: Sandbox) -> list[Job]:
    newest = select(Job).where(Job.state == State.DONE, Job.guild_id == sandbox.guild.id)
    async with sandbox.app.database.session() as session:
        return list(await session.scalars(newest.order_by(Job.finished_at.desc()).limit(EARLIER)))
