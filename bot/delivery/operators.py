"""Direct messages to the bot's operators."""

from __future__ import annotations

import logging
from typing import Any

import discord

from bot.client import DreamBot

log = logging.getLogger(__name__)


async def tell_operators(bot: DreamBot, **message: Any) -> None:
    """Send a message, with the arguments of `send`, to the application's owners and `discord.operators`.

    Whoever takes no direct messages is left out, with a line in the log.
    """
    app = await bot.application_info()
    owners = [member.id for member in app.team.members] if app.team else [app.owner.id]
    for user_id in {*owners, *bot.config.discord.operators}:
        try:
            user = await bot.fetch_user(user_id)
            await user.send(**message)
        except discord.HTTPException as error:
            log.warning("operator %s cannot be told: %s", user_id, error)
