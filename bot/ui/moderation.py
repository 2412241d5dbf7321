"""The message that asks operators whether a large server may use the bot, and its buttons."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.checks import NOT_AN_OPERATOR, is_operator
from bot.errors import Refused
from bot.moderation import Approval
from bot.ui.components import Component, Interaction
from dream.texts import _


def question(guild: discord.Guild) -> dict[str, Any]:
    """The message to operators, as keyword arguments for `send`."""
    view = discord.ui.View(timeout=None)
    view.add_item(Decision(Approval.ALLOWED, guild.id))
    view.add_item(Decision(Approval.DENIED, guild.id))
    about = _(
        "**{server}** ({id}) has {count} members",
        server=discord.utils.escape_markdown(guild.name),
        id=guild.id,
        count=guild.member_count,
    )
    return {
        "content": _("{about}, more than your `ask_above`. May it use Dreambot?", about=about),
        "view": view,
    }


class Decision(
    Component,
    template=r"server:(?P<approval>allowed|denied):(?P<guild>\d+)",
):
    """A button that allows or denies a server; the bot leaves a denied one."""

    def __init__(self, approval: Approval, guild_id: int) -> None:
        allowed = approval is Approval.ALLOWED
        super().__init__(
            discord.ui.Button(
                label=_("Allow") if allowed else _("Deny"),
                style=discord.ButtonStyle.success if allowed else discord.ButtonStyle.danger,
                custom_id=f"server:{approval}:{guild_id}",
            )
        )
        self.approval, self.guild_id = approval, guild_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(Approval(match["approval"]), int(match["guild"]))

    async def handle(self, interaction: Interaction) -> None:
        """Store the decision and apply it."""
        bot = interaction.client
        if not await is_operator(bot, interaction.user):
            raise Refused(NOT_AN_OPERATOR)
        await bot.moderation.decide(self.guild_id, self.approval, by=interaction.user.id)
        if self.approval is Approval.DENIED and (guild := bot.get_guild(self.guild_id)):
            await guild.leave()
        await interaction.response.edit_message(
            content=_("Server {server} is {approval}.", server=self.guild_id, approval=self.approval),
            view=None,
        )
