"""A recipe that was found in a dream or in a picture's file, and the button that dreams it on one's own."""

from __future__ import annotations

import re
from typing import Any, Final, Self

import discord

from bot.errors import Refused
from bot.ui.choices import dream_on_newest
from bot.ui.components import Component, Interaction
from bot.ui.status import Status
from config.presets import preset_title
from dream.recipe import Recipe
from dream.texts import Text, _

_BLOCK: Final = re.compile(r"```\n(.+?)\n```", re.DOTALL)


class DreamRecipe(Component, template=r"dream-recipe"):
    """Dream the recipe that stands in the message on the newest picture of whoever presses."""

    def __init__(self) -> None:
        super().__init__(
            discord.ui.Button(label=_("Dream it on my picture"), emoji="🌀", custom_id="dream-recipe")
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button."""
        return cls()

    async def handle(self, interaction: Interaction) -> None:
        """Ask for the dream. Raises Refused."""
        found = _BLOCK.search(interaction.message.content if interaction.message else "")
        if found is None:
            raise Refused(Text("I can't read that recipe any more; please ask for it again."))
        await dream_on_newest(interaction, Recipe.parse(found[1]), interaction.user.id)


def recipe_message(recipe: Recipe, preset: str | None) -> Status:
    """What a dream's recipe is, to be copied or to be dreamt."""
    view = discord.ui.View(timeout=None)
    view.add_item(DreamRecipe())
    name = f"**{preset_title(preset)}**\n" if preset else ""
    return Status(f"{name}```\n{recipe}\n```", view, [])
