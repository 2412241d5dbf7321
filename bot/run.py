"""`dreambot run`: the bot at Discord, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.app import App
from bot.store.database import StoreError
from dream.backbone.fetching import fetched_in_background
from dream.farm import FarmError

if TYPE_CHECKING:
    from bot.client import DreamBot
    from config.schema import Config
    from dream.farm import Farm

log = logging.getLogger(__name__)

NO_TOKEN = (
    "There is no token: set DISCORD_TOKEN, or discord.token_file, to the token of your bot "
    "(discord.com/developers/applications → your application → Bot)."
)
BAD_TOKEN = (
    "Discord does not accept this token; copy it again, or reset it, at discord.com/developers/applications."
)
NO_INTENT = (
    "Discord refuses the Message Content Intent: switch it on at discord.com/developers/applications → your "
    "application → Bot, or set discord.message_content to false to serve slash commands and mentions only."
)


class StartError(Exception):
    """The bot cannot run; `str()` tells the operator what to do."""


def run(config: Config, farm: Farm | None = None) -> int:
    """Run the bot until SIGTERM or SIGINT. Returns the exit status: 0 when stopped, 1 when it cannot run.

    `farm` takes the place of the one that `config` describes: benches hand in one whose dreams only sleep.
    """
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    for talkative in ("discord", "distributed", "apscheduler", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(config, farm))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _run(config: Config, farm: Farm | None) -> None:
    if config.token is None:
        raise StartError(NO_TOKEN)
    point_at(config.discord.api)
    stopping = asyncio.create_task(told_to_stop())
    app = App(config, farm=farm)
    grace = 0
    try:
        await app.open_store()
        await _log_in(app.bot, config.token.get_secret_value())
        print(f"Logged in as {app.bot.user}. Add the bot to a server: {app.bot.invite}", flush=True)
        await app.open_farm()
        connection = asyncio.create_task(app.bot.connect())
        wanted = config.weights.fetch and not config.weights.inception_v3 and not config.farm.scheduler
        async with fetched_in_background() if wanted else nullcontext():
            await asyncio.wait({connection, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            connection.result()
        log.info("stopping: %d s for running dreams to finish", config.queue.grace)
        grace = config.queue.grace
    except discord.PrivilegedIntentsRequired:
        raise StartError(NO_INTENT) from None
    except (StoreError, FarmError) as error:
        raise StartError(str(error)) from None
    finally:
        await app.close(grace)


async def _log_in(bot: DreamBot, token: str) -> None:
    try:
        await bot.login(token)
    except discord.LoginFailure:
        raise StartError(BAD_TOKEN) from None
    except (OSError, aiohttp.ClientError, discord.HTTPException) as error:
        raise StartError(f"Discord cannot be reached at {Route.BASE}: {error}") from None


async def told_to_stop() -> None:
    """Wait for SIGTERM or Ctrl-C; another one then stops the process at once."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


def point_at(api: str) -> None:
    """Make discord.py speak to the server at `api`, such as https://discord.com/api/v10."""
    if api == Route.BASE:
        return
    address = yarl.URL(api)
    Route.BASE = api
    discord.Asset.BASE = str(address.origin())
    scheme = "ws" if address.scheme == "http" else "wss"
    DiscordWebSocket.DEFAULT_GATEWAY = address.origin().with_scheme(scheme) / "gateway"
