"""Recipes with names, which a server gives itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import manager_only
from bot.client import DreamBot
from bot.errors import Refused
from bot.ui.choices import menus
from bot.ui.errors import code
from bot.ui.fitting import fitting
from config.presets import OVERVIEW
from dream.recipe import Recipe
from dream.suggestions import did_you_mean
from dream.texts import Text, _

Context = commands.Context[DreamBot]

MOST_CHOICES = 25


class PresetCommands(commands.Cog, name="Presets"):
    """Give recipes a name that people remember."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_group(fallback="list", aliases=["presets"], usage="[name]")
    @app_commands.describe(name="A preset to read more about")
    async def preset(self, context: Context, name: str = "") -> None:
        """Show the presets that `dream` knows here, or tell about one."""
        own = (await self.bot.settings.server(context.guild.id)).presets if context.guild else {}
        name = name.lower()
        listed = name in ("", "list")
        shown = self._all(own, self.bot.prefix_in(context)) if listed else {"embed": self._one(name, own)}
        await context.reply(**shown, mention_author=False, ephemeral=True)

    def _all(self, own: Mapping[str, str], prefix: str) -> dict[str, Any]:
        """A picture of the presets and a menu to dream one, as keyword arguments for a reply."""
        grid = code(f"{prefix}grid")
        embed = discord.Embed(
            title=_("Presets"),
            description=_(
                "Choose one below to dream it on the newest picture here. The buttons show them all on "
                "your last picture; {grid}, those that you name.",
                grid=grid,
            ),
        )
        embed.set_image(url=f"attachment://{OVERVIEW.name}")
        ready = [name for name, preset in self.bot.presets.items() if self._is_here(preset.recipe)]
        absent = [f"`{name}`" for name in self.bot.presets if name not in ready]
        for title, names in (
            (_("This server's own"), [f"`{name}`" for name in sorted(own)]),
            (_("Another network stands in for these, until their weights are here"), absent),
        ):
            if names:
                embed.add_field(name=title, value=fitting(names, between=" "), inline=False)
        choices = {name: own[name] for name in sorted(own)}
        choices |= {name: _(self.bot.presets[name].description) for name in ready}
        file = discord.File(OVERVIEW, description=_("Each preset on the same photograph of a cat."))
        return {"embed": embed, "file": file, "view": menus(choices)}

    def _is_here(self, recipe: str) -> bool:
        return self.bot.settings.has_weights(Recipe.parse(recipe))

    def _one(self, name: str, own: Mapping[str, str]) -> discord.Embed:
        """Raises Refused."""
        if recipe := own.get(name):
            return discord.Embed(title=name, description=code(recipe, 4000))
        preset = self.bot.presets.get(name)
        if preset is None:
            hint = did_you_mean(name, [*self.bot.presets, *own], quoted=code) or _("`presets` lists them.")
            raise Refused(Text("I know no preset called {name}; {hint}", name=code(name), hint=hint))
        return discord.Embed(
            title=_(preset.title), description=f"{_(preset.description)}\n{code(preset.recipe, 4000)}"
        )

    @preset.autocomplete("name")
    async def known_presets(
        self, interaction: discord.Interaction[DreamBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the presets."""
        names = await self.bot.settings.presets(interaction.guild_id)
        found = [name for name in names if typed.lower() in name]
        return [app_commands.Choice(name=name, value=name) for name in found[:MOST_CHOICES]]

    @preset.command()
    @commands.guild_only()
    @app_commands.describe(name="What to call it", recipe="Layers and options: block8+block11 steps=20")
    @manager_only()
    async def save(self, context: Context, name: str, *, recipe: str) -> None:
        """Give a recipe a name on this server."""
        assert context.guild is not None
        saved = await self.bot.settings.save_preset(
            context.guild.id, name.lower(), recipe, by=context.author.id
        )
        await self.bot.speak_to_all(context.guild)
        await context.reply(
            _(
                "✅ **{name}** is now {saved}: try {command}.",
                name=name.lower(),
                saved=code(saved, len(saved)),
                command=code(f"{context.clean_prefix}dream {name.lower()}"),
            ),
            mention_author=False,
        )

    @preset.command()
    @commands.guild_only()
    @app_commands.describe(name="One of this server's own presets")
    @manager_only()
    async def delete(self, context: Context, name: str) -> None:
        """Drop one of this server's own presets."""
        assert context.guild is not None
        await self.bot.settings.delete_preset(context.guild.id, name.lower(), by=context.author.id)
        await self.bot.speak_to_all(context.guild)
        await context.reply(_("✅ **{name}** is gone.", name=name.lower()), mention_author=False)

    @delete.autocomplete("name")
    async def own_presets(
        self, interaction: discord.Interaction[DreamBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the server's own presets."""
        server = await self.bot.settings.server(interaction.guild_id or 0)
        names = [name for name in sorted(server.presets) if typed.lower() in name]
        return [app_commands.Choice(name=name, value=name) for name in names[:MOST_CHOICES]]


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(PresetCommands(bot))
