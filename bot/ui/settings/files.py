"""A server's settings as a file that Discord carries."""

from __future__ import annotations

import io

import discord

from bot.checks import has_manage_server
from bot.client import DreamBot
from bot.settings.files import MAX_LENGTH
from bot.settings.rows import Change
from bot.settings.values import SettingError
from bot.ui.settings.names import known_to


async def exported(bot: DreamBot, guild_id: int) -> discord.File:
    """A server's settings as a file."""
    text = await bot.settings.export(guild_id)
    return discord.File(io.BytesIO(text.encode()), "dreambot-settings.toml")


async def imported(
    bot: DreamBot, guild: discord.Guild, file: discord.Attachment, by: discord.abc.User
) -> list[Change]:
    """Replace a server's settings by a file's. Raises SettingError."""
    if file.size > MAX_LENGTH:
        raise SettingError("That file is too large to be settings; please give one that `export` made.")
    try:
        text = (await file.read()).decode()
    except UnicodeDecodeError:
        raise SettingError("That is no settings file; please give one that `export` made.") from None
    return await bot.settings.load(
        guild.id, text, by=by.id, exists=known_to(guild, by), may_appoint=has_manage_server(by)
    )
