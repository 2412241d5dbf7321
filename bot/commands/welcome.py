"""Says hello on a server that the bot has joined."""

from __future__ import annotations

import logging

import discord
from discord.ext import commands

from bot.client import PERMISSIONS, DreamBot
from bot.moderation import Approval
from bot.ui.permission_names import permission_name
from bot.ui.welcome import welcome

log = logging.getLogger(__name__)


class Welcome(commands.Cog):
    """Tells a new server once what to try, and what is missing."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Write to the server's channel for system messages, or the first that everybody sees."""
        moderation = self.bot.moderation
        stored = await moderation.approval(guild.id)
        if moderation.resolve_approval(guild.id, guild.member_count or 0, stored) is not Approval.ALLOWED:
            return
        channel = first_writable(guild)
        if channel is None:
            log.info("there is no channel to say hello in", extra={"server": guild.id})
            return
        absent = discord.Permissions(PERMISSIONS.value & ~guild.me.guild_permissions.value)
        lacking = [permission_name(name) for name, on in absent if on]
        await self.bot.speak_to_all(guild)
        prefix = (await self.bot.settings.effective(guild.id)).prefix
        try:
            await channel.send(
                welcome(prefix if self.bot.intents.message_content else "/", lacking, self.bot.invite),
                silent=True,
            )
        except discord.HTTPException as error:
            log.info("could not say hello: %s", error, extra={"server": guild.id})


def first_writable(guild: discord.Guild) -> discord.TextChannel | None:
    """The channel for system messages, else the first that everybody sees, else the first, where the bot
    may write."""
    system = [guild.system_channel] if guild.system_channel else []
    public = sorted(
        guild.text_channels,
        key=lambda channel: not channel.permissions_for(guild.default_role).view_channel,
    )
    for channel in (*system, *public):
        permissions = channel.permissions_for(guild.me)
        if permissions.view_channel and permissions.send_messages:
            return channel
    return None


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Welcome(bot))
