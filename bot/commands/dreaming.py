"""Asking for dreams, and looking after those that wait."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.asking import Found, ask, find_picture, first_picture, newest_picture, upload
from bot.client import DreamBot
from bot.errors import Refused
from bot.store.jobs import Job, State
from bot.ui.errors import code, whisper
from bot.ui.status import ordinal
from dream.backbone.catalog import LAYERS
from dream.recipe import OPTIONS

MOST_CHOICES = 25
LONGEST_CHOICE = 100
MOST_LINES = 15


class Dreaming(commands.Cog, name="Dreams"):
    """Turn pictures into dreams."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot
        self.dream_this = app_commands.ContextMenu(name="Dream this picture", callback=self.dream_message)

    async def cog_load(self) -> None:
        """Add the entry to messages' Apps menu, which a decorator cannot."""
        self.bot.tree.add_command(self.dream_this)

    async def cog_unload(self) -> None:
        """Take it away again."""
        self.bot.tree.remove_command(self.dream_this.name, type=self.dream_this.type)

    async def cog_before_invoke(self, context: commands.Context[Any]) -> None:
        """Acknowledge a slash command within Discord's three seconds; its answer is for the asker alone."""
        if context.interaction:
            await context.defer(ephemeral=True)

    @commands.hybrid_command(usage="[recipe]", aliases=["deepdream"])
    @app_commands.describe(
        picture="The picture to dream on; without one, the newest picture in this channel",
        recipe="A preset, or layers and options: block8+block11 steps=20",
    )
    async def dream(
        self,
        context: commands.Context[DreamBot],
        picture: discord.Attachment | None = None,
        *,
        recipe: str = "",
    ) -> None:
        """Dream on a picture: yours, the one you reply to, or the newest here."""
        if context.interaction:
            given = picture and Found(picture, context.author.id)
            found = given or await newest_picture(context.channel, context.me.id)
        else:
            found = await find_picture(context.message, context.me.id)
        if found is None:
            raise Refused(self._no_picture(context))
        await self._ask(context, recipe, found)

    @commands.hybrid_command(usage="[recipe]")
    @app_commands.describe(recipe="A preset, or layers and options: block8+block11 steps=20")
    async def sky(self, context: commands.Context[DreamBot], *, recipe: str = "") -> None:
        """Dream of nothing but clouds: no picture needed."""
        await self._ask(context, recipe, None)

    async def dream_message(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        """Dream on the picture in a message, from its Apps menu."""
        await interaction.response.defer(ephemeral=True)
        found = first_picture(message)
        if found is None:
            raise Refused("There is no picture in that message; please choose one that has.")
        await self._ask(await commands.Context.from_interaction(interaction), "", found)

    @dream.autocomplete("recipe")
    @sky.autocomplete("recipe")
    async def recipes(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer presets, layers and options."""
        return await recipe_choices(self.bot, interaction.guild_id, typed)

    @commands.hybrid_command(aliases=["q", "line"])
    async def queue(self, context: commands.Context[DreamBot]) -> None:
        """See which dreams wait here, and when yours is ready."""
        waiting = await self.bot.queue.of_guild(context.guild and context.guild.id)
        await context.reply(await self._listing(waiting), mention_author=False, ephemeral=True)

    @commands.hybrid_command(usage="[all]", aliases=["stop"])
    @app_commands.describe(which="“all” for all of yours; otherwise your newest")
    async def cancel(self, context: commands.Context[DreamBot], which: str = "") -> None:
        """Cancel your newest dream that isn't finished, or all of them."""
        mine = await self.bot.queue.jobs_of(context.author.id, context.guild and context.guild.id)
        if not mine:
            raise Refused("You have no dream waiting here; a moderator can press Cancel under any dream.")
        chosen = mine if which.lower() == "all" else mine[-1:]
        count = sum([await self.bot.queue.cancel(job.id) for job in chosen])
        sentence = (
            "It was finished already."
            if not count
            else "Cancelled."
            if count == 1
            else f"Cancelled {count} dreams."
        )
        await context.reply(sentence, mention_author=False, ephemeral=True)

    async def _ask(self, context: commands.Context[DreamBot], recipe: str, found: Found | None) -> None:
        """Queue the dream; its message is sent by the queue, and lives on when this command is over."""
        source = found and upload(found.picture, self.bot.config.picture.max_bytes)
        job = await ask(
            self.bot,
            context.author,
            context.channel,
            recipe,
            source,
            message=None if context.interaction else context.message,
            interaction=context.interaction,
            author_id=found and found.author_id,
            spoiler=found is not None and found.picture.is_spoiler(),
        )
        if job.state is State.FAILED:
            raise Refused(job.reason)
        if context.interaction and job.status_message_id and not job.interaction_token:
            message = discord.PartialMessage(channel=context.channel, id=job.status_message_id)
            await whisper(context.interaction, f"Your dream is on its way: {message.jump_url}")

    def _no_picture(self, context: commands.Context[DreamBot]) -> str:
        prefix = self.bot.prefix_in(context)
        if prefix == "/":
            return "I see no picture here; please add one to `/dream` as `picture`, or try `/sky`."
        return (
            f"I see no picture here; please attach one to `{prefix}dream`, or reply with `{prefix}dream` to "
            f"a message that has one. `{prefix}sky` needs none."
        )

    async def _listing(self, waiting: list[Job]) -> str:
        if not waiting:
            return "Nobody is waiting: your dream would start at once."
        lines = []
        for number, job in enumerate(waiting[:MOST_LINES], 1):
            ready_at = self.bot.queue.ready_at(job.id)
            when = f" · ready {discord.utils.format_dt(ready_at, 'R')}" if ready_at else ""
            who = f" for <@{job.member_id}>" if job.member_id else ""
            where = "dreaming" if job.state is not State.QUEUED else ordinal(number)
            lines.append(f"**{where}** {code(job.recipe)}{who}{when}")
        if len(waiting) > MOST_LINES:
            lines.append(f"…and {len(waiting) - MOST_LINES} more")
        return "\n".join(lines)


async def recipe_choices(bot: DreamBot, guild_id: int | None, typed: str) -> list[app_commands.Choice[str]]:
    """Offer presets first, then layers; after a space, the options."""
    before, space, word = typed.lower().rpartition(" ")
    before, plus, word = (before, space, word) if space else word.rpartition("+")
    presets = await bot.settings.presets(guild_id)
    if space:
        offers = {f"{option}=": f"{option}=…  {entry.meaning}" for option, entry in OPTIONS.items()}
    else:
        shown = bot.presets
        offers = {
            name: f"{name} · {shown[name].title if name in shown else text}"
            for name, text in presets.items()
            if not plus
        }
        offers |= {layer: f"{layer} · {network.title}" for layer, network in LAYERS.items()}
    start = before + (space or plus)
    found = [(start + offer, start + text) for offer, text in offers.items() if word in offer]
    found.sort(key=lambda entry: not entry[0].startswith(start + word))
    if typed and LAYERS.get(word) is None and word not in presets:
        found.insert(0, (typed, typed))
    choices = [
        app_commands.Choice(name=text[:LONGEST_CHOICE], value=offer)
        for offer, text in found
        if len(offer) <= LONGEST_CHOICE
    ]
    return choices[:MOST_CHOICES]


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Dreaming(bot))
