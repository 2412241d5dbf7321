"""The button that dreams of a thing which was seen in a picture."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.asking import ask
from bot.errors import Refused
from bot.pictures import picture_in
from bot.ui.components import Component, Interaction
from dream.recipe import AUTO, Recipe
from dream.texts import Text


class DreamOf(Component, template=r"see:(?P<message>\d+):(?P<name>\w+)"):
    """Dream of a thing on the picture in a message of this channel."""

    def __init__(self, message_id: int, name: str, label: str) -> None:
        self.message_id, self.name = message_id, name
        super().__init__(discord.ui.Button(label=label, emoji="🌀", custom_id=f"see:{message_id}:{name}"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(int(match["message"]), match["name"], "")

    async def handle(self, interaction: Interaction) -> None:
        """Ask for the dream. Raises Refused."""
        if not isinstance(interaction.channel, discord.abc.Messageable):
            raise Refused(Text("I can't dream here; please ask in a channel."))
        try:
            message = await interaction.channel.fetch_message(self.message_id)
        except discord.HTTPException:
            raise Refused(Text("That picture is gone; please post it again.")) from None
        found = await picture_in(message, interaction.client)
        if found is None:
            raise Refused(Text("That picture is gone; please post it again."))
        await interaction.response.defer()
        await ask(
            interaction.client,
            interaction.user,
            interaction.channel,
            Recipe.parse(f"class:{self.name}" if self.name != AUTO else AUTO),
            found.origin(interaction.client.config.picture.max_bytes),
            interaction=interaction,
        )
