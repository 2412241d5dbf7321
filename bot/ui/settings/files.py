"""A server's settings as Discord attachments."""

from __future__ import annotations

import io

import discord

from bot.checks import has_manage_server
from bot.client import DreamBot
from bot.settings.files import MAX_LENGTH
from bot.settings.rows import Change
from bot.settings.values import SettingError
from bot.ui.settings.names import existence_check
from dream.texts import Text


async def export_file(bot: DreamBot, guild_id: int) -> discord.File:
    """A server's settings as a file to send."""
    text = await bot.settings.export_toml(guild_id)
    return discord.File(io.BytesIO(text.encode()), "dreambot-settings.toml")


async def import_file(
    bot: DreamBot, guild: discord.Guild, file: discord.Attachment, by: discord.abc.User
) -> list[Change]:
    """Replace a server's settings by an attachment's. Raises SettingError."""
    if file.size > MAX_LENGTH:
        raise SettingError(Text("That file is too large to be settings; please give one that `export` made."))
    try:
        text = (await file.read()).decode()
    except UnicodeDecodeError:
        raise SettingError(Text("That is no settings file; please give one that `export` made.")) from None
    return await bot.settings.import_toml(
        guild.id,
        text,
        by=by.id,
        exists=existence_check(guild, by),
        may_set_admin_role=has_manage_server(by),
    )
