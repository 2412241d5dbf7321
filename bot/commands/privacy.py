"""What is kept of members, in plain words, and the way to have it deleted."""

from __future__ import annotations

import discord
from discord.ext import commands

from bot.client import DreamBot
from bot.ui.privacy import opener, question
from bot.user_installs import anywhere
from dream.texts import _, ngettext

Context = commands.Context[DreamBot]


class PrivacyCommands(commands.Cog, name="Privacy"):
    """Know what is kept of you, and have it deleted."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_command()
    @anywhere
    async def privacy(self, context: Context) -> None:
        """Say what is kept of you, and for how long."""
        kept = self.bot.config.privacy
        lines = [
            ngettext(
                "**Pictures.** A picture that you ask me to dream on, and the dream, are kept for {count} "
                "day after it is done, so that its buttons work.",
                "**Pictures.** A picture that you ask me to dream on, and the dream, are kept for {count} "
                "days after it is done, so that its buttons work.",
                kept.retention_days,
            ),
            _("**What you asked for.** Who asked for which recipe, where and when, goes with them."),
            _(
                "**Other messages.** I keep nothing of them. If the admins let the daily dream use "
                "pictures that members post, it takes only those in channels they chose; `/daily "
                "forget` keeps yours out."
            ),
            _(
                "**Stars.** Of a dream that was starred I count the ⭐, and do not keep who gave "
                "them. While it stands in a hall of fame, whose it is and its recipe are kept."
            ),
            _(
                "**Your choices.** The button below says whether others may dream on your pictures, "
                "and whether your dreams may be in halls of fame and your pictures become daily "
                "dreams."
            ),
            ngettext(
                "**Settings and blocks.** Who changed, blocked or removed what is kept for {count} day, a "
                "block until it ends.",
                "**Settings and blocks.** Who changed, blocked or removed what is kept for {count} days, a "
                "block until it ends.",
                kept.audit_days,
            ),
            ngettext(
                "**Leaving.** What I have of a server is deleted {count} day after I leave it.",
                "**Leaving.** What I have of a server is deleted {count} days after I leave it.",
                kept.leave_days,
            ),
            _(
                "**To be forgotten.** `/forget-me` deletes your pictures and jobs, on every server, "
                "once you confirm it. Only a block, your choices, and that you asked stay, under a "
                "code that does not tell who you are. Dreams already posted belong to their channel: "
                "🗑️ them first."
            ),
        ]
        links = [(_("Terms of service"), kept.terms_url), (_("Privacy policy"), kept.policy_url)]
        lines += [f"[{title}]({address})" for title, address in links if address]
        embed = discord.Embed(title=_("Your privacy"), description="\n\n".join(lines))
        view = opener()
        await context.reply(embed=embed, view=view, mention_author=False, ephemeral=True)

    @commands.hybrid_command(name="forget-me", aliases=["forgetme"])
    @anywhere
    async def forget_me(self, context: Context) -> None:
        """Delete everything that is kept of you, on every server, once you confirm it."""
        await context.reply(**question(context.author.id), mention_author=False, ephemeral=True)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """End a server's grace time."""
        await self.bot.privacy.mark_joined(guild.id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Begin a server's grace time, after which its data is deleted."""
        await self.bot.privacy.mark_left(guild.id)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Notice servers that were left or joined while their shard was not connected."""
        count = self.bot.shard_count or 1
        for guild_id, gone in (await self.bot.privacy.servers_with_data()).items():
            here = self.bot.get_guild(guild_id) is not None
            if gone and here:
                await self.bot.privacy.mark_joined(guild_id)
            elif not gone and not here and (guild_id >> 22) % count == shard_id:
                await self.bot.privacy.mark_left(guild_id)


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(PrivacyCommands(bot))
