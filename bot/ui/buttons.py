"""The buttons under a dream. Each carries its job's id, so that it works after any restart."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Self

import discord

from bot.asking import ask, ask_for_sheet, effective_in
from bot.checks import may_moderate
from bot.errors import Refused
from bot.language import speaking
from bot.media import of_attachment
from bot.pictures import upload
from bot.queue.request import Origin, Variant
from bot.store.jobs import Job, Kind
from bot.ui.changes import enlarged, strengthened, variations
from bot.ui.components import Interaction, JobButton
from bot.ui.consent import Consent, Decline, Withdraw
from bot.ui.errors import code, explain, send_ephemeral
from bot.ui.links import message_url
from bot.ui.remix import guide_in_form, read_form, remix_form, remixed
from dream.recipe import Recipe
from dream.texts import Text, _

LEAST_GROWTH: Final = 1.1
"""How much larger a bigger dream is at least."""
LEGEND: Final = Text(
    "Under the dream: 🎲 another seed · 🌀 deeper, a dream of the dream · 🔎 bigger. And also:"
)
LEGEND_OF_OTHERS: Final = Text("With this one:")
"""Where these buttons are not all under it: under films, sheets and comparisons."""


class Remix(JobButton):
    """The same picture after a recipe that a form asks for."""

    key, label = "remix", Text("Remix")

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Open the form."""
        await interaction.response.send_modal(await remix_form(interaction, row))


class Again(JobButton):
    """The same picture and recipe with another seed."""

    key, emoji = "again", "🎲"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for the dream anew."""
        await grow(interaction, row, replace(Recipe.parse(row.recipe), seed=None))


class Deeper(JobButton):
    """The same recipe on the dream itself."""

    key, emoji = "deeper", "🌀"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for a dream of the dream."""
        await grow(interaction, row, replace(Recipe.parse(row.recipe), seed=None), "result")


class Bigger(JobButton):
    """The same dream with sides twice as long."""

    key, emoji = "bigger", "🔎"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for it at twice its size, as far as that is allowed here. Raises Refused."""
        report, most = (
            row.dream_report,
            (await effective_in(interaction.client, interaction.channel)).max_size,
        )
        size = max(report.width, report.height) if report else most
        if size * LEAST_GROWTH > most:
            raise Refused(
                Text(
                    "Dreams have at most {most} pixels here, and this one has {size} already.",
                    most=most,
                    size=size,
                )
            )
        await grow(interaction, row, enlarged(Recipe.parse(row.recipe), size, min(2 * size, most)))


class More(JobButton):
    """What else can be done with a dream."""

    key, emoji = "more", "⋯"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Show the other buttons to whoever pressed, and nobody else."""
        takes_reports = await interaction.client.settings.takes_reports(interaction.guild_id)
        view = _more(row, takes_reports, is_author=interaction.user.id == row.author_id)
        legend = LEGEND if row.kind is Kind.DREAM and not row.variants else LEGEND_OF_OTHERS
        await interaction.response.send_message(str(legend), view=view, ephemeral=True)


class Gentler(JobButton):
    """The same dream, less strong."""

    key, label, emoji, line = "gentler", Text("Gentler"), "🍃", 0

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for it with smaller steps."""
        await grow(interaction, row, strengthened(Recipe.parse(row.recipe), 0.6))


class Wilder(JobButton):
    """The same dream, stronger."""

    key, label, emoji, line = "wilder", Text("Wilder"), "🔥", 0

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for it with larger steps."""
        await grow(interaction, row, strengthened(Recipe.parse(row.recipe), 1.6))


class Vary(JobButton):
    """Four small dreams like this one, to choose from."""

    key, label, emoji, line = "vary", Text("Four variations"), "🔢", 0

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for the sheet."""
        await interaction.response.defer()
        effective = await effective_in(interaction.client, interaction.channel)
        variants = variations(Recipe.parse(row.recipe), row.preset, effective.allows)
        origin = await origin_of(interaction, row, self.key)
        await ask_for_sheet(
            interaction.client,
            interaction.user,
            interaction.channel,
            variants,
            origin,
            interaction=interaction,
        )


class Zoom(JobButton):
    """A video that falls into the dream."""

    key, label, emoji, line = "zoom", Text("Fall into it"), "🕳️", 1

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for the video."""
        falling = replace(Recipe.parse(row.recipe), zoom=1.02, seconds=6, size=None, octaves=None)
        await grow(interaction, row, falling, "result")


