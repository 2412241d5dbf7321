"""What the bot is, what it can dream of and how to ask: for members who have never met it."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.asking import effective_in
from bot.client import DreamBot
from bot.errors import Refused
from bot.pictures import pictures_of
from bot.settings.scopes import Effective
from bot.ui.choices import MOST, menus
from bot.ui.errors import code, unknown_command
from bot.ui.fitting import fitting
from bot.user_installs import anywhere
from dream import atlas
from dream.backbone.catalog import LAYERS, NETWORKS, Network, layers_called
from dream.suggestions import did_you_mean, either
from dream.texts import Text, _

COLOUR = discord.Colour.from_str("#8a6bff")

RECIPES = (
    Text("`serpents` a preset"),
    Text("`ostrich`, `great white shark`, `cats` one of a thousand things, by name"),
    Text("`block8` one layer of a network"),
    Text("`block8+block11*0.5` several, the second half as strong"),
    Text("`ostrich+block8*0.3` things and layers of all networks mix"),
    Text("`serpents > coral > ostrich` moves from one to the next: a film of a picture, or over a clip"),
    Text("`auto` the three things that the networks see most in the picture itself"),
    Text("`surprise me` a preset that chance picks"),
    Text("`block8-block3` away from what a layer sees"),
    Text("`block8:12,40` only some channels of a layer"),
    Text("`block8:top5` the channels that this very picture excites most"),
    Text("`block8 size=1024 seed=7` with options, in any order"),
)

MOST_OFFERED = 5 * MOST
"""The layers in the menus of one message, at most."""

MOST_NETWORKS = 20
"""The networks that one message tells about, at most."""

FIRST_RECIPES = (*RECIPES[:3], RECIPES[-1])

TOPICS = ("recipes", "options")
"""What `help` tells besides the commands: the words that ask for it."""


class About(commands.Cog, name="Help"):
    """Find your way."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot

    @commands.hybrid_command(usage="[command]")
    @anywhere
    @app_commands.describe(command="A command to read more about, or “recipes” or “options”")
    async def help(self, context: commands.Context[DreamBot], *, command: str = "") -> None:
        """How to dream, in one page."""
        embed = await self._one(context, command) if command else await self._page(context)
        await context.reply(embed=embed, mention_author=False, ephemeral=True)

    @commands.hybrid_command(usage="[network or layer]")
    @anywhere
    @app_commands.describe(network="A network, or one of its layers; without it, all")
    async def layers(self, context: commands.Context[DreamBot], network: str = "") -> None:
        """Every layer one can dream of, and how to mix them."""
        wanted = network.strip().lower()
        shown = _networks(wanted)
        effective = await effective_in(self.bot, context.channel)
        embed = discord.Embed(
            title=_("What I can dream of"),
            description=_(
                "Each layer of a network sees something else: the lower ones strokes and textures, "
                "the higher ones things and animals. Mix them, of several networks too, with `+`, "
                "weigh them with `*0.5`. Or name a thing, such as `ostrich`: the first two networks "
                "know a thousand."
            ),
            colour=COLOUR,
        )
        examples: list[str] = []
        for found in shown:
            names = list(found.layers)
            layer = next(iter(layers_called(wanted)), "")
            layer, other = layer if layer in names else names[len(names) // 2], names[-min(3, len(names))]
            note = ""
            if found.name not in effective.networks:
                note = _("\n*May not be dreamt of here.*")
            elif not self.bot.settings.has_network(found.name):
                stands_in = found.stand_in(layer)
                note = _(
                    "\n*Its weights are not here yet: until then {other} dreams for {layer}.*",
                    other=stands_in,
                    layer=layer,
                )
            elif effective.allows_layer(layer):
                examples.append(layer)
                if layer != other and effective.allows_layer(other):
                    examples.append(f"{layer}+{other}*0.5")
            title = f"{found.title} · `{names[0]}` … `{names[-1]}`"
            embed.add_field(name=title[:256], value=str(found.description)[:800] + note, inline=False)
        prefix = self.bot.prefix_in(context)
        presets = await self.bot.settings.presets(context.guild and context.guild.id)
        embed.add_field(name=_("Presets"), value=fitting([f"`{name}`" for name in presets], between=" "))
        if examples:
            tries = either([f"{prefix}dream {example}" for example in examples[:2]])
            embed.set_footer(text=_("Try {tries}", tries=tries))
        page = atlas.picture(shown[0].name, self.bot.config.folder / "layers")
        if page:
            embed.set_image(url=f"attachment://{page.name}")
        file = discord.File(page, description=_("What each layer dreams of by itself.")) if page else None
        allowed = [
            (
                layer,
                _(
                    "{network}, layer {depth} of {count}",
                    network=one.title,
                    depth=one.depth(layer) + 1,
                    count=len(one.layers),
                ),
            )
            for one in shown
            if self.bot.settings.has_network(one.name)
            for layer in one.spread(MOST_OFFERED // len(shown))
            if effective.allows_layer(layer)
        ]
        view = menus(dict(allowed))
        await context.reply(embed=embed, file=file, view=view, mention_author=False, ephemeral=True)

    @layers.autocomplete("network")
    async def networks(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the networks."""
        return [
            app_commands.Choice(name=found.title, value=name)
            for name, found in NETWORKS.items()
            if typed.lower() in f"{name} {found.title.lower()}"
        ][:25]

    @commands.hybrid_command(aliases=["info"])
    @anywhere
    async def about(self, context: commands.Context[DreamBot]) -> None:
        """Who I am and how I am doing."""
        waiting = await self.bot.queue.jobs.count_unfinished()
        embed = discord.Embed(
            title="Dreambot",
            description=_(
                "I paint into pictures what a neural network sees in them, again and again, until it "
                "is really there. The technique is called DeepDream."
            ),
            colour=COLOUR,
        )
        embed.add_field(name=_("Version"), value=version("dreambot"))
        embed.add_field(name=_("Servers"), value=str(len(self.bot.guilds)))
        embed.add_field(name=_("Waiting now"), value=str(waiting))
        embed.set_footer(text=_("{prefix}help shows what to ask for", prefix=self.bot.prefix_in(context)))
        await context.reply(embed=embed, mention_author=False, ephemeral=True)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer somebody who only says the bot's name: with a dream, if a picture goes with it."""
        user = self.bot.user
        if user and not message.author.bot and message.content in (f"<@{user.id}>", f"<@!{user.id}>"):
            await self.bot.speak_to_all(message.guild)
            if message.reference or pictures_of(message):
                context = await self.bot.get_context(message)
                context.command = self.bot.get_command("dream")
                context.prefix = await self._prefix(message.guild)
                context.view.index = context.view.end  # nothing stands after the name
                await self.bot.catch_up.answer_once(message, partial(self.bot.invoke, context))
                return
            say = partial(_command, await self._prefix(message.guild))
            hello = _(
                "Hello! Post a picture with {dream} and I'll dream on it. {help} shows the rest.",
                dream=say("dream"),
                help=say("help"),
            )
            reply = partial(message.reply, hello, mention_author=False)
            await self.bot.catch_up.answer_once(message, reply)

    async def _prefix(self, guild: discord.Guild | None) -> str:
        """What to write before a command: without message content, only slash commands are heard."""
        if not self.bot.intents.message_content:
            return "/"
        return (await self.bot.settings.effective(guild and guild.id)).prefix

    async def _page(self, context: commands.Context[DreamBot]) -> discord.Embed:
        p = self.bot.prefix_in(context)
        say = partial(_command, p)
        embed = discord.Embed(
            title=_("How to dream"),
            description=_(
                "Post a picture and write **{dream}**. Or reply with it to somebody's picture. Or "
                "just write it: I take the newest picture here.",
                dream=say("dream"),
            ),
            colour=COLOUR,
        )
        presets = await self.bot.settings.presets(context.guild and context.guild.id)
        first = next(iter(presets), "block9")
        choose = [
            _("{command} a preset, see {presets}", command=say(f"dream {first}"), presets=say("presets")),
            _("{command} one of a thousand things", command=say("dream great white shark")),
            _(
                "{command} layers of a network, see {layers}",
                command=say("dream block8+block11"),
                layers=say("layers"),
            ),
            _("{command} with options", command=say("dream fire7 quality=rich size=1024")),
            _(
                "{help_recipes} tells all that a recipe can say, {help_options} the options.",
                help_recipes=say("help recipes"),
                help_options=say("help options"),
            ),
        ]
        embed.add_field(name=_("Choose what I see in it"), value="\n".join(choose), inline=False)
        rest = []
        for cog in self.bot.cogs.values():
            names = [say(command.name) for command in await self._usable(context, cog)]
            if names:
                rest.append(f"**{_(cog.qualified_name)}** {' '.join(names)}")
        embed.add_field(name=_("All commands"), value=fitting(rest), inline=False)
        if not self.bot.intents.message_content:
            embed.add_field(
                name=_("On this server"),
                value=_("I don't read messages here: use slash commands, or write my name before a command."),
                inline=False,
            )
        embed.set_footer(
            text=_(
                "Buttons under each dream make it wilder, bigger or a GIF; {prefix}mine finds it again. "
                "{prefix}help dream tells more about one command.",
                prefix=p,
            )
        )
        return embed

    async def _usable(self, context: commands.Context[DreamBot], cog: commands.Cog) -> list[Any]:
        """The commands of `cog` that whoever asks may use here."""
        found = []
        for command in cog.get_commands():
            try:
                if not command.hidden and await command.can_run(context):
                    found.append(command)
            except commands.CommandError:
                continue
        return found

    async def _one(self, context: commands.Context[DreamBot], name: str) -> discord.Embed:
        prefix = self.bot.prefix_in(context)
        say = partial(_command, prefix)
        name = name.removeprefix(prefix).strip()
        if name.lower() in TOPICS:
            return _topic(name.lower(), await effective_in(self.bot, context.channel))
        command = self.bot.get_command(name)
        if command is None:
            raise Refused(
                unknown_command(name, list(self.bot.all_commands), prefix)
                or Text(
                    "There is no command {command}; {help} shows them all.",
                    command=code(prefix + name),
                    help=say("help"),
                )
            )
        embed = discord.Embed(
            title=f"{prefix}{command.qualified_name} {command.signature}".strip(),
            description=_(command.help or command.description or command.short_doc),
            colour=COLOUR,
        )
        if "recipe" in command.clean_params:
            more = _(
                "{help_recipes} tells all that a recipe can say, {help_options} the options.",
                help_recipes=say("help recipes"),
                help_options=say("help options"),
            )
            embed.description = "\n".join(
                [f"{embed.description}\n", f"**{_('Recipes')}**", *map(str, FIRST_RECIPES), "", more]
            )
        if command.aliases:
            embed.add_field(name=_("Also"), value=" ".join(map(say, command.aliases)))
        if isinstance(command, commands.Group):
            subcommands = [
                f"{say(f'{sub.qualified_name} {sub.signature}'.strip())} {_(sub.short_doc)}"
                for sub in sorted(command.commands, key=lambda sub: sub.name)
            ]
            embed.add_field(name=_("It has"), value=fitting(subcommands), inline=False)
        return embed


def _topic(word: str, effective: Effective) -> discord.Embed:
    """The page of one of the `TOPICS`, where these settings hold."""
    if word == "recipes":
        title, lines = _("Recipes: what to dream"), [str(line) for line in RECIPES]
    else:
        title = _("Options of a recipe")
        options = effective.options.values()
        lines = [f"`{option.name}=` {option.meaning}: {option.expected}" for option in options]
    return discord.Embed(title=title, description="\n".join(lines), colour=COLOUR)


def _command(prefix: str, words: str) -> str:
    """A command as it is written here."""
    return code(prefix + words, 200)


def _networks(name: str) -> list[Network]:
    """The networks of that name or with that layer; all without a name. Raises Refused."""
    if not name:
        return list(NETWORKS.values())[:MOST_NETWORKS]
    by_name = {name: each for each in NETWORKS.values() for name in (each.name, each.title.lower())}
    found = [by_name[name]] if name in by_name else [LAYERS[layer] for layer in layers_called(name)]
    if not found:
        known = [*NETWORKS, *LAYERS]
        hint = did_you_mean(name, known, quoted=code) or _(
            "the networks are {names}.", names=", ".join(map(code, NETWORKS))
        )
        raise Refused(Text("I know no network or layer called {name}; {hint}", name=code(name), hint=hint))
    return found


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(About(bot))
