"""Logs the connection to Discord, and the servers that are joined and left."""

from __future__ import annotations

import logging

import discord
from discord.ext import commands

from bot.client import DreamBot

log = logging.getLogger(__name__)


class ConnectionLog(commands.Cog):
    """One line in the log for each event."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """A session has begun, and its servers are known."""
        log.info("connected", extra={"shard": shard_id, "servers": len(self.bot.guilds)})

    @commands.Cog.listener()
    async def on_shard_resumed(self, shard_id: int) -> None:
        """A session goes on."""
        log.info("resumed", extra={"shard": shard_id})

    @commands.Cog.listener()
    async def on_shard_disconnect(self, shard_id: int) -> None:
        """The connection was lost; discord.py tries again."""
        log.warning("disconnected", extra={"shard": shard_id})

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was added to a server."""
        log.info("joined a server", extra={"server": guild.id, "members": guild.member_count})

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from a server, or the server was deleted."""
        log.info("left a server", extra={"server": guild.id})


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(ConnectionLog(bot))