class Compare(JobButton, template=r"(?P<key>sides|wipe|back):(?P<id>[\w-]+)"):
    """The picture and its dream, beside each other or as a loop."""

    def __init__(self, id: str, kind: Kind = Kind.SIDES) -> None:
        self.kind = kind
        self.key, self.line = str(kind), 1
        self.label, self.emoji = {
            Kind.SIDES: (Text("Before & after"), "🌓"),
            Kind.WIPE: (Text("As a GIF"), "🎞️"),
            Kind.BACK: (Text("Morph back"), "🔄"),
        }[kind]
        super().__init__(id)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(match["id"], Kind(match["key"]))

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for the comparison. Raises Refused."""
        await interaction.response.defer()
        dream = await interaction.client.queue.kept_picture(row, "result")
        if dream is None:
            raise Refused(self.gone)
        origin = replace(await origin_of(interaction, row, "compare"), guide=dream)
        await ask(
            interaction.client,
            interaction.user,
            interaction.channel,
            Recipe.parse(row.recipe),
            origin,
            interaction=interaction,
            kind=self.kind,
        )


class Choose(JobButton, template=r"choose:(?P<number>\d+):(?P<id>[\w-]+)"):
    """One dream of a sheet, in full."""

    def __init__(self, id: str, number: int) -> None:
        self.number, self.key, self.label = number, f"choose:{number}", str(number)
        super().__init__(id)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(match["id"], int(match["number"]))

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Ask for the dream."""
        chosen = Variant.stored((row.variants or [])[self.number - 1])
        await grow(interaction, row, chosen.recipe, action="choose", preset=chosen.preset)


class ShowRecipe(JobButton):
    """The exact recipe, to be copied."""

    key, label, emoji, line = "recipe", Text("Recipe"), "📋", 2

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Tell it to whoever pressed."""
        own = (await effective_in(interaction.client, interaction.channel)).prefix
        prefix = own if interaction.client.intents.message_content else "/"
        await send_ephemeral(
            interaction,
            _("The same dream again:\n```\n{prefix}dream {recipe}\n```", prefix=prefix, recipe=row.recipe),
        )


class Cancel(JobButton):
    """Stop a dream that waits or is being dreamt."""

    key, label, emoji = "cancel", Text("Cancel"), "✖️"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Cancel the job; its message says so by itself."""
        if not await _may_remove(interaction, row):
            raise Refused(Text("Only whoever asked for this dream, or a moderator, can cancel it."))
        await interaction.response.defer()
        if not await interaction.client.queue.cancel(row.id):
            raise Refused(Text("Too late to cancel: this dream is already finished."))


class PingMe(JobButton):
    """Tell whoever asked for a dream, by a mention, once it is ready."""

    key, label, emoji = "ping", Text("Ping me"), "🔔"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Remember it. Raises Refused."""
        if interaction.user.id != row.member_id:
            raise Refused(Text("Only whoever asked for this dream can be pinged when it is ready."))
        if not await interaction.client.queue.ping(row.id):
            raise Refused(Text("That dream is finished already."))
        with speaking(row.language):
            view = discord.ui.View(timeout=None).add_item(Cancel(row.id))
        await interaction.response.edit_message(view=view)
        await send_ephemeral(interaction, _("🔔 I'll ping you here once, when your dream is ready."))


class Delete(JobButton):
    """Take a dream away, with the picture that it was dreamt from."""

    key, label, emoji, line = "delete", Text("Delete"), "🗑️", 2
    is_of_reports = True

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Delete the message and what is kept of the job."""
        if not await _may_remove(interaction, row):
            raise Refused(Text("Only whoever asked for this dream, or a moderator, can delete it."))
        await interaction.response.defer()
        bot = interaction.client
        is_first = await bot.queue.erase(row.id)
        if is_first and interaction.guild_id and interaction.user.id != row.member_id:
            await bot.moderation.log_removal(interaction.guild_id, row.id, by=interaction.user.id)
        if row.channel_id and row.status_message_id:
            channel = bot.get_partial_messageable(row.channel_id, guild_id=row.guild_id)
            with contextlib.suppress(discord.NotFound, discord.Forbidden):
                await channel.get_partial_message(row.status_message_id).delete()
        if interaction.message and interaction.message.flags.ephemeral:
            await interaction.edit_original_response(content=_("🗑️ That dream is deleted."), view=None)
        elif interaction.message and interaction.message.id != row.status_message_id:
            with speaking(await bot.language_of(interaction.guild)):
                done = _("🗑️ {member} removed the reported dream.", member=interaction.user.mention)
            await interaction.edit_original_response(content=done, view=None)

    async def miss(self, interaction: Interaction) -> None:
        """Let moderators delete at least the message. Raises Refused."""
        if (
            interaction.message is None
            or interaction.message.flags.ephemeral
            or not interaction.permissions.manage_messages
        ):
            raise Refused(self.gone)
        await interaction.message.delete()
        await send_ephemeral(interaction, _("🗑️ The message is gone; nothing else was kept of that dream."))


