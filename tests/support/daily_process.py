"""A bot process that takes the time from its standard input.

`python -m tests.support.daily_process API DATABASE FOLDER`

It logs in, says "ready", and then for each line, a moment, does what the schedule does in that minute and
says "done". The line "on" makes every server want a dream at 09:00 UTC.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.support import pretended_dreams
from bot.app import RECONCILE_SECONDS, App
from bot.clock import ManualClock
from bot.gateway import set_api_base
from bot.periodic import Periodic
from config.schema import Config, Store
from dream.farm import Farm

WAIT = 20


async def main(api: str, database: str, folder: str) -> None:
    set_api_base(api)
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    farm = Farm(workers=1, render=pretended_dreams.render, warm=pretended_dreams.warm)
    app = App(Config(data=Path(folder), store=Store(url=database)), clock, farm)
    await app.open_store()
    await app.bot.login("wire")
    await farm.start()
    await app.open_queue()
    alive = Periodic()
    alive.every_seconds(RECONCILE_SECONDS, app.queue.reconcile)
    alive.open()
    connected = asyncio.create_task(app.bot.connect())
    await app.bot.wait_until_ready()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    print("ready", flush=True)
    while line := (await lines.readline()).decode().strip():
        if line == "on":
            for guild in app.bot.guilds:
                channel = next(channel for channel in guild.text_channels if channel.name == "dreams")
                await app.daily.turn_on(guild.id, by=1, daily_channel=channel.id, daily_zone="UTC")
        else:
            clock.set(datetime.fromisoformat(line).replace(tzinfo=UTC))
            await app.daily_posts.post_due()
            await app.daily.planner.run()
            for _ in range(WAIT * 20):
                if all(due.ready for due in await app.daily.posts.due(datetime(2027, 1, 1, tzinfo=UTC))):
                    break
                await asyncio.sleep(0.05)
        print("done", flush=True)
    connected.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
