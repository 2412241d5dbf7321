"""Tells transient errors of Discord from those of a call that will never be taken."""

import aiohttp
import discord


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: no connection, a rate limit, or Discord's own trouble."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, OSError | TimeoutError | aiohttp.ClientError | discord.RateLimited)
