"""Asking for dreams, and looking after those that wait."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Collection, Iterable, Iterator, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.asking import SURPRISE, ask, effective_in, read_recipe, seeded
from bot.client import DreamBot
from bot.errors import Refused
from bot.language import ordinal, speak, spoken
from bot.pictures import MOST_PICTURES, Found, Wanted, avatar, picture_in, upload, wanted_pictures
from bot.queue.request import SKY, Upload
from bot.store.jobs import Job, Kind, State
from bot.ui.buttons import button_called, meant, submit_remix
from bot.ui.errors import code, send_ephemeral
from bot.ui.mine import opener, page
from bot.ui.recipes import recipe_message
from bot.ui.status import described, when
from bot.user_installs import CONTEXTS, INSTALLS, anywhere, is_away
from bot.visibility import can_see, is_no_less_public, listed_channel
from config.presets import preset_title
from dream.backbone.catalog import LAYERS, NETWORKS
from dream.backbone.classes import normal, singulars
from dream.formats import PictureError
from dream.recipe import OPTIONS, Recipe, RecipeError
from dream.texts import Text, _, ngettext, text_of

MOST_CHOICES = 25
LONGEST_CHOICE = 100
MOST_LINES = 15


class Dreaming(commands.Cog, name="Dreams"):
    """Turn pictures into dreams."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot
        self.menus = [
            app_commands.ContextMenu(
                name=name, callback=callback, allowed_installs=INSTALLS, allowed_contexts=CONTEXTS
            )
            for name, callback in (
                (app_commands.locale_str("Dream this picture"), self.dream_message),
                (app_commands.locale_str("Dream this avatar"), self.dream_avatar),
            )
        ]

    async def cog_load(self) -> None:
        """Add the entries to the Apps menus of messages and members, which a decorator cannot."""
        for menu in self.menus:
            self.bot.tree.add_command(menu)

    async def cog_before_invoke(self, context: commands.Context[Any]) -> None:
        """Acknowledge a slash command within Discord's three seconds; its answer is for the asker alone.

        Where the bot is no member, the dream itself is that answer, and for everybody.
        """
        if context.interaction:
            posts = context.command in (self.dream, self.sky)
            await context.defer(ephemeral=not (posts and is_away(context.interaction)))

    @commands.hybrid_command(usage="[recipe]", aliases=["deepdream"])
    @anywhere
    @app_commands.describe(
        picture="The picture to dream on; without one, the newest picture in this channel",
        guide="A second picture, whose features are to appear",
        recipe="A thing, a preset, or layers and options: ostrich, serpents, block8+block11 steps=20",
    )
    async def dream(
        self,
        context: commands.Context[DreamBot],
        picture: discord.Attachment | None = None,
        guide: discord.Attachment | None = None,
        *,
        recipe: str = "",
    ) -> None:
        """Dream on a picture: yours, the one you reply to, or the newest here."""
        wanted = await wanted_pictures(context, recipe, picture, guide)
        with self._explaining(context, wanted.words):
            if len(wanted.pictures) > 1:
                await self._ask_for_each(context, wanted)
                return
            if not wanted.pictures:
                channel, interaction = context.channel, context.interaction
                await read_recipe(self.bot, context.author, channel, wanted.words, interaction)
                raise Refused(no_picture(context))
            await self._ask(context, wanted.words, wanted.pictures[0], wanted.guide)

    @commands.hybrid_command(usage="[recipe]")
    @anywhere
    @app_commands.describe(
        recipe="A thing, a preset, or layers and options: tabby, serpents, block8+block11 steps=20"
    )
    async def sky(self, context: commands.Context[DreamBot], *, recipe: str = "") -> None:
        """Dream of nothing but clouds: no picture needed."""
        with self._explaining(context, recipe):
            await self._ask(context, recipe, None)

    async def dream_message(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        """Dream on the picture in a message, from its Apps menu."""
        await interaction.response.defer(ephemeral=not is_away(interaction), thinking=True)
        found = await picture_in(message, self.bot)
        if found is None:
            raise Refused(Text("There is no picture in that message; please choose one that has."))
        await self._ask(await commands.Context.from_interaction(interaction), "", found)

    async def dream_avatar(self, interaction: discord.Interaction[Any], member: discord.User) -> None:
        """Dream on somebody's avatar, from their Apps menu."""
        await interaction.response.defer(ephemeral=not is_away(interaction), thinking=True)
        await self._ask(await commands.Context.from_interaction(interaction), "", avatar(member))

    @dream.autocomplete("recipe")
    @sky.autocomplete("recipe")
    async def recipes(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer presets, layers and options."""
        return await recipe_choices(self.bot, interaction.channel, typed)

    @commands.hybrid_command(aliases=["q", "line"])
    @anywhere
    async def queue(self, context: commands.Context[DreamBot]) -> None:
        """See which dreams wait here, and when yours is ready."""
        waiting = await self.bot.queue.of_guild(context.guild and context.guild.id)
        await context.reply(self._listing(context, waiting), mention_author=False, ephemeral=True)

    @commands.hybrid_command()
    @anywhere
    @app_commands.describe(picture="A dream that you saved; without one, the newest picture in this channel")
    async def recipe(
        self, context: commands.Context[DreamBot], picture: discord.Attachment | None = None
    ) -> None:
        """Say how a dream was made: in reply to it, or on a file of it that you saved."""
        wanted = await wanted_pictures(context, given=picture)
        if not wanted.pictures:
            raise Refused(Text("I see no dream here; please reply to one, or attach a file of one."))
        found = wanted.pictures[0]
        job = await self.bot.queue.jobs.get(found.parent) if found.parent else None
        recipe = job.recipe if job else await self.bot.queue.read_recipe(self._upload(found))
        try:
            shown = recipe_message(Recipe.parse(recipe or ""), job and job.preset)
        except RecipeError:
            raise Refused(Text("That picture carries no recipe of mine.")) from None
        await context.reply(**shown.sending(), mention_author=False, ephemeral=True)

    def _upload(self, found: Found) -> Upload:
        return upload(found.picture, self.bot.config.picture.max_bytes)

    @commands.hybrid_command(aliases=["mydreams", "my", "dreams", "yesterday"])
    @anywhere
    async def mine(self, context: commands.Context[DreamBot]) -> None:
        """Look through your dreams of the last days; nobody else sees them."""
        if context.interaction:
            shown = await page(self.bot, context.author.id, context.guild and context.guild.id, 0)
            await context.send(**shown.sending(), ephemeral=True)
        else:
            text = _("Your dreams are a press away, for your eyes only.")
            await context.reply(text, view=opener(), mention_author=False)

    @commands.hybrid_command(usage="[all]", aliases=["stop"])
    @anywhere
    @app_commands.describe(which="“all” for all of yours; otherwise your newest")
    async def cancel(self, context: commands.Context[DreamBot], which: str = "") -> None:
        """Cancel your newest dream that isn't finished, or all of them."""
        mine = await self.bot.queue.jobs_of(context.author.id, context.guild and context.guild.id)
        if not mine:
            raise Refused(
                Text("You have no dream waiting here; a moderator can press Cancel under any dream.")
            )
        chosen = mine if which.lower() == "all" else mine[-1:]
        cancelled = [job for job in chosen if await self.bot.queue.cancel(job.id)]
        match cancelled:
            case []:
                sentence = _("Too late to cancel: it is already finished.")
            case [job]:
                sentence = _("Cancelled your dream of {dream}.", dream=described(job, 60))
            case _:
                sentence = ngettext(
                    "Cancelled {count} of your dreams.", "Cancelled {count} of your dreams.", len(cancelled)
                )
        await context.reply(sentence, mention_author=False, ephemeral=True)

    @contextlib.contextmanager
    def _explaining(self, context: commands.Context[DreamBot], words: str) -> Iterator[None]:
        """Raise Refused, saying where it is, where words that are no recipe mean a button or a command."""
        try:
            yield
        except RecipeError:
            typed = words.strip().lower()
            for word in typed.split():  # "make it wilder" as well as "wilder"
                if sentence := button_called(meant(word)):
                    raise Refused(sentence) from None
            if typed.isdecimal():
                raise Refused(
                    Text(
                        "A number goes with its option: write “{prefix}{here} size={number}” for so many "
                        "pixels.",
                        prefix=self.bot.prefix_in(context),
                        here=context.command,
                        number=typed[:9],
                    )
                ) from None
            if (command := self.bot.all_commands.get(typed)) and not command.hidden:
                raise Refused(
                    Text(
                        "“{prefix}{command}” is a command of its own: write it without “{prefix}{here}”.",
                        prefix=self.bot.prefix_in(context),
                        command=f"{command.name} {command.signature}".strip(),
                        here=context.command,
                    )
                ) from None
            raise

    async def _ask(
        self,
        context: commands.Context[DreamBot],
        recipe: str,
        found: Found | None,
        guiding: Found | None = None,
    ) -> None:
        origin = found.origin(self.bot.config.picture.max_bytes, guiding) if found else SKY
        await answer(
            context, ask(self.bot, context.author, context.channel, recipe, origin, **asked_by(context))
        )

    async def _ask_for_each(self, context: commands.Context[DreamBot], wanted: Wanted) -> None:
        """Ask for the same dream of each picture of a message; say what a limit leaves out."""
        reading = await read_recipe(
            self.bot, context.author, context.channel, wanted.words, context.interaction
        )
        recipe, left_out = seeded(reading.recipe), len(wanted.pictures) - MOST_PICTURES
        why = Text("I dream on {count} pictures at a time.", count=MOST_PICTURES)
        for number, found in enumerate(wanted.pictures[:MOST_PICTURES]):
            try:
                origin = found.origin(self.bot.config.picture.max_bytes, wanted.guide)
                asking = ask(
                    self.bot,
                    context.author,
                    context.channel,
                    recipe,
                    origin,
                    preset=reading.preset,
                    number=number,
                    **asked_by(context),
                )
                await answer(context, asking)
            except (Refused, PictureError) as error:
                if number == 0:
                    raise
                why, left_out = text_of(error), len(wanted.pictures) - number
                break
        if left_out > 0:
            await self.bot.speak_to_all(context.guild)
            left = ngettext(
                "-# One picture was left out: {why}",
                "-# {count} pictures were left out: {why}",
                left_out,
                why=why,
            )
            await context.send(left, silent=True)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Read the forms that buttons opened, also before a restart."""
        if interaction.type is discord.InteractionType.modal_submit:
            speak(spoken(interaction.locale))
            await submit_remix(interaction)

    def _listing(self, context: commands.Context[DreamBot], waiting: Sequence[Job]) -> str:
        if not waiting:
            return _("Nobody is waiting: your dream would start at once.")
        lines = []
        for number, job in enumerate(waiting[:MOST_LINES], 1):
            where = _("dreaming") if job.state is not State.QUEUED else ordinal(number)
            ready = when(self.bot.queue.ready_at(job.id), self.bot.clock.now())
            lines.append(f"**{where}** {_described(context, job)}{f' · {ready}' if ready else ''}")
        if len(waiting) > MOST_LINES:
            lines.append(_("…and {count} more", count=len(waiting) - MOST_LINES))
        return "\n".join(lines)


def no_picture(context: commands.Context[DreamBot]) -> Text:
    """What to say where a command means no picture."""
    prefix = context.bot.prefix_in(context)
    if prefix == "/":
        return Text("I see no picture here; please add one to `/dream` as `picture`, or try `/sky`.")
    dream, sky = code(f"{prefix}dream"), code(f"{prefix}sky")
    return Text(
        "I see no picture here; please attach one to {dream}, or reply with {dream} to a message that "
        "has one. {sky} needs none.",
        dream=dream,
        sky=sky,
    )


def asked_by(context: commands.Context[DreamBot]) -> dict[str, Any]:
    """What asks for a dream, for `bot.asking`: a message, or a slash command's interaction."""
    interaction = context.interaction
    return {"message": None if interaction else context.message, "interaction": interaction}


async def answer(context: commands.Context[DreamBot], asking: Awaitable[Job]) -> None:
    """Ask; the dream's message is sent by the queue, and lives on when this command is over.

    Raises Refused where it can be sent nowhere.
    """
    job = await asking
    if job.state is State.FAILED:
        raise Refused(job.reason)
    if context.interaction and job.status_message_id is None:
        await send_ephemeral(context.interaction, _("Your dream is on its way."))
    elif context.interaction and not job.interaction_token:  # the dream's own message is the answer
        with contextlib.suppress(discord.HTTPException):
            await context.interaction.delete_original_response()


def _described(context: commands.Context[DreamBot], job: Job) -> str:
    """A dream that waits, as far as all who read the answer may know of it.

    Of a channel that one of them may not see, they learn that something is dreamt, and no more.
    """
    if job.kind is Kind.DAILY:
        return _("the daily dream")
    here = context.channel
    if job.channel_id != here.id and (job.member_id != context.author.id or not context.interaction):
        guild = context.guild
        channel = guild and listed_channel(guild.get_channel_or_thread(job.channel_id or 0))
        if channel is None or not can_see(context.author, channel):
            return _("a dream elsewhere")
        if not context.interaction and not is_no_less_public(channel, listed_channel(here)):
            return _("a dream elsewhere")
    who = _("for {member}", member=f"<@{job.member_id}>") if job.member_id else ""
    return f"{described(job, 60)} {who}".rstrip()


async def recipe_choices(bot: DreamBot, channel: Any, typed: str) -> list[app_commands.Choice[str]]:
    """Offer presets, layers, then classes; after a space, options too, and after an option its values.

    The presets and the ranges of options are those of `channel`.

    After a > all of that is offered anew, for the next recipe of a morph.
    """
    earlier, arrow, last = typed.rpartition(">")
    if arrow:
        return following(f"{earlier.strip()} > ", await recipe_choices(bot, channel, last.lstrip()))
    before, space, word = typed.lower().rpartition(" ")
    before, plus, word = (before, space, word) if space else word.rpartition("+")
    name, equals = word.partition("=")[:2]
    options = (await effective_in(bot, channel)).options
    option = options.get(name) if equals else None
    guild = getattr(channel, "guild", None)
    presets = await bot.settings.presets(guild and guild.id)
    hint = ""
    if option:
        offers = {f"{name}={value}": f"{name}={value}" for value in option.choices}
        hint = f" · {option.expected}"
    elif space:
        offers = {f"{option}=": f"{option}=…  {entry.meaning}" for option, entry in options.items()}
    else:
        offers = {} if plus else {name: _offer(bot, name, recipe) for name, recipe in presets.items()}
        offers |= {} if plus else {SURPRISE: f"{SURPRISE} · {_('a preset that chance picks')}"}
        offers |= _layer_offers(bot, word)
    start = before + (space or plus)
    found = [(start + offer, start + text) for offer, text in offers.items() if word in offer]
    found.sort(key=lambda entry: not entry[0].startswith(start + word))
    found += _classes(typed.lower(), {*LAYERS, *presets, *OPTIONS})
    if typed and word not in {*LAYERS, *presets, *offers, *singulars()}:
        found.insert(0, (typed, typed + hint))
    choices = [
        app_commands.Choice(name=text[:LONGEST_CHOICE], value=offer)
        for offer, text in found
        if len(offer) <= LONGEST_CHOICE
    ]
    return choices[:MOST_CHOICES]


def following(start: str, choices: Iterable[app_commands.Choice[str]]) -> list[app_commands.Choice[str]]:
    """Choices for the last of several recipes, with what stands before it."""
    return [
        app_commands.Choice(name=f"{start}{one.name}"[:LONGEST_CHOICE], value=f"{start}{one.value}")
        for one in choices
        if len(f"{start}{one.value}") <= LONGEST_CHOICE
    ]


def _classes(typed: str, taken: Collection[str]) -> Iterator[tuple[str, str]]:
    """The classes whose names contain what follows the last + in `typed`: as a recipe, and as shown.

    The words in `taken` mean something else by themselves.
    """
    before, plus, last = typed.rpartition("+")
    phrase = normal(last)
    if not phrase or "=" in last:
        return
    near = sorted(
        (name for name in singulars() if phrase in name), key=lambda name: not name.startswith(phrase)
    )
    for name in near:
        class_ = f"class:{name}" if name in taken else name
        yield (
            f"{before}{plus}{class_}",
            f"{before}{plus}{name.replace('_', ' ')} · {_('a thing that the networks know')}",
        )


def _offer(bot: DreamBot, name: str, recipe: str) -> str:
    """How a preset is offered."""
    text = preset_title(name) if name in bot.presets else recipe
    return f"{name} · {text}{_note(bot, *Recipe.parse(recipe).networks)}"


def _layer_offers(bot: DreamBot, word: str) -> dict[str, str]:
    """How the layers are offered whose names contain `word`."""
    notes = {name: f" · {network.title}{_note(bot, name)}" for name, network in NETWORKS.items()}
    return {
        layer: layer + notes[network.name]
        for layer, network in LAYERS.items()
        if word in layer and layer != network.classifier
    }


def _note(bot: DreamBot, *networks: str) -> str:
    """What is said where one of these networks' weights are absent."""
    here = all(map(bot.settings.has_network, networks))
    return "" if here else _(" (not here yet: another network stands in)")


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Dreaming(bot))
