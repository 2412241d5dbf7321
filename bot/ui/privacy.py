"""The question whether everything of a member is to be deleted, and the button that confirms it."""

from __future__ import annotations

import re
from typing import Any, Final, Self

import discord

from bot.errors import Refused
from bot.ui.components import Component, Press

QUESTION: Final = (
    "This deletes your pictures, your dreams and what you asked for, on every server, and stops those that "
    "wait. It can't be undone."
)
DONE: Final = "🌫️ Done: your pictures, dreams and what you asked for are deleted, on every server."


def question(member_id: int) -> dict[str, Any]:
    """Keyword arguments to ask a member with."""
    view = discord.ui.View(timeout=None)
    view.add_item(ForgetMe(member_id))
    return {"content": QUESTION, "view": view}


class ForgetMe(Component, template=r"forget-me:(?P<member>\d+)"):
    """Confirms that everything kept of a member is to be deleted."""

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
        """Make the button again from what Discord kept of it."""
        return cls(int(match["member"]))

    async def press(self, press: Press) -> None:
        """Delete everything of whoever asked, if they are the one who presses. Raises Refused."""
        if press.user.id != self.member_id:
            raise Refused("Only whoever asked can confirm it; `/forget-me` is yours to use.")
        await press.response.defer()
        await press.client.privacy.forget_member(self.member_id)
        await press.edit_original_response(content=DONE, view=None)
