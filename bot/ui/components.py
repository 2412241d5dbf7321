"""Base classes of buttons and selects that keep working after a restart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import discord

from bot.client import DreamBot
from bot.errors import Refused
from bot.language import speak, spoken
from bot.store.jobs import Job
from bot.ui.errors import explain, send_ephemeral
from dream.texts import Text

Interaction = discord.Interaction[DreamBot]
Row = TypeVar("Row")


class Component(discord.ui.DynamicItem[Any], template="-"):
    """A message component whose state is in its custom id. Subclasses define `handle`."""

    may_repeat: ClassVar[bool] = False
    """Whether doing the same twice in a row is no double click."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Run `handle` in the language of whoever presses; errors are answered ephemerally.

        The second half of a double click does nothing.
        """
        speak(spoken(interaction.locale))
        try:
            if self._is_repeated(interaction) and not self.may_repeat:
                await interaction.response.defer()
            else:
                await self.handle(interaction)
        except Exception as error:
            await send_ephemeral(interaction, explain(error))

    def _is_repeated(self, interaction: Interaction) -> bool:
        """Whether the same user did the same under the same message a moment ago, and nothing since."""
        data: Mapping[str, Any] = interaction.data or {}
        message_id = interaction.message and interaction.message.id
        pressed = message_id, data.get("custom_id"), data.get("values")
        return interaction.client.double_clicks.is_second(interaction.user.id, pressed)

    async def handle(self, interaction: Interaction) -> None:
        """Handle an interaction. Raises Refused, or any error that `explain` handles."""
        raise NotImplementedError


class RowButton(Component, Generic[Row], template="-"):
    """A button under a message about a database row, whose id is in the custom id.

    Subclasses set the class variables, and define `load` and `act`, which checks permissions. The custom id
    is the key and the row's id, unless a subclass has another template.
    """

    key: str = "-"
    label: Text | str | None = None
    emoji: str | None = None
    gone: ClassVar[Text]
    """The answer if the row no longer exists."""
    line: int | None = None
    """The line of buttons that it stands in; the first with room, if not given."""

    def __init_subclass__(cls, *, template: str | None = None) -> None:
        super().__init_subclass__(template=template or rf"{cls.key}:(?P<id>[\w-]+)")

    def __init__(self, id: str) -> None:
        self.row_id = id
        button: discord.ui.Button[Any] = discord.ui.Button(
            label=str(self.label) if self.label else None,
            emoji=self.emoji,
            custom_id=f"{self.key}:{id}",
            row=self.line,
        )
        super().__init__(button, row=self.line)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(match["id"])

    async def handle(self, interaction: Interaction) -> None:
        """Load the row and act on it; one that does not belong here counts as missing."""
        row = await self.load(interaction.client)
        if row is None or not self.belongs(interaction, row):
            await self.miss(interaction)
        else:
            await self.act(interaction, row)

    def belongs(self, interaction: Interaction, row: Row) -> bool:
        """Whether a row is of the server on which the button is pressed."""
        return getattr(row, "guild_id", None) == interaction.guild_id

    async def load(self, bot: DreamBot) -> Row | None:
        """The row, or None if it no longer exists."""
        raise NotImplementedError

    async def act(self, interaction: Interaction, row: Row) -> None:
        """Perform the button's action on the row. Raises Refused."""
        raise NotImplementedError

    async def miss(self, interaction: Interaction) -> None:
        """Answer if there is no row. Raises Refused."""
        raise Refused(self.gone)


class JobButton(RowButton[Job]):
    """A button that does one thing to one job."""

    gone = Text(
        "I don't have that dream any more: pictures are kept for a few days only. Please start a new one."
    )

    is_of_reports: ClassVar[bool] = False
    """Whether it stands under reports, too, which are in another channel than their dream."""

    def belongs(self, interaction: Interaction, row: Job) -> bool:
        """Whether it is a job of this channel or the presser's own: not everybody here may see others."""
        is_open = row.channel_id == interaction.channel_id or row.member_id == interaction.user.id
        return super().belongs(interaction, row) and (is_open or self.is_of_reports)

    async def load(self, bot: DreamBot) -> Job | None:
        """The job."""
        return await bot.queue.jobs.get(self.row_id)
