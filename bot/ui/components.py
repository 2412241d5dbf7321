"""Base classes of buttons and selects that keep working after a restart."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Generic, Self, TypeVar

import discord

from bot.client import DreamBot
from bot.errors import Refused
from bot.ui.errors import explain, whisper

Press = discord.Interaction[DreamBot]
Row = TypeVar("Row")


class Component(discord.ui.DynamicItem[Any], template="-"):
    """A message component whose state is in its custom id. Subclasses define `press`."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Run `press`; errors are answered ephemerally."""
        try:
            await self.press(interaction)
        except Exception as error:
            await whisper(interaction, explain(error))

    async def press(self, press: Press) -> None:
        """Handle an interaction. Raises Refused, or any error that `explain` handles."""
        raise NotImplementedError


class RowButton(Component, Generic[Row], template="-"):
    """A button under a message about a database row, whose id is in the custom id.

    Subclasses set the class variables and a template `key:(?P<id>...)`, and define `load` and `act`, which
    checks permissions.
    """

    key: ClassVar[str]
    label: ClassVar[str | None] = None
    emoji: ClassVar[str]
    gone: ClassVar[str]
    """The answer if the row no longer exists."""

    def __init__(self, id: str) -> None:
        self.row_id = id
        button: discord.ui.Button[Any] = discord.ui.Button(
            label=self.label, emoji=self.emoji, custom_id=f"{self.key}:{id}"
        )
        super().__init__(button)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(match["id"])

    async def press(self, press: Press) -> None:
        """Load the row and act on it; a row of another server counts as missing."""
        row = await self.load(press.client)
        if row is None or getattr(row, "guild_id", None) != press.guild_id:
            await self.miss(press)
        else:
            await self.act(press, row)

    async def load(self, bot: DreamBot) -> Row | None:
        """The row, or None if it no longer exists."""
        raise NotImplementedError

    async def act(self, press: Press, row: Row) -> None:
        """Perform the button's action on the row. Raises Refused."""
        raise NotImplementedError

    async def miss(self, press: Press) -> None:
        """Answer if there is no row. Raises Refused."""
        raise Refused(self.gone)
