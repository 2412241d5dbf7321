"""The confirmation of `forget-me`, and its button."""

from __future__ import annotations

import re
from typing import Any, Final, Self

import discord

from bot.errors import Refused
from bot.ui.components import Component, Interaction

QUESTION: Final = (
    "This deletes your pictures, your dreams and what you asked for, on every server, and stops those that "
    "wait. It can't be undone."
)
DONE: Final = "🌫️ Done: your pictures, dreams and what you asked for are deleted, on every server."


def question(member_id: int) -> dict[str, Any]:
    """The message, as keyword arguments for `send`."""
    view = discord.ui.View(timeout=None)
    view.add_item(ForgetMe(member_id))
    return {"content": QUESTION, "view": view}


class ForgetMe(Component, template=r"forget-me:(?P<member>\d+)"):
    """A button that deletes a member's data."""

    def __init__(self, member_id: int) -> None:
        self.member_id = member_id
        super().__init__(
            discord.ui.Button(
                label="Delete everything of me",
                style=discord.ButtonStyle.danger,
                custom_id=f"forget-me:{member_id}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(int(match["member"]))

    async def handle(self, interaction: Interaction) -> None:
        """Delete the member's data. Raises Refused for anybody else."""
        if interaction.user.id != self.member_id:
            raise Refused("Only whoever asked can confirm it; `/forget-me` is yours to use.")
        await interaction.response.defer()
        await interaction.client.privacy.forget_member(self.member_id)
        await interaction.edit_original_response(content=DONE, view=None)
