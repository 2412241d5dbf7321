"""What sending any message has in common: why Discord refuses one, and finding one sent before."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import discord

from bot.delivery.member_pictures import history
from dream.texts import Text

log = logging.getLogger(__name__)

MESSAGE_GONE: Final = Text("The message or its channel was deleted.")
NOT_ALLOWED: Final = Text("The bot is no longer allowed to post in that channel.")
INTERACTION_OVER: Final = Text("The bot may not post in that channel, and the command's 15 minutes are over.")
TOO_LARGE: Final = Text("The dream is too large a file for this server; ask for a smaller size.")
SEND_TIMEOUT: Final = 120
"""Seconds, at most, for sending a post."""
HISTORY_LIMIT: Final = 200
"""Messages of a channel among which one sent before is searched."""
CLOCK_SKEW: Final = timedelta(minutes=10)
"""How far this clock may be ahead of Discord's, for the search of a post."""


def refusal(error: discord.HTTPException) -> Text:
    """One sentence that says why Discord will never take this call."""
    match error:
        case discord.HTTPException(code=10015) | discord.HTTPException(code=50027):
            return INTERACTION_OVER
        case discord.NotFound():
            return MESSAGE_GONE
        case discord.Forbidden():
            return NOT_ALLOWED
        case discord.HTTPException(status=413) | discord.HTTPException(code=40005):
            return TOO_LARGE
        case _:
            log.error("Discord refuses a message", exc_info=error)
            return Text("Discord refused the message: {text}", text=error.text)


async def find_message(
    channel: discord.abc.Messageable, is_it: Callable[[discord.Message], bool], after: datetime
) -> discord.Message | None:
    """A message that a process sent before it crashed and recorded it; None where none can be seen.

    Raises HTTPException where Discord is in trouble.
    """
    since = discord.Object(discord.utils.time_snowflake(after))
    try:
        async for message in channel.history(limit=HISTORY_LIMIT, after=since, oldest_first=True):
            if is_it(message):
                return message
    except (discord.Forbidden, discord.NotFound):
        log.debug("the history of a channel cannot be read")
    return None


async def find_post(channel: discord.TextChannel, mark: str, after: datetime) -> discord.Message | None:
    """The bot's message with a file whose name contains `mark`, if one was sent after a moment.

    Raises HTTPException.
    """
    async for message in history(channel, after - CLOCK_SKEW):
        if message.author.id == channel.guild.me.id and any(
            mark in attachment.filename for attachment in message.attachments
        ):
            return message
    return None
