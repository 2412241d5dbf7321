"""`dreambot run`: the bot at Discord, until it is told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord.http import Route
from sqlalchemy.exc import SQLAlchemyError
from tenacity import stop_after_delay

from bot.app import App
from bot.backoff import attempts
from bot.gateway import ask_for_gateway, install, point_at
from bot.store.database import StoreError, StoreUnavailable
from config.problems import ConfigError
from dream.backbone.catalog import NETWORKS
from dream.backbone.fetching import fetched_in_background
from dream.backbone.loading import statuses
from dream.environment import forget_secrets
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


TORN_TOKEN = "The token has a space or a line break in it: copy it again, in one line."

DATABASE_PATIENCE = 30.0
"""Seconds that a database which is away, such as a PostgreSQL that starts, is waited for."""


class StartError(Exception):
    """The bot cannot run; `str()` tells the operator what to do."""


def return_freed_memory() -> None:
    """Make glibc's allocator return large blocks, as pictures are, to the system as soon as they are freed.

    By itself it keeps them once a few were freed: members who send large pictures would leave 100 MB more.
    """
    with suppress(OSError, TypeError, AttributeError):  # another C library, or Windows
        mmap_threshold = -3
        ctypes.CDLL(None).mallopt(mmap_threshold, 2**20)


def run(config: Config, farm: Farm | None = None) -> int:
    """Run the bot until SIGTERM or SIGINT. Returns the exit status: 0 when stopped, 1 when it cannot run.

    `farm` takes the place of the one that `config` describes: benches hand in one whose dreams only sleep.
    """
    return_freed_memory()
    os.umask(0o077)  # pictures, tokens of interactions and keys: nobody else's business
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    for talkative in ("discord", "distributed", "apscheduler", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(config, farm))
    except (StartError, ConfigError, StoreError, FarmError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _run(config: Config, farm: Farm | None) -> None:
    token = read_token(config)
    forget_secrets()
    point_at(config.discord.api)
    install()
    app = App(config, farm=farm)
    stopping = asyncio.create_task(told_to_stop())
    grace = 0
    async with app.bot:  # a bot that has not begun to log in could not be closed
        try:
            starting = asyncio.create_task(_start(app, token))
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                return
            starting.result()
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
        except SQLAlchemyError as error:
            raise StartError(f"The database failed while the bot started: {_first_line(error)}") from None
        except discord.GatewayNotFound as error:
            raise StartError(f"Discord cannot be reached at {Route.BASE}: {error}") from None
        except discord.ConnectionClosed as closed:
            raise StartError(
                BAD_TOKEN if closed.code == 4004 else f"Discord ended the connection: {closed}"
            ) from None
        finally:
            await app.close(grace)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


async def _start(app: App, token: str) -> None:
    opening = attempts("opening the database", lambda error: isinstance(error, StoreUnavailable))
    async for attempt in opening.copy(stop=stop_after_delay(DATABASE_PATIENCE)):
        with attempt:
            await app.open_store()
    await _log_in(app.bot, token)
    print(f"Logged in as {app.bot.user}. Add the bot to a server: {app.bot.invite}", flush=True)
    await app.open_farm()
    await asyncio.to_thread(_tell_of_weights, app.config)


def _tell_of_weights(config: Config) -> None:
    if not config.farm.scheduler:  # else they are on the workers' machines
        for status in statuses(config.weights.inception_v3):
            if not status.ready:
                log.warning("%s's weights: %s", NETWORKS[status.network].title, status.detail)


def read_token(config: Config) -> str:
    """The bot's token. Raises StartError where there is none, or what cannot be one, and ConfigError."""
    token = config.token.get_secret_value() if config.token else ""
    if not token:
        raise StartError(NO_TOKEN)
    if any(letter.isspace() for letter in token):
        raise StartError(TORN_TOKEN)
    return token


async def _log_in(bot: DreamBot, token: str) -> None:
    try:
        await bot.login(token)
        await ask_for_gateway(bot)
    except discord.LoginFailure:
        raise StartError(BAD_TOKEN) from None
    except (OSError, aiohttp.ClientError, discord.HTTPException, discord.GatewayNotFound) as error:
        raise StartError(f"Discord cannot be reached at {Route.BASE}: {error}") from None


async def told_to_stop() -> None:
    """Wait for SIGTERM or Ctrl-C; another one then stops the process at once."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
