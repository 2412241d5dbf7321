"""Recipes with names, which a server gives itself."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import manager_only
from bot.client import DreamBot
from bot.ui.errors import code

Context = commands.Context[DreamBot]

MOST_CHOICES = 25


class PresetCommands(commands.Cog, name="Presets"):
    """Give recipes a name that people remember."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_group(fallback="list", aliases=["presets"])
    async def preset(self, context: Context) -> None:
        """Show the presets that `dream` knows here."""
        own = (await self.bot.settings.server(context.guild.id)).presets if context.guild else {}
        lines = [
            f"**{name}** {preset.description}\n`{preset.recipe}`" for name, preset in self.bot.presets.items()
        ]
        embed = discord.Embed(title="Presets", description=_fitting(lines, 4000))
        if own:
            lines = [f"**{name}** {code(recipe, 200)}" for name, recipe in sorted(own.items())]
            embed.add_field(name="This server's own", value=_fitting(lines, 1024), inline=False)
        await context.reply(embed=embed, mention_author=False, ephemeral=True)

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
        await context.reply(
            f"✅ **{name.lower()}** is now `{saved}`: try `{context.clean_prefix}dream {name.lower()}`.",
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
        await context.reply(f"✅ **{name.lower()}** is gone.", mention_author=False)

    @delete.autocomplete("name")
    async def own_presets(
        self, interaction: discord.Interaction[DreamBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the server's own presets."""
        server = await self.bot.settings.server(interaction.guild_id or 0)
        names = [name for name in sorted(server.presets) if typed.lower() in name]
        return [app_commands.Choice(name=name, value=name) for name in names[:MOST_CHOICES]]


def _fitting(lines: list[str], length: int) -> str:
    """As many lines as fit."""
    text = "\n".join(lines)
    return text if len(text) <= length else text[: length - 2].rpartition("\n")[0] + "\n…"


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(PresetCommands(bot))
