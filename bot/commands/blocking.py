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
from dream.texts import Text, _

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
            raise Refused(Text("You can't block yourself, an admin or a bot."))
        if context.author != context.guild.owner and member.top_role >= context.author.top_role:
            raise Refused(
                Text(
                    "You can't block {member}: their highest role is not below yours; please ask "
                    "somebody whose is higher.",
                    member=member.mention,
                )
            )
        until = self.bot.clock.now() + duration if isinstance(duration, timedelta) else None
        await self.bot.moderation.block(
            context.guild.id, member.id, until=until, reason=reason[:300], by=context.author.id
        )
        for job in await self.bot.queue.jobs_of(member.id, context.guild.id):
            await self.bot.queue.cancel(job.id)
        await self.bot.daily.member_blocked(context.guild.id, member.id)
        await self.bot.speak_to_all(context.guild)
        who = member.mention
        if until:
            time = discord.utils.format_dt(until, "f")
            text = _("✅ {member} can't ask for dreams until {time}.", member=who, time=time)
        else:
            text = _("✅ {member} can't ask for dreams until somebody unblocks them.", member=who)
        await context.reply(text, mention_author=False)

    @commands.hybrid_command()
    @commands.guild_only()
    @app_commands.default_permissions(manage_messages=True)
    @app_commands.describe(member="Who")
    @server_moderator_only()
    async def unblock(self, context: Context, member: discord.Member | discord.User) -> None:
        """Let a member ask for dreams again."""
        assert context.guild is not None
        if member == context.author:
            raise Refused(Text("You can't unblock yourself; please ask another moderator."))
        if not await self.bot.moderation.unblock(context.guild.id, member.id, by=context.author.id):
            raise Refused(Text("{member} is not blocked.", member=member.mention))
        await self.bot.speak_to_all(context.guild)
        await context.reply(
            _("✅ {member} can ask for dreams again.", member=member.mention), mention_author=False
        )

    @commands.hybrid_command()
    @commands.guild_only()
    @app_commands.default_permissions(manage_messages=True)
    @server_moderator_only()
    async def blocked(self, context: Context) -> None:
        """Show who is blocked, until when and why."""
        assert context.guild is not None
        lines = []
        for block in await self.bot.moderation.blocks(context.guild.id):
            who = f"<@{block.member_id}>" if block.member_id else _("somebody who asked to be forgotten")
            time = block.until and discord.utils.format_dt(block.until, "f")
            until = _("until {time}", time=time) if time else _("for good")
            lines.append(f"{who} {until}" + (f": {block.reason}" if block.reason else ""))
        text = fitting(lines, 4000) if lines else _("Nobody is blocked.")
        await context.reply(
            embed=discord.Embed(title=_("Blocked members"), description=text),
            mention_author=False,
            ephemeral=True,
        )


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Blocking(bot))
