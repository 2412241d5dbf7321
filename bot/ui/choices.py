"""A menu of presets or layers, under a picture of them: what is chosen is dreamt at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Self

import discord

from bot.asking import ask
from bot.errors import Refused
from bot.pictures import newest_picture
from bot.ui.components import Component, Interaction
from dream.recipe import Recipe
from dream.texts import Text, _

MOST: Final = 25
"""Options of one menu, at most."""


class DreamOne(Component, template=r"dream-one:(?P<number>\d)"):
    """A menu that dreams what is chosen on the newest picture of the channel."""

    def __init__(self, item: discord.ui.Select[Any], number: int = 0) -> None:
        item.custom_id = f"dream-one:{number}"
        super().__init__(item)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the menu from its custom id."""
        return cls(item, int(match["number"]))  # type: ignore[arg-type]

    async def handle(self, interaction: Interaction) -> None:
        """Ask for the dream. Raises Refused where there is no picture."""
        data: Mapping[str, Any] = interaction.data or {}
        await dream_on_newest(interaction, data["values"][0])


async def dream_on_newest(
    interaction: Interaction, words: str | Recipe, author_id: int | None = None
) -> None:
    """Ask for a dream of the channel's newest picture, or of the newest by one author.

    Raises Refused where there is none.
    """
    await interaction.response.defer()
    found = await newest_picture(
        interaction.client, interaction.channel, interaction.permissions, author_id=author_id
    )
    if found is None:
        raise Refused(Text("I see no picture here to dream on; please post one and choose again."))
    origin = found.origin(interaction.client.config.picture.max_bytes)
    await ask(
        interaction.client, interaction.user, interaction.channel, words, origin, interaction=interaction
    )


def menus(choices: Mapping[str, str]) -> discord.ui.View:
    """Menus of recipes' words and what is said of each; a menu has 25 at most."""
    view = discord.ui.View(timeout=None)
    words = list(choices)
    for number, start in enumerate(range(0, len(words), MOST)):
        part = words[start : start + MOST]
        options = [
            discord.SelectOption(label=word[:100], value=word, description=choices[word][:100] or None)
            for word in part
        ]
        placeholder = _(
            "Dream one of these on the newest picture: {first} … {last}", first=part[0], last=part[-1]
        )
        view.add_item(DreamOne(discord.ui.Select(placeholder=placeholder[:150], options=options), number))
    return view
