"""Patches of discord.py's gateway connection.

discord.py ends the bot at an event that it cannot parse, reconnects to discord.gg whatever the API's address,
and logs each failed attempt with its traceback. Only this module changes discord.py's internals.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

import aiohttp
import discord
import discord.shard
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket, WebSocketClosure
from discord.http import Route

log = logging.getLogger(__name__)

CONNECTION_ERRORS = (
    ReconnectWebSocket,
    WebSocketClosure,
    discord.ConnectionClosed,
    aiohttp.ClientError,
    asyncio.TimeoutError,
    OSError,
)
"""What discord.py raises where the connection is lost, to reconnect."""


class TolerantWebSocket(DiscordWebSocket):
    """A gateway connection that skips what it cannot parse."""

    _text = ""

    async def received_message(self, msg: Any, /) -> None:
        """Handle one frame of the gateway."""
        self._text = ""
        try:
            await super().received_message(msg)
        except CONNECTION_ERRORS:
            raise
        except Exception as error:
            log.warning("Skipped a gateway event%s that cannot be read: %r", _event_name(self._text), error)

    def log_receive(self, msg: Any, /) -> None:
        """Store a frame's text; discord.py calls this after decompressing and before parsing it."""
        self._text = msg


def _event_name(text: str) -> str:
    with suppress(ValueError, AttributeError):
        if event := json.loads(text).get("t"):
            return f" {event}"
    return ""


class OneLineErrors(logging.Filter):
    """Log failed attempts to connect in one line each: the reason instead of the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Append the error to the message and drop the traceback; keeps every record."""
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            record.msg, record.args = f"{record.getMessage()}: {' '.join(str(error).split()) or error!r}", ()
            record.exc_info = record.exc_text = None
        return True


def set_api_base(api: str) -> None:
    """Make discord.py send its requests to `api`, such as https://discord.com/api/v10."""
    if api != Route.BASE:
        Route.BASE = api
        discord.Asset.BASE = str(yarl.URL(api).origin())


def patch_discord() -> None:
    """Make discord.py connect with TolerantWebSocket, and log failed attempts in one line."""
    setattr(discord.shard, "DiscordWebSocket", TolerantWebSocket)  # noqa: B010 (it is a type to mypy)
    for noisy in ("discord.shard", "discord.gateway"):
        logging.getLogger(noisy).addFilter(OneLineErrors())


async def fetch_gateway_url(client: discord.Client) -> None:
    """Fetch the gateway's address from the API, for connections that do not resume a session.

    Raises GatewayNotFound.
    """
    _, address, _ = await client.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
