"""From what a member asks for to a job in the queue: the one way in, by command or by button."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

import discord
from discord.ext import commands
from discord.utils import DEFAULT_FILE_SIZE_LIMIT_BYTES

from bot.client import DreamBot
from bot.errors import Refused
from bot.queue.request import DreamRequest, KeptPicture, Upload, Variant
from bot.settings.scopes import Effective
from bot.store.jobs import Job, Kind, State
from bot.store.opt_outs import Matter
from bot.visibility import is_age_restricted
from config.presets import preset_title
from dream.formats import is_film, is_picture
from dream.recipe import Recipe, RecipeError

MESSAGE_BYTES = 50_000
"""Room in an upload for what is not the picture."""

EXPLICIT: Final = (
    "Discord marks that picture as explicit, so I dream on it in age-restricted channels only; please use "
    "another, or ask me there."
)
MOST_QUESTIONS: Final = 4
"""Consents that a member may wait for at once."""

LOOK_BACK = 50
"""How many messages back a picture is looked for."""

FETCH_SECONDS: Final = 60
"""Seconds within which Discord must hand over a picture; others may wait for its room in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a dream grows from: a picture (None: a generated sky), who posted it, and where it stands.

    `message` is the channel's and the message's id. `parent` is the job that the picture belongs to, and
    `action` what was done with that. `guide` is a second picture, whose features are to appear, or which says
    where if the recipe says so; a comparison shows it beside the first.
    """

    picture: Upload | KeptPicture | None = None
    guide: Upload | KeptPicture | None = None
    author_id: int | None = None
    message: tuple[int, int] | None = None
    parent: str | None = None
    action: str | None = None
    spoiler: bool = False
    explicit: bool = False


SKY: Final = Origin()


class Reading(NamedTuple):
    """A recipe as it is dreamt, the preset that it was asked for by, and the settings that hold there."""

    effective: Effective
    recipe: Recipe
    preset: str | None


async def ask(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    words: str | Recipe,
    origin: Origin = SKY,
    *,
    message: discord.Message | None = None,
    interaction: discord.Interaction[Any] | None = None,
    preset: str | None = None,
    kind: Kind | None = None,
) -> Job:
    """Queue a dream of `origin` after the recipe in `words`, or what `kind` makes of it.

    Nothing is fetched for whoever may not ask. `message` asks for it, and the dream's message replies to it;
    or `interaction` does. `preset` is the one that a recipe came from. Raises Refused, RecipeError or
    PictureError: each one sentence for whoever asked.
    """
    reading = await read_recipe(bot, who, channel, words, interaction, preset)
    recipe = seeded(reading.recipe)
    kind = kind or (Kind.ZOOM if recipe.is_video else Kind.DREAM)
    request = DreamRequest(recipe=recipe, source=origin.picture, kind=kind, preset=reading.preset)
    return await _submit(bot, who, channel, reading.effective, request, origin, message, interaction)


async def ask_for_sheet(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    variants: Sequence[Variant | str],
    origin: Origin = SKY,
    *,
    message: discord.Message | None = None,
    interaction: discord.Interaction[Any] | None = None,
) -> Job:
    """Queue a sheet of small dreams of `origin`; words become variants that share a seed. Raises as `ask`."""
    first, *_ = (one if isinstance(one, str) else one.recipe for one in variants)
    effective, recipe, _ = await read_recipe(bot, who, channel, first, interaction)
    seed = seeded(recipe).seed
    shown = []
    for one in variants:
        if isinstance(one, str):
            recipe, preset = await _parse(bot, effective, channel, one)
            recipe = dataclasses.replace(recipe, seed=seed if recipe.seed is None else recipe.seed)
            one = Variant(one if preset is None else preset_title(preset), recipe, preset)
        if one.recipe.is_video:
            raise RecipeError(
                "A sheet shows pictures, and that is a video; leave out zoom, rotate and seconds."
            )
        shown.append(one)
    request = DreamRequest(
        recipe=shown[0].recipe, source=origin.picture, kind=Kind.SHEET, variants=tuple(shown)
    )
    return await _submit(bot, who, channel, effective, request, origin, message, interaction)


async def _submit(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    effective: Effective,
    request: DreamRequest,
    origin: Origin,
    message: discord.Message | None,
    interaction: discord.Interaction[Any] | None,
) -> Job:
    """Queue `request`, completed by who asks for it where."""
    guild = getattr(channel, "guild", None)
    consent = await _check_picture(bot, who, channel, effective, origin)
    return await bot.queue.submit(
        dataclasses.replace(
            request,
            guide=origin.guide,
            guild_id=guild.id if guild else None,
            channel_id=channel.id,
            member_id=who.id,
            author_id=origin.author_id,
            request_message_id=message.id if message else None,
            interaction_token=interaction.token if interaction else None,
            parent=origin.parent,
            action=origin.action,
            origin=origin.message,
            previews=effective.previews,
            spoiler=origin.spoiler or effective.spoiler or is_age_restricted(channel),
            explicit=origin.explicit,
            consented_at=consent.given_at,
            is_held=consent.is_needed,
            max_bytes=(guild.filesize_limit if guild else DEFAULT_FILE_SIZE_LIMIT_BYTES) - MESSAGE_BYTES,
            member_seconds=effective.member_seconds,
            server_seconds=effective.server_seconds,
        )
    )


class Consent(NamedTuple):
    """Whether whoever posted a picture has to agree first, or when they agreed to an earlier dream of it."""

    is_needed: bool = False
    given_at: datetime | None = None


async def _check_picture(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    effective: Effective,
    origin: Origin,
) -> Consent:
    """What somebody needs to dream on a picture. Raises Refused where they may not."""
    if origin.explicit and not is_age_restricted(channel):
        raise Refused(EXPLICIT)
    author_id = origin.author_id
    if author_id is None or author_id == who.id:
        return Consent()
    if await bot.opt_outs.among(Matter.PICTURES, [author_id]):
        raise Refused(
            "Whoever posted that picture wants nobody else to dream on it; please use one of yours."
        )
    if effective.others_pictures == "everybody":
        return Consent()
    if effective.others_pictures == "own":
        raise Refused("On this server you dream on your own pictures only; please post one, or reply to one.")
    message_id = origin.message and origin.message[1]
    jobs = bot.queue.jobs
    if given_at := await jobs.consented_at(who.id, origin.parent, message_id):
        return Consent(given_at=given_at)
    if not await _can_be_asked(channel, author_id):
        raise Refused("Whoever posted that picture can't be asked here; please use one of your own.")
    if len(await jobs.held(Job.member_id == who.id)) >= MOST_QUESTIONS:
        raise Refused(f"You wait for {MOST_QUESTIONS} answers already; please see what comes of them first.")
    return Consent(is_needed=True)


async def _can_be_asked(channel: Any, author_id: int) -> bool:
    """Whether somebody is a person who sees a channel."""
    try:
        member = await channel.guild.fetch_member(author_id)
    except discord.HTTPException:
        return False
    return not member.bot and bool(channel.permissions_for(member).view_channel)


def seeded(recipe: Recipe) -> Recipe:
    """The recipe with a seed: drawn here, so that a dream that starts anew after a crash is the same."""
    return dataclasses.replace(recipe, seed=secrets.randbelow(100_000)) if recipe.seed is None else recipe


async def read_recipe(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    words: str | Recipe,
    interaction: discord.Interaction[Any] | None = None,
    preset: str | None = None,
) -> Reading:
    """The recipe in `words`, if this member may dream it in this channel. Raises Refused or RecipeError."""
    guild = getattr(channel, "guild", None)
    effective = await effective_in(bot, channel)
    members = (guild.member_count or 0) if guild else 0
    if sentence := await bot.moderation.refusal(guild.id if guild else None, members, who.id):
        raise Refused(sentence)
    roles = [role.id for role in who.roles] if isinstance(who, discord.Member) else []
    if sentence := effective.refusal(_settings_id(channel), who.id, roles):
        raise Refused(sentence)
    if guild and interaction and not _may_write(channel, interaction.permissions):
        raise Refused("You may not write in this channel, so please ask me in another.")
    recipe, named = await _parse(bot, effective, channel, words)
    return Reading(effective, recipe, named or preset)


async def effective_in(bot: DreamBot, channel: Any) -> Effective:
    """The settings that hold in a channel; a thread has its channel's."""
    guild = getattr(channel, "guild", None)
    return await bot.settings.effective(guild.id if guild else None, _settings_id(channel))


