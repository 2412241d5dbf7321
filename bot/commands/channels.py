"""Text channels as arguments of commands, among those that the asker sees."""

from __future__ import annotations

import re
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.errors import Refused
from bot.ui.errors import code
from bot.visibility import visible_channels
from dream.suggestions import nearest


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
        return find_channel(context.author, argument, usage)

    async def transform(self, interaction: discord.Interaction[Any], value: Any, /) -> discord.TextChannel:
        """Take the channel that somebody chose. Raises Refused."""
        return find_channel(interaction.user, str(value.id))


def find_channel(asker: discord.Member | discord.User, typed: str, usage: str = "") -> discord.TextChannel:
    """The text channel that is meant. Raises Refused with the nearest one.

    A channel that the asker does not see is answered as one that there is not. `usage` is how the command is
    written.
    """
    channels = visible_channels(asker)
    number = re.fullmatch(r"<#(\d+)>|(\d{15,20})", typed)
    name = typed.removeprefix("#").lower()
    if number:
        found = next((one for one in channels if one.id == int(number[1] or number[2])), None)
    else:
        found = next((one for one in channels if one.name.lower() == name), None)
    if isinstance(found, discord.TextChannel):
        return found
    texts = {one.name: one for one in channels if isinstance(one, discord.TextChannel)}
    near = nearest(found.name if found else name, texts, most=1, cutoff=0.4) or list(texts)[:1]
    hint = f"try {texts[near[0]].mention}." if near else "make one first."
    if found is None:
        example = f" Write it like `{usage}`." if usage else ""
        raise Refused(f"I see no channel {code(typed)} on this server; {hint}{example}")
    raise Refused(f"{found.mention} is no text channel; {hint}")
