"""A text channel as an argument of text and slash commands."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui.channels import find_text_channel


class VisibleTextChannel(commands.Converter[discord.TextChannel], app_commands.Transformer):
    """A text channel of this server: a choice in slash commands, a mention, name or id in text."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """A channel, chosen from Discord's list."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """Only those that hold messages."""
        return [discord.ChannelType.text, discord.ChannelType.news]

    async def convert(self, context: commands.Context[Any], argument: str) -> discord.TextChannel:
        """Find the channel that somebody typed. Raises Refused with the nearest one."""
        command = context.command
        usage = f"{context.bot.prefix_in(context)}{command} {command.signature}" if command else ""
        return find_text_channel(context.author, argument, usage)

    async def transform(self, interaction: discord.Interaction[Any], value: Any, /) -> discord.TextChannel:
        """Take the channel that somebody chose. Raises Refused."""
        return find_text_channel(interaction.user, str(value.id))