def _settings_id(channel: Any) -> int:
    """The id of the channel whose settings hold in a channel or thread."""
    return int(channel.parent_id if isinstance(channel, discord.Thread) else channel.id)


async def _parse(
    bot: DreamBot, effective: Effective, channel: Any, words: str | Recipe
) -> tuple[Recipe, str | None]:
    """The recipe in `words` as these settings complete it, and the preset named. Raises as `read_recipe`."""
    named = None
    if isinstance(words, Recipe):
        recipe = effective.resolve(words)
    else:
        if re.search(r"(^|\s)<?https?://", words, re.IGNORECASE):
            raise Refused(
                "I open no links; please attach the picture itself, or reply to a message that has it."
            )
        guild = getattr(channel, "guild", None)
        presets = await bot.settings.presets(guild.id if guild else None)
        recipe = effective.parse_recipe(words, presets)
        named = preset_in(words, presets) or (
            preset_in(effective.recipe, presets) if not _plain(words) else None
        )
    bot.settings.check_weights(recipe, effective)
    return recipe, named


def preset_in(words: str, presets: Collection[str]) -> str | None:
    """The preset whose layers `words` ask for."""
    plain = _plain(words)
    return plain[0] if len(plain) == 1 and plain[0] in presets else None


def _plain(words: str) -> list[str]:
    """The words that are no options."""
    return [word for word in re.sub(r"\s*=\s*", "=", words.lower()).split() if "=" not in word]


