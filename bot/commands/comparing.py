"""Several small dreams of one picture on a sheet, each a press away from the full dream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.asking import ask_for_sheet, presets_allowed, read_recipe
from bot.client import DreamBot
from bot.commands.dreaming import answer, asked_by, following, no_picture, recipe_choices
from bot.errors import Refused
from bot.pictures import Found, wanted_pictures
from bot.user_installs import anywhere, is_away
from dream.octaves import MOST_VARIANTS
from dream.texts import Text

ON_A_GRID = 9
"""The presets on a grid for which none were named."""


class Comparing(commands.Cog, name="Compare"):
    """See several dreams of one picture at once."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    async def cog_before_invoke(self, context: commands.Context[Any]) -> None:
        """Acknowledge a slash command within Discord's three seconds; its answer is for the asker alone."""
        if context.interaction:
            await context.defer(ephemeral=not is_away(context.interaction))

    @commands.hybrid_command(usage="serpents | cubs", aliases=["versus", "vs"])
    @anywhere
    @app_commands.describe(
        recipes="Two recipes or more, with | between them: serpents | cubs",
        picture="The picture to dream on; without one, the newest picture in this channel",
    )
    async def compare(
        self,
        context: commands.Context[DreamBot],
        picture: discord.Attachment | None = None,
        *,
        recipes: str = "",
    ) -> None:
        """Dream two recipes, or more, on one picture, side by side."""
        wanted = await wanted_pictures(context, recipes, picture)
        compared = [one.strip() for one in wanted.words.split("|") if one.strip()]
        if len(compared) < 2:
            prefix = self.bot.prefix_in(context)
            raise Refused(
                Text(
                    "Write two recipes with | between them: `{prefix}compare serpents | cubs`. To see a "
                    "dream beside its picture, press ⋯ under it, then 🌓 Before & after.",
                    prefix=prefix,
                )
            )
        await self._ask(context, compared, wanted.pictures)

    @commands.hybrid_command(usage="[presets or layers]")
    @anywhere
    @app_commands.describe(
        what="Presets or layers, with spaces or | between them; without any, some of the presets",
        picture="The picture to dream on; without one, the newest picture in this channel",
    )
    async def grid(
        self,
        context: commands.Context[DreamBot],
        picture: discord.Attachment | None = None,
        *,
        what: str = "",
    ) -> None:
        """Dream several presets or layers on one picture; a press dreams the one you like in full."""
        wanted = await wanted_pictures(context, what, picture)
        words = wanted.words
        parts = words.split("|") if "|" in words else words.replace(",", " ").split()
        named = dict.fromkeys(one.strip() for one in parts if one.strip())
        await self._ask(context, list(named) or await self._some_presets(context), wanted.pictures)

    @compare.autocomplete("recipes")
    async def recipe_of_several(
        self, interaction: discord.Interaction[DreamBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Complete the last recipe."""
        before, bar, last = typed.rpartition("|")
        start = f"{before.strip()} | " if bar else ""
        found = await recipe_choices(self.bot, interaction.channel, last.strip())
        return following(start, found)

    async def _some_presets(self, context: commands.Context[DreamBot]) -> list[str]:
        """Names of presets that may be dreamt here, the server's own first."""
        reading = await read_recipe(self.bot, context.author, context.channel, "", context.interaction)
        presets = await self.bot.settings.presets(context.guild and context.guild.id)
        found = presets_allowed(self.bot, reading.effective, presets)
        if len(found) < 2:
            raise Refused(Text("No presets may be dreamt here; name some layers, such as block3 block8."))
        return found[:ON_A_GRID]

    async def _ask(
        self, context: commands.Context[DreamBot], recipes: list[str], pictures: Sequence[Found]
    ) -> None:
        if len(recipes) > MOST_VARIANTS:
            raise Refused(
                Text(
                    "A sheet has room for {most} dreams; please name fewer.",
                    most=MOST_VARIANTS,
                )
            )
        if not pictures:
            raise Refused(no_picture(context))
        origin = pictures[0].origin(self.bot.config.picture.max_bytes)
        asking = ask_for_sheet(
            self.bot, context.author, context.channel, recipes, origin, **asked_by(context)
        )
        await answer(context, asking)


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Comparing(bot))
