"""Commands for moderators to block members from asking for dreams."""

from __future__ import annotations

from datetime import timedelta

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import has_manage_server, server_moderator_only
from bot.client import DreamBot
from bot.durations import parse_duration
from bot.errors import Refused
from bot.ui.fitting import fitting

Context = commands.Context[DreamBot]


class Duration(commands.Converter[timedelta]):
    """Converts a duration such as 12h or 7d."""

    async def convert(self, ctx: commands.Context[DreamBot], argument: str) -> timedelta:  # type: ignore[override]
        """Parse the argument. Raises BadArgument."""
        try:
            return parse_duration(argument)
        except ValueError as error:
            raise commands.BadArgument(str(error)) from None


class Blocking(commands.Cog):
    """Keep members from asking for dreams, for a while or for good."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_command(usage="@member [duration] [reason]")
    @commands.guild_only()
    @app_commands.default_permissions(manage_messages=True)
    @app_commands.describe(
        member="Who",
        duration="For how long, such as 12h or 7d; for good without it",
        reason="Shown to moderators",
    )
    @server_moderator_only()
    async def block(
        self,
        context: Context,
        member: discord.Member,
        duration: Duration | None = None,
        *,
        reason: str = "",
    ) -> None:
        """Stop a member from asking for dreams; those that wait are cancelled."""
        assert context.guild is not None and isinstance(context.author, discord.Member)
        if member.bot or member == context.author or has_manage_server(member):
            raise Refused("You can't block yourself, an admin or a bot.")
        if context.author != context.guild.owner and member.top_role >= context.author.top_role:
            raise Refused(
                f"You can't block {member.mention}: their highest role is not below yours; "
                "please ask somebody whose is higher."
            )
        until = self.bot.clock.now() + duration if isinstance(duration, timedelta) else None
        await self.bot.moderation.block(
            context.guild.id, member.id, until=until, reason=reason[:300], by=context.author.id
        )
        for job in await self.bot.queue.jobs_of(member.id, context.guild.id):
            await self.bot.queue.cancel(job.id)
        await self.bot.daily.member_blocked(context.guild.id, member.id)
        length = f"until {discord.utils.format_dt(until, 'f')}" if until else "until somebody unblocks them"
        await context.reply(f"✅ {member.mention} can't ask for dreams {length}.", mention_author=False)

    @commands.hybrid_command()
    @commands.guild_only()
    @app_commands.default_permissions(manage_messages=True)
    @app_commands.describe(member="Who")
    @server_moderator_only()
    async def unblock(self, context: Context, member: discord.Member | discord.User) -> None:
        """Let a member ask for dreams again."""
        assert context.guild is not None
        if member == context.author:
            raise Refused("You can't unblock yourself; please ask another moderator.")
        if not await self.bot.moderation.unblock(context.guild.id, member.id, by=context.author.id):
            raise Refused(f"{member.mention} is not blocked.")
        await context.reply(f"✅ {member.mention} can ask for dreams again.", mention_author=False)

    @commands.hybrid_command()
    @commands.guild_only()
    @app_commands.default_permissions(manage_messages=True)
    @server_moderator_only()
    async def blocked(self, context: Context) -> None:
        """Show who is blocked, until when and why."""
        assert context.guild is not None
        lines = []
        for block in await self.bot.moderation.blocks(context.guild.id):
            who = f"<@{block.member_id}>" if block.member_id else "somebody who asked to be forgotten"
            until = f"until {discord.utils.format_dt(block.until, 'f')}" if block.until else "for good"
            lines.append(f"{who} {until}" + (f": {block.reason}" if block.reason else ""))
        text = fitting(lines, 4000) if lines else "Nobody is blocked."
        await context.reply(
            embed=discord.Embed(title="Blocked members", description=text),
            mention_author=False,
            ephemeral=True,
        )


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Blocking(bot))
