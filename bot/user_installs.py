"""What users who installed the bot for themselves may do on servers and in group chats where it is no member.

There it can neither read nor post: all that it has is the interaction, whose answers Discord takes for 15
minutes. Where the server does not let its members use external apps, Discord shows these to the user alone.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import discord
from discord import app_commands

T = TypeVar("T")

INSTALLS: Final = app_commands.AppInstallationType(guild=True, user=True)
CONTEXTS: Final = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)


def anywhere(command: T) -> T:
    """Offer a slash command to users who installed the bot, too, wherever they are."""
    command = app_commands.allowed_installs(guilds=True, users=True)(command)
    return app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(command)


def is_away(interaction: discord.Interaction[Any]) -> bool:
    """Whether an interaction comes from where the bot is no member."""
    if interaction.guild_id is None:
        return bool(interaction.context.private_channel)
    return interaction.client.get_guild(interaction.guild_id) is None
