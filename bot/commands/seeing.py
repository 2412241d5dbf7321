"""Saying what the networks see in a picture."""

from __future__ import annotations

import io
from typing import Any

import discord
from discord.ext import commands

from bot.asking import read_recipe
from bot.client import DreamBot
from bot.consent import check_explicit
from bot.errors import Refused
from bot.language import percent
from bot.pictures import upload, wanted_pictures
from bot.ui.seeing import DreamOf
from bot.user_installs import anywhere
from bot.visibility import is_age_restricted
from dream.recipe import AUTO
from dream.render import Sights
from dream.texts import Text, _

MOST = 5
BUTTONS = 3


class Seeing(commands.Cog, name="Seeing"):
    """Find out what is in a picture."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_command()
    @anywhere
    async def see(
        self, context: commands.Context[DreamBot], picture: discord.Attachment | None = None
    ) -> None:
        """Say what the networks see in a picture, and where; one press dreams of it."""
        if context.interaction:
            await context.defer(ephemeral=True)
        wanted = await wanted_pictures(context, given=picture)
        await read_recipe(self.bot, context.author, context.channel, AUTO, context.interaction)
        if not wanted.pictures:
            raise Refused(
                Text("I see no picture here; please attach one, or reply to a message that has one.")
            )
        found = wanted.pictures[0]
        origin = found.origin(self.bot.config.picture.max_bytes)
        check_explicit(origin, context.channel)
        sights = await self.bot.queue.see(upload(found.picture, self.bot.config.picture.max_bytes), MOST)
        shown: dict[str, Any] = {}
        if found.message:
            shown["view"] = discord.ui.View(timeout=None)
            for thing in sights.things[:BUTTONS]:
                shown["view"].add_item(DreamOf(found.message[1], thing.name, thing.title[:80]))
        file = discord.File(
            io.BytesIO(sights.sheet),
            "seen.jpg",
            spoiler=origin.spoiler or is_age_restricted(context.channel),
            description=_("The picture, lit where each of these things is seen."),
        )
        await context.reply(_text(sights), file=file, mention_author=False, ephemeral=True, **shown)


def _text(sights: Sights) -> str:
    """What is seen, from left to right as it is shown."""
    things = [f"**{thing.title}** {percent(max(thing.share, 0.01))}" for thing in sights.things]
    return "\n".join([_("I see, from left to right:"), *things])


async def setup(bot: DreamBot) -> None:
    """Add the cog and its button."""
    await bot.add_cog(Seeing(bot))
