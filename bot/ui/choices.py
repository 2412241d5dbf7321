"""Menus of presets or layers, under a picture of them: what is chosen is dreamt at once.

Buttons below dream all of them, so many on a sheet, on the last picture of whoever presses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Self

import discord

from bot.asking import ask, ask_for_sheet, effective_in
from bot.errors import Refused
from bot.pictures import newest_picture
from bot.queue.request import Origin
from bot.ui.components import Component, Interaction
from dream.octaves import MOST_VARIANTS
from dream.recipe import Recipe, RecipeError
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
    origin = await _newest(interaction, author_id)
    await ask(
        interaction.client, interaction.user, interaction.channel, words, origin, interaction=interaction
    )


class TryAll(Component, template=r"try-all:(?P<number>\d)"):
    """Dream what stands in the message's menus on the last picture of whoever presses, so many on a sheet."""

    def __init__(self, number: int, label: str) -> None:
        self.number = number
        super().__init__(discord.ui.Button(label=label[:80], emoji="🖼️", custom_id=f"try-all:{number}"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(int(match["number"]), "")

    async def handle(self, interaction: Interaction) -> None:
        """Ask for the sheet. Raises Refused where there is no picture, or nothing of it may be dreamt."""
        await interaction.response.defer()
        bot = interaction.client
        effective = await effective_in(bot, interaction.channel)
        presets = await bot.settings.presets(interaction.guild_id)

        def fits(word: str) -> bool:
            try:
                return not effective.parse_recipe(word, presets).moves
            except RecipeError:  # not allowed any more, or a preset that is gone
                return False

        sheets = _sheets(_offered(interaction.message))
        words = [word for sheet in sheets[self.number : self.number + 1] for word in sheet if fits(word)]
        if not words:
            raise Refused(Text("Nothing of that may be dreamt here any more; please open a new menu."))
        origin = await _newest(interaction, interaction.user.id)
        await ask_for_sheet(
            bot, interaction.user, interaction.channel, words, origin, interaction=interaction
        )


async def _newest(interaction: Interaction, author_id: int | None) -> Origin:
    """The channel's newest picture, or the newest by one author. Raises Refused where there is none."""
    found = await newest_picture(
        interaction.client, interaction.channel, interaction.permissions, author_id=author_id
    )
    if found is None:
        raise Refused(Text("I see no picture here to dream on; please post one and choose again."))
    return found.origin(interaction.client.config.picture.max_bytes)


def _offered(message: discord.Message | None) -> list[str]:
    """What stands in a message's menus."""
    rows = message.components if message else []
    items = [item for row in rows if isinstance(row, discord.ActionRow) for item in row.children]
    menus = [item for item in items if isinstance(item, discord.SelectMenu)]
    return [option.value for menu in menus for option in menu.options]


def _sheets(words: Sequence[str]) -> list[Sequence[str]]:
    """The words of each sheet: as few sheets as have room for all, about as many words on each."""
    count = math.ceil(len(words) / MOST_VARIANTS)
    starts = [number * len(words) // count for number in range(count)]
    return [words[start:end] for start, end in pairwise([*starts, len(words)])]


def menus(choices: Mapping[str, str]) -> discord.ui.View:
    """Menus of recipes' words and what is said of each, 25 at most in one, and buttons to try them all."""
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
    for number, sheet in enumerate(_sheets(words)):
        label = _("On my picture: {first} … {last}", first=sheet[0], last=sheet[-1])
        view.add_item(TryAll(number, label))
    return view
