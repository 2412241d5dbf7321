"""The base of every button and select: it works after any restart, and whatever is wrong is whispered."""

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
    """A message component whose custom id says all that a press needs. Subclasses define `press`."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the component is for; an error is told to the presser alone."""
        try:
            await self.press(interaction)
        except Exception as error:
            await whisper(interaction, explain(error))

    async def press(self, press: Press) -> None:
        """Do it. Raises Refused, or any error that `explain` knows."""
        raise NotImplementedError


class RowButton(Component, Generic[Row], template="-"):
    """A button under a message that shows a row of the database, whose id its custom id carries.

    Subclasses set the class variables and a template `key:(?P<id>...)`, and define `load` and `act`. Whether
    the presser may is asked at each press.
    """

    key: ClassVar[str]
    label: ClassVar[str | None] = None
    emoji: ClassVar[str]
    gone: ClassVar[str]
    """What is said where the row is not kept any more."""

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
        """Make the button again from what Discord kept of it."""
        return cls(match["id"])

    async def press(self, press: Press) -> None:
        """Find the row and act on it; rows of other servers are as good as gone."""
        row = await self.load(press.client)
        if row is None or getattr(row, "guild_id", None) != press.guild_id:
            await self.miss(press)
        else:
            await self.act(press, row)

    async def load(self, bot: DreamBot) -> Row | None:
        """The row, or None if it is not kept any more."""
        raise NotImplementedError

    async def act(self, press: Press, row: Row) -> None:
        """Do what the button is for. Raises Refused."""
        raise NotImplementedError

    async def miss(self, press: Press) -> None:
        """Answer a press when the row is gone. Raises Refused."""
        raise Refused(self.gone)