class Flag(JobButton):
    """Show a dream to the server's moderators."""

    key, label, emoji, line = "report", Text("Report"), "🚩", 2

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Post a link to the dream in the channel that the admins named."""
        link = message_url(row.guild_id, row.channel_id, row.status_message_id)
        member = f"<@{row.member_id}>"
        what = Text("a dream of {member}", member=member) if row.member_id else Text("a dream")
        await report(interaction, what, link, Delete(row.id))


async def report(interaction: Interaction, what: Text, link: str, remedy: discord.ui.Item[Any]) -> None:
    """Show a message to the server's moderators, with a button to do something about it. Raises Refused."""
    effective = await effective_in(interaction.client, interaction.channel)
    channel = interaction.guild and interaction.guild.get_channel(effective.report_channel or 0)
    if not isinstance(channel, discord.abc.Messageable):
        raise Refused(Text("This server has named no channel for reports; please tell a moderator directly."))
    view = discord.ui.View(timeout=None)
    view.add_item(remedy)
    with speaking(await interaction.client.language_of(interaction.guild)):
        text = _("🚩 {member} reports {what}: {link}", member=interaction.user.mention, what=what, link=link)
    try:
        if await _is_reported(channel, link):
            raise Refused(Text("Thank you: the moderators have been told already."))
        await channel.send(text, view=view)
    except discord.Forbidden:
        raise Refused(
            Text("I may not post in the channel for reports; please tell a moderator directly.")
        ) from None
    await send_ephemeral(interaction, _("Thank you: the moderators have been told."))


async def _is_reported(channel: discord.abc.Messageable, link: str) -> bool:
    """Whether one of the latest messages there tells of this one, so that nobody floods it at a button."""
    try:
        return any([link in message.content async for message in channel.history(limit=50)])
    except discord.Forbidden:  # it may be written to and not read
        return False


async def _may_remove(interaction: Interaction, job: Job) -> bool:
    """Whether whoever presses asked for `job`, or moderates where it is."""
    return interaction.user.id == job.member_id or await may_moderate(interaction, job.channel_id)


async def submit_remix(interaction: Interaction) -> None:
    """Ask for what the form of `Remix` says, if that is what was submitted; errors are answered."""
    if (found := read_form(interaction)) is None:
        return
    id, chosen = found
    try:
        job = await interaction.client.queue.jobs.get(id)
        if job is None or job.guild_id != interaction.guild_id:
            raise Refused(JobButton.gone)
        presets = await interaction.client.settings.presets(interaction.guild_id)
        effective = await effective_in(interaction.client, interaction.channel)
        recipe, preset = remixed(job, chosen, presets, effective)
        guide = guide_in_form(interaction)
        await grow(interaction, job, recipe, action=Remix.key, preset=preset, guide=guide)
    except Exception as error:
        typed = chosen.get("recipe")
        await send_ephemeral(
            interaction,
            explain(error) + (_("\nYou wrote {typed}.", typed=code(typed, 1000)) if typed else ""),
        )


async def grow(
    interaction: Interaction,
    job: Job,
    recipe: Recipe | str,
    role: str = "source",
    *,
    action: str | None = None,
    preset: str | None = None,
    guide: discord.Attachment | None = None,
) -> None:
    """Ask for another dream from a job's picture of this role, in the same channel. Raises Refused.

    `action` and `preset` are what a press did and which preset it chose; else the button and the job say it.
    Another `guide` takes the place of the job's.
    """
    await interaction.response.defer()
    origin = await origin_of(interaction, job, action or button_key(interaction), role)
    if guide:
        max_bytes = interaction.client.config.picture.max_bytes
        origin = replace(origin, guide=upload(of_attachment(guide), max_bytes))
    preset = preset if action else job.preset
    await ask(
        interaction.client,
        interaction.user,
        interaction.channel,
        recipe,
        origin,
        interaction=interaction,
        preset=preset,
    )


def button_key(interaction: Interaction) -> str:
    """What a button does, by its custom id."""
    data: Mapping[str, Any] = interaction.data or {}
    return str(data.get("custom_id")).partition(":")[0]