def _may_write(channel: Any, permissions: discord.Permissions) -> bool:
    if isinstance(channel, discord.Thread):
        return permissions.send_messages_in_threads
    return permissions.send_messages


class Found(NamedTuple):
    """A picture, who posted it in which message, and the job of the dream that it is, if it is one."""

    picture: discord.Attachment
    author_id: int | None
    message: tuple[int, int] | None = None
    parent: str | None = None
    spoiler: bool = False
    explicit: bool = False

    def origin(self, max_bytes: int, guide: Found | None = None) -> Origin:
        """It as what a dream grows from, guided by another picture. Raises Refused if one is too large."""
        return Origin(
            picture=upload(self.picture, max_bytes),
            guide=guide and upload(guide.picture, max_bytes),
            author_id=self.author_id,
            message=self.message,
            parent=self.parent,
            spoiler=self.spoiler or self.picture.is_spoiler(),
            explicit=self.explicit or self.picture.flags.contains_explicit_media,
        )


async def find_pictures(context: commands.Context[DreamBot]) -> tuple[Found | None, Found | None]:
    """Return the picture that a command means, and the one that guides its dream, if any does.

    It means the one that it replies to, else its own, else the newest nearby. Its own picture guides the
    dream of the one replied to, and its second picture that of its first.
    """
    message = context.message
    own = pictures_of(message)
    replied = await _replied(context) if message.reference and message.reference.message_id else None
    if replied and (own or not message.attachments):
        return replied, own[0] if own else None
    if message.attachments:
        own = own or [Found(message.attachments[0], message.author.id)]  # it will be refused by name
        return own[0], own[1] if len(own) > 1 else None
    if message.reference:
        return None, None
    return await newest_picture(context.bot, context.channel, context.permissions, message), None


async def _replied(context: commands.Context[DreamBot]) -> Found | None:
    """Return the picture in the message that a command replies to."""
    reference = context.message.reference
    assert reference and reference.message_id
    replied = reference.resolved
    if not isinstance(replied, discord.Message):
        try:
            replied = await context.channel.fetch_message(reference.message_id)
        except discord.HTTPException:
            return None
    return await picture_in(replied, context.bot)


async def newest_picture(
    bot: DreamBot,
    channel: object,
    permissions: discord.Permissions,
    before: discord.Message | None = None,
    author_id: int | None = None,
) -> Found | None:
    """Return the newest picture among the last messages of a channel, for a user with these permissions.

    Members' pictures go before the bot's own dreams, so that another recipe can be tried on the same
    photograph; where there is none, the last finished dream is dreamt on. With `author_id`, only what this
    member posted counts.
    """
    if not permissions.read_message_history or not isinstance(channel, discord.abc.Messageable):
        return None
    dream: Found | None = None
    try:
        async for message in channel.history(limit=LOOK_BACK, before=before):
            if author_id is not None and message.author.id != author_id:
                continue
            if bot.user is None or message.author.id != bot.user.id:
                if found := pictures_of(message):
                    return found[0]
            elif dream is None:
                own = await picture_in(message, bot)
                dream = own if own and own.parent else None
    except discord.Forbidden:
        pass
    return dream


async def picture_in(message: discord.Message, bot: DreamBot) -> Found | None:
    """Return the first picture in a message, which may be a finished dream of the bot's own."""
    found = next(iter(pictures_of(message)), None)
    if found and bot.user and message.author.id == bot.user.id:
        job = await bot.queue.jobs.of_message(message.id)
        if job and job.state is State.DONE:
            return found._replace(
                author_id=job.author_id, parent=job.id, spoiler=job.spoiler, explicit=job.explicit
            )
        if starred := await bot.hall.starred.of_post(message.id):
            return found._replace(author_id=starred.author_id, parent=starred.job_id, spoiler=starred.spoiler)
        if post := await bot.daily.posts.of_message(message.id):
            return found._replace(author_id=post.author_id)
    return found


def pictures_of(message: discord.Message) -> list[Found]:
    """Return the pictures and clips attached to a message. What they really are, a worker finds out."""
    return [
        Found(attachment, message.author.id, (message.channel.id, message.id))
        for attachment in message.attachments
        if is_picture(attachment.filename, attachment.content_type)
        or is_film(attachment.filename, attachment.content_type)
    ]


def upload(attachment: discord.Attachment, max_bytes: int) -> Upload:
    """An attached picture, which nobody in this process decodes. Raises Refused if it is too large."""
    if attachment.size > max_bytes:
        raise Refused(
            f"That file has {attachment.size / 1e6:.1f} MB; please send a picture of at most "
            f"{max_bytes / 1e6:g} MB."
        )
    return Upload(attachment.size, partial(_fetch, attachment))


async def _fetch(attachment: discord.Attachment) -> bytes:
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await attachment.read()
    except (discord.HTTPException, TimeoutError):
        raise Refused("I couldn't fetch that picture from Discord; please post it again.") from None
