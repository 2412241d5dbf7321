"""The connection to Discord where discord.py alone would give up, or say too much.

discord.py ends the bot at an event that it cannot parse, reconnects to discord.gg whatever API it was pointed
at, and logs each failed attempt with its traceback. Only this module reaches into how it connects.
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

LOST = (
    ReconnectWebSocket,
    WebSocketClosure,
    discord.ConnectionClosed,
    aiohttp.ClientError,
    asyncio.TimeoutError,
    OSError,
)
"""What discord.py raises where the connection itself is lost; it then connects again."""


class PatientWebSocket(DiscordWebSocket):
    """A gateway connection that skips what it cannot parse."""

    _text = ""

    async def received_message(self, msg: Any, /) -> None:
        """Handle one frame of the gateway."""
        self._text = ""
        try:
            await super().received_message(msg)
        except LOST:
            raise
        except Exception as error:
            log.warning("Skipped a gateway event%s that cannot be read: %r", _named(self._text), error)

    def log_receive(self, msg: Any, /) -> None:
        """Note a frame's text, which discord.py tells after it is decompressed and before it is parsed."""
        self._text = msg


def _named(text: str) -> str:
    with suppress(ValueError, AttributeError):
        if event := json.loads(text).get("t"):
            return f" {event}"
    return ""


class Reason(logging.Filter):
    """Log failed attempts to connect in one line each: the reason instead of the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the reason in the message's place."""
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            record.msg, record.args = f"{record.getMessage()}: {' '.join(str(error).split()) or error!r}", ()
            record.exc_info = record.exc_text = None
        return True


def point_at(api: str) -> None:
    """Make discord.py speak to the server at `api`, such as https://discord.com/api/v10."""
    if api != Route.BASE:
        Route.BASE = api
        discord.Asset.BASE = str(yarl.URL(api).origin())


def install() -> None:
    """Make discord.py connect with PatientWebSocket, and log failed attempts in one line."""
    setattr(discord.shard, "DiscordWebSocket", PatientWebSocket)  # noqa: B010 (it is a type to mypy)
    for talkative in ("discord.shard", "discord.gateway"):
        logging.getLogger(talkative).addFilter(Reason())


async def ask_for_gateway(client: discord.Client) -> None:
    """Ask the API where its gateway is: every connection that resumes none begins there.

    Raises GatewayNotFound.
    """
    _, address, _ = await client.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