async def origin_of(interaction: Interaction, job: Job, action: str, role: str = "source") -> Origin:
    """A job's source or result as what the next dream grows from. Raises Refused if it is not kept.

    A dream of another channel, whose pictures not everybody may see here, is refused to all but whose it is.
    """
    bot, is_own = (
        interaction.client,
        job.member_id == interaction.user.id and job.author_id in (None, interaction.user.id),
    )
    if job.channel_id != interaction.channel_id and not is_own:
        raise Refused(Text("That dream belongs to another channel; please press its buttons there."))
    is_sky = role == "source" and not job.has_source
    picture = None if is_sky else await bot.queue.kept_picture(job, role)
    if picture is None and not is_sky:
        raise Refused(JobButton.gone)
    at = job.channel_id, job.status_message_id
    return Origin(
        picture=picture,
        guide=await bot.queue.kept_picture(job, "guide"),
        author_id=job.author_id,
        message=(at[0], at[1]) if at[0] and at[1] else None,
        parent=job.id,
        action=action,
        spoiler=job.spoiler,
        explicit=job.explicit,
    )


def dream_buttons(job: Job) -> list[discord.ui.Item[Any]]:
    """The one row under what a job has become."""
    if job.kind.is_comparison:
        return [More(job.id)]
    if job.variants:
        return [*(Choose(job.id, number) for number, _ in enumerate(job.variants, 1)), More(job.id)]
    of_pictures = [] if job.kind is Kind.ZOOM else [Deeper(job.id), Bigger(job.id)]  # no video is dreamt on
    return [Remix(job.id), Again(job.id), *of_pictures, More(job.id)]


def _more(job: Job, takes_reports: bool, is_author: bool) -> discord.ui.View:
    """The buttons of `More`, as far as they can do something for this job."""
    view = discord.ui.View(timeout=None)
    if job.kind is Kind.DREAM:
        view.add_item(Gentler(job.id)).add_item(Wilder(job.id)).add_item(Vary(job.id))
        if job.has_source:
            for kind in (Kind.SIDES, Kind.WIPE, Kind.BACK):
                view.add_item(Compare(job.id, kind))
        view.add_item(Zoom(job.id))
    if not job.variants and not job.kind.is_comparison:
        view.add_item(ShowRecipe(job.id))
    view.add_item(Delete(job.id))
    if is_author:
        view.add_item(Withdraw(job.id))
    if takes_reports:
        view.add_item(Flag(job.id))
    return view


SYNONYMS: Final = {
    "again": ("nochmal", "reroll", "retry"),
    "deeper": ("tiefer",),
    "bigger": ("larger", "upscale", "enlarge", "hd", "größer"),
    "gentler": ("weaker", "softer", "calmer", "subtler", "sanfter", "schwächer"),
    "wilder": ("crazier", "stronger", "weirder", "intense", "stärker", "verrückter"),
    "variations": ("variants", "varianten", "variationen"),
    "before": ("original", "vorher"),
    "zoom": ("animate", "video"),
    "delete": ("löschen",),
}
"""Other words, in the bot's languages, for what `button_called` knows, where a dream is meant for certain."""


def meant(word: str) -> str:
    """A word for what a button does, by its first name."""
    return next((name for name, others in SYNONYMS.items() if word in others), word)


def button_called(word: str) -> str | None:
    """Where the button is that does what a word says, as members try it as a command; None if none does."""
    for button in (Remix, Again, Deeper, Bigger):
        if word == button.key:
            shown = button.emoji or str(button.label)
            return _("{button} under a dream does that: press it there.", button=shown)
    behind = {
        "gentler": Gentler("-"),
        "wilder": Wilder("-"),
        "variations": Vary("-"),
        "before": Compare("-", Kind.SIDES),
        "gif": Compare("-", Kind.WIPE),
        "morph": Compare("-", Kind.BACK),
        "zoom": Zoom("-"),
        "delete": Delete("-"),
    }
    if found := behind.get(word):
        shown = f"{found.emoji} {found.label}"
        return _("{button} does that: press ⋯ under a dream, then it.", button=shown)
    return None


BUTTONS = (
    Remix,
    Again,
    Deeper,
    Bigger,
    More,
    Gentler,
    Wilder,
    Vary,
    Zoom,
    Compare,
    Choose,
    ShowRecipe,
    Cancel,
    Consent,
    Decline,
    PingMe,
    Delete,
    Withdraw,
    Flag,
)
