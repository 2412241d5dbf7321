"""`dreambot run`: starts the bot, and stops it on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import nullcontext
from importlib.metadata import version

import aiohttp
import discord
from discord.http import Route
from sqlalchemy.exc import SQLAlchemyError
from tenacity import stop_after_delay

from bot.allocator import return_large_blocks
from bot.app import App
from bot.backoff import attempts
from bot.client import DreamBot
from bot.discord_errors import is_transient
from bot.gateway import fetch_gateway_url, patch_discord, set_api_base
from bot.language import load_catalogues
from bot.store.errors import StoreError, StoreUnavailable
from config.problems import ConfigError
from config.schema import Config
from dream import tracing
from dream.backbone.fetching import fetched_in_background
from dream.backbone.loading import statuses
from dream.environment import forget_secrets, hide_memory
from dream.farm import Farm, FarmError
from dream.log import configure

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


BROKEN_TOKEN = "The token has a space or a line break in it: copy it again, in one line."

DATABASE_TIMEOUT = 30.0
"""Seconds to keep trying to open a database that is unavailable, such as a starting PostgreSQL."""


class StartError(Exception):
    """The bot cannot run; the text is a sentence that says what the operator can do."""


def run(config: Config, farm: Farm | None = None) -> int:
    """Run the bot until SIGTERM or SIGINT. Returns the exit status: 0 when stopped, 1 when it cannot run.

    `farm` replaces the one that `config` describes; benchmarks pass one whose dreams only sleep.
    """
    return_large_blocks()
    os.umask(0o077)  # pictures, interaction tokens and keys are readable by this user alone
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    configure(config.log.settings)
    tracing.configure("dreambot")
    # It warns whenever an action takes longer than its interval, as all do while the database is away.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    load_catalogues()
    try:
        asyncio.run(_run(config, farm))
    except (StartError, ConfigError, StoreError, FarmError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _run(config: Config, farm: Farm | None) -> None:
    token = read_token(config)
    forget_secrets()
    hide_memory()
    set_api_base(config.discord.api)
    patch_discord()
    app = App(config, farm=farm)
    stopping = asyncio.create_task(wait_for_stop_signal())
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
            wanted = config.weights.fetch and not config.farm.scheduler
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
    await app.open_endpoint()
    opening = attempts("opening the database", lambda error: isinstance(error, StoreUnavailable))
    async for attempt in opening.copy(stop=stop_after_delay(DATABASE_TIMEOUT)):
        with attempt:
            await app.open_store()
    app.database.lock()
    await _log_in(app.bot, token)
    print(f"Logged in as {app.bot.user}. Add the bot to a server: {app.bot.invite}")
    for name, value in what_is_on(app).items():
        print(f"  {name:<14} {value}")
    sys.stdout.flush()
    await app.open_farm()
    await asyncio.to_thread(_warn_about_weights, app.config)


def what_is_on(app: App) -> dict[str, str]:
    """What this bot runs with, for whoever starts it."""
    config, farm = app.config, app.config.farm
    page = f"http://{config.monitoring.host}:{config.monitoring.port}/status"
    return {
        "version": version("dreambot"),
        "database": str(app.database),
        "dreams": f"at {farm.scheduler}" if farm.scheduler else "on this machine",
        "text commands": "on" if config.discord.message_content else "off (discord.message_content)",
        "status": page if config.monitoring.port else "not served (monitoring.port is 0)",
    }


def _warn_about_weights(config: Config) -> None:
    if not config.farm.scheduler:  # else they are on the workers' machines
        for network, state in statuses():
            if not state.is_ready:
                log.warning("%s's weights: %s", network.title, state.detail)


def read_token(config: Config) -> str:
    """The bot's token. Raises StartError where there is none, or what cannot be one, and ConfigError."""
    token = config.token.get_secret_value() if config.token else ""
    if not token:
        raise StartError(NO_TOKEN)
    if any(letter.isspace() for letter in token):
        raise StartError(BROKEN_TOKEN)
    return token


async def _log_in(bot: DreamBot, token: str) -> None:
    """Log in, as soon as Discord can be reached."""
    try:
        async for attempt in attempts(f"reaching Discord at {Route.BASE}", is_transient):
            # A client whose login failed cannot log in again.
            with attempt:
                async with discord.Client(intents=discord.Intents(guilds=True)) as client:
                    await client.login(token)
        await bot.login(token)
        await fetch_gateway_url(bot)
    except discord.LoginFailure:
        raise StartError(BAD_TOKEN) from None
    except (OSError, aiohttp.ClientError, discord.HTTPException, discord.GatewayNotFound) as error:
        raise StartError(f"Discord cannot be reached at {Route.BASE}: {error}") from None


async def wait_for_stop_signal() -> None:
    """Wait for SIGTERM or SIGINT; a second one then ends the process at once."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
