"""Saying what the networks see in a picture."""

from __future__ import annotations

import io
import re
from typing import Any, Self

import discord
from discord.ext import commands

from bot.asking import ask, picture_in, read_recipe, upload
from bot.client import DreamBot
from bot.commands.dreaming import wanted_pictures
from bot.errors import Refused
from bot.ui.components import Component, Press
from dream.recipe import AUTO, Recipe
from dream.render import Sights

MOST = 5
BUTTONS = 3


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

    async def press(self, press: Press) -> None:
        """Ask for the dream. Raises Refused."""
        if not isinstance(press.channel, discord.abc.Messageable):
            raise Refused("I can't dream here; please ask in a channel.")
        try:
            message = await press.channel.fetch_message(self.message_id)
        except discord.HTTPException:
            raise Refused("That picture is gone; please post it again.") from None
        found = await picture_in(message, press.client)
        if found is None:
            raise Refused("That picture is gone; please post it again.")
        await press.response.defer()
        await ask(
            press.client,
            press.user,
            press.channel,
            Recipe.parse(f"class:{self.name}" if self.name != AUTO else AUTO),
            found.origin(press.client.config.picture.max_bytes),
            interaction=press,
        )


class Seeing(commands.Cog, name="Seeing"):
    """Find out what is in a picture."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_command()
    async def see(
        self, context: commands.Context[DreamBot], picture: discord.Attachment | None = None
    ) -> None:
        """Say what the networks see in a picture, and where; one press dreams of it."""
        if context.interaction:
            await context.defer(ephemeral=True)
        found, _ = await wanted_pictures(context, picture)
        await read_recipe(self.bot, context.author, context.channel, AUTO, context.interaction)
        if found is None:
            raise Refused("I see no picture here; please attach one, or reply to a message that has one.")
        sights = await self.bot.queue.see(upload(found.picture, self.bot.config.picture.max_bytes), MOST)
        shown: dict[str, Any] = {}
        if found.message:
            shown["view"] = discord.ui.View(timeout=None)
            for thing in sights.things[:BUTTONS]:
                shown["view"].add_item(DreamOf(found.message[1], thing.name, thing.title[:80]))
        file = discord.File(
            io.BytesIO(sights.sheet),
            "seen.jpg",
            spoiler=found.picture.is_spoiler(),
            description="The picture, lit where each of these things is seen.",
        )
        await context.reply(_text(sights), file=file, mention_author=False, ephemeral=True, **shown)


def _text(sights: Sights) -> str:
    """What is seen, from left to right as it is shown."""
    return "I see, from left to right:\n" + "\n".join(
        f"**{thing.title}** {max(thing.share, 0.01):.0%}" for thing in sights.things
    )


async def setup(bot: DreamBot) -> None:
    """Add the cog and its button."""
    bot.add_dynamic_items(DreamOf)
    await bot.add_cog(Seeing(bot))
