"""The question whether a large server may use the bot, with its two answers."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.checks import NOT_AN_OPERATOR, is_operator
from bot.client import DreamBot
from bot.moderation import Approval
from bot.ui.errors import whisper


def question(guild: discord.Guild) -> dict[str, Any]:
    """Keyword arguments to ask an operator with."""
    view = discord.ui.View(timeout=None)
    view.add_item(Decision(Approval.ALLOWED, guild.id))
    view.add_item(Decision(Approval.DENIED, guild.id))
    about = f"**{discord.utils.escape_markdown(guild.name)}** ({guild.id}) has {guild.member_count} members"
    return {"content": f"{about}, more than your `ask_above`. May it use Dreambot?", "view": view}


class Decision(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"server:(?P<approval>allowed|denied):(?P<guild>\d+)",
):
    """One answer; the bot leaves a server that is denied."""

    def __init__(self, approval: Approval, guild_id: int) -> None:
        allowed = approval is Approval.ALLOWED
        super().__init__(
            discord.ui.Button(
                label="Allow" if allowed else "Deny",
                style=discord.ButtonStyle.success if allowed else discord.ButtonStyle.danger,
                custom_id=f"server:{approval}:{guild_id}",
            )
        )
        self.approval, self.guild_id = approval, guild_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button again from what Discord kept of it."""
        return cls(Approval(match["approval"]), int(match["guild"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Write the answer down and act on it."""
        bot: DreamBot = interaction.client
        if not await is_operator(bot, interaction.user):
            await whisper(interaction, NOT_AN_OPERATOR)
            return
        await bot.moderation.decide(self.guild_id, self.approval, by=interaction.user.id)
        if self.approval is Approval.DENIED and (guild := bot.get_guild(self.guild_id)):
            await guild.leave()
        await interaction.response.edit_message(
            content=f"Server {self.guild_id} is {self.approval}.", view=None
        )
