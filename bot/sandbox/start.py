"""`dreambot sandbox`: its worker gets ready on one core while the bot is imported and started on another."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from importlib import import_module
from pathlib import Path

from bot.sandbox.farm import LiveFarm
from bot.sandbox.loopback import listen
from config.schema import Config


def start(config: Config, port: int, *, data: Path | None = None, browser: bool = True) -> int:
    """Serve the page until SIGINT or SIGTERM, at `port` or, where that is taken, at the next free one.

    `data` is a folder to keep what was dreamt in; `browser` whether to open the page. Returns 0, or 1 where
    there is no free port, or the folder cannot be used.
    """
    logging.getLogger("discord").setLevel(logging.ERROR)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    # Where Ctrl-C cancels a statement, the pool tells of the rollback that was cancelled, too.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    try:
        listening = listen(port)
        if data:
            data.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_start(config, listening, data, browser))
    except OSError as error:
        print(f"The sandbox cannot start: {error}.", file=sys.stderr)
    return 1


async def _start(config: Config, listening: socket.socket, data: Path | None, browser: bool) -> int:
    farm = LiveFarm(**config.farm.model_dump())
    await farm.start()
    try:
        await asyncio.to_thread(import_module, "bot.sandbox.serve")
        from bot.sandbox.serve import serve

        return await serve(config, listening, farm, data, browser)
    finally:
        await farm.close()
