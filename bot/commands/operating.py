"""Commands for the bot's operators: approve servers, and pause."""

from __future__ import annotations

import logging
from typing import Final

import discord
from discord.ext import commands

from bot.checks import operator_only
from bot.client import DreamBot
from bot.delivery.operators import tell_operators
from bot.errors import Refused
from bot.moderation import Approval
from bot.ui.moderation import question
from dream.texts import Text, _

Context = commands.Context[DreamBot]

log = logging.getLogger(__name__)

LATER: Final = Text("please come back a little later.")
"""What members read while the bot is paused, if its operator says nothing else."""


class Operating(commands.Cog):
    """For the operator of this bot."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.group(hidden=True, invoke_without_command=True)
    @operator_only()
    async def operator(self, context: Context) -> None:
        """Show how the bot stands, as `dreambot status` does."""
        health = await self.bot.health.check()
        await context.reply("\n".join(health.in_words())[:2000], mention_author=False)

    @operator.command()
    @operator_only()
    async def pause(self, context: Context, *, notice: str = LATER.message) -> None:
        """Take no new dreams; whoever asks reads the notice."""
        await self.bot.moderation.pause(notice[:500], by=context.author.id)
        await context.reply(_("⏸️ Paused. Dreams already asked for go on."), mention_author=False)

    @operator.command()
    @operator_only()
    async def resume(self, context: Context) -> None:
        """Take dreams again."""
        if not await self.bot.moderation.resume(by=context.author.id):
            raise Refused(Text("The bot is not paused."))
        await context.reply(_("▶️ Taking dreams again."), mention_author=False)

    @operator.command()
    @operator_only()
    async def allow(self, context: Context, server_id: int) -> None:
        """Let a server in, whatever its size."""
        await self.bot.moderation.decide(server_id, Approval.ALLOWED, by=context.author.id)
        await context.reply(
            _("✅ Server {server_id} may use the bot.", server_id=server_id), mention_author=False
        )

    @operator.command()
    @operator_only()
    async def deny(self, context: Context, server_id: int) -> None:
        """Shut a server out; the bot leaves it."""
        await self.bot.moderation.decide(server_id, Approval.DENIED, by=context.author.id)
        if guild := self.bot.get_guild(server_id):
            await guild.leave()
        await context.reply(
            _("✅ Server {server_id} may not use the bot.", server_id=server_id), mention_author=False
        )

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Check servers that were joined, or grew, while their shard was not connected."""
        approvals = await self.bot.moderation.approvals()
        for guild in [guild for guild in self.bot.guilds if guild.shard_id == shard_id]:
            await self.check_approval(guild, approvals.get(guild.id))

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Check a new server."""
        await self.check_approval(guild, await self.bot.moderation.approval(guild.id))

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Check a server that is available again after an outage."""
        if self.bot.is_ready():
            await self.on_guild_join(guild)

    async def check_approval(self, guild: discord.Guild, approval: Approval | None) -> None:
        """Leave a server that may not use the bot; ask operators, once, about a large one."""
        match self.bot.moderation.resolve_approval(guild.id, guild.member_count or 0, approval):
            case Approval.DENIED:
                log.warning("leaving server %s (%s): the operator does not let it in", guild.id, guild.name)
                await guild.leave()
            case Approval.PENDING if approval is None:
                assert self.bot.user is not None
                await self.bot.moderation.decide(guild.id, Approval.PENDING, by=self.bot.user.id)
                await self.bot.speak_to_all(None)
                await tell_operators(self.bot, **question(guild))


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Operating(bot))
