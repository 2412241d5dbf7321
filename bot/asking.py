"""From what a member asks for to a job in the queue: the one way in, by command or by button."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

import aiohttp
import discord
from discord.ext import commands
from discord.utils import DEFAULT_FILE_SIZE_LIMIT_BYTES

from bot.client import DreamBot
from bot.errors import Refused
from bot.media import (
    Media,
    has_link,
    media_of,
    mentioned_in,
    of_attachment,
    of_avatar,
    small_media_of,
    without_pictures,
)
from bot.queue.request import DreamRequest, KeptPicture, Upload, Variant
from bot.settings.scopes import Effective
from bot.store.jobs import Job, Kind, State
from bot.store.opt_outs import Matter
from bot.user_installs import is_away
from bot.visibility import is_age_restricted
from config.presets import preset_title
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

MOST_PICTURES: Final = 4
"""Pictures of one message that are dreamt at once."""

FETCH_SECONDS: Final = 60
"""Seconds within which Discord must hand over a picture; others may wait for its room in memory."""

PREVIEW_SECONDS: Final = 4.0
"""Seconds within which Discord must have looked at a link for its preview to be dreamt."""

ASSUMED_BYTES: Final = 4_000_000
"""The size that a picture is taken to have until it is fetched, where Discord does not tell it."""

SURPRISE: Final = "surprise me"
"""What asks for a preset that chance picks."""

_SURPRISE: Final = re.compile(r"\bsurprise(\s+me)?\b", re.IGNORECASE)
_GUIDE: Final = re.compile(r"\bguided?\b", re.IGNORECASE)
_PLACE: Final = re.compile(r"\b(only|except)\s*=\s*picture\b", re.IGNORECASE)


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
    number: int = 0,
) -> Job:
    """Queue a dream of `origin` after the recipe in `words`, or what `kind` makes of it.

    Nothing is fetched for whoever may not ask. `message` asks for it, and the dream's message replies to it;
    or `interaction` does; of several pictures, this is the one of this `number`, 0 the first. `preset` is the
    one that a recipe came from. Raises Refused, RecipeError or
    PictureError: each one sentence for whoever asked.
    """
    reading = await read_recipe(bot, who, channel, words, interaction, preset)
    recipe = seeded(reading.recipe)
    kind = kind or (Kind.ZOOM if recipe.is_video else Kind.DREAM)
    request = DreamRequest(
        recipe=recipe, source=origin.picture, kind=kind, preset=reading.preset, number=number
    )
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
        if one.recipe.moves:
            raise RecipeError(
                "A sheet shows pictures, and that is a video; leave out >, zoom, rotate and seconds."
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
            max_bytes=_filesize_limit(guild, interaction) - MESSAGE_BYTES,
            member_seconds=effective.member_seconds,
            server_seconds=effective.server_seconds,
        )
    )


class Consent(NamedTuple):
    """Whether whoever posted a picture has to agree first, or when they agreed to an earlier dream of it."""

    is_needed: bool = False
    given_at: datetime | None = None


def check_explicit(origin: Origin, channel: Any) -> None:
    """Raise Refused for a picture that Discord marks as explicit, where not only adults see a channel."""
    if origin.explicit and not is_age_restricted(channel):
        raise Refused(EXPLICIT)


async def _check_picture(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    effective: Effective,
    origin: Origin,
) -> Consent:
    """What somebody needs to dream on a picture. Raises Refused where they may not."""
    check_explicit(origin, channel)
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


def _filesize_limit(guild: discord.Guild | None, interaction: discord.Interaction[Any] | None) -> int:
    """The bytes of the largest file that may be posted where an answer goes."""
    if interaction and is_away(interaction):
        return interaction.filesize_limit
    return guild.filesize_limit if guild else DEFAULT_FILE_SIZE_LIMIT_BYTES


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
        if has_link(words):
            raise Refused(
                "I open no links; please attach the picture itself, or reply to a message that has it."
            )
        guild = getattr(channel, "guild", None)
        presets = await bot.settings.presets(guild.id if guild else None)
        if _SURPRISE.search(words) and "surprise" not in presets:
            words = _SURPRISE.sub(secrets.choice(presets_allowed(bot, effective, presets) or [""]), words)
        recipe = effective.parse_recipe(words, presets)
        named = preset_in(words, presets) or (
            preset_in(effective.recipe, presets) if not _plain(words) else None
        )
    bot.settings.check_weights(recipe, effective)
    return recipe, named


def presets_allowed(bot: DreamBot, effective: Effective, presets: Mapping[str, str]) -> list[str]:
    """The names of the presets of pictures that may be dreamt with these settings, a server's own first."""
    own = [name for name in presets if name not in bot.presets]
    found = []
    for name in [*own, *(name for name in presets if name not in own)]:
        recipe = Recipe.parse(presets[name])
        if bot.settings.has_weights(recipe) and effective.allows(recipe) and not recipe.moves:
            found.append(name)
    return found


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

    picture: Media
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
            spoiler=self.spoiler or self.picture.is_spoiler,
            explicit=self.explicit or self.picture.is_explicit,
        )


class Wanted(NamedTuple):
    """The pictures that a command means, what guides their dreams, and the words left for a recipe."""

    pictures: list[Found]
    guide: Found | None = None
    words: str = ""


async def wanted_pictures(
    context: commands.Context[DreamBot],
    words: str = "",
    given: discord.Attachment | None = None,
    guide: discord.Attachment | None = None,
) -> Wanted:
    """What a command means, with `words` after it and the files given to a slash command.

    It means the pictures of the message that it replies to, else its own: those attached, the previews of its
    links, its stickers, the avatars of members whom it mentions, its custom emoji. Else the newest nearby.
    Its own picture guides the dream of the one replied to; of its own two, the second guides that of the
    first where the words say `guide`, or that it tells the place.

    Raises Refused for a link of which Discord shows no picture.
    """
    author_id, plain = context.author.id, without_pictures(words)
    if context.interaction and (given or guide):  # a text command's are among its message's
        pictures = [Found(of_attachment(given), author_id)] if given else await _newest(context)
        return Wanted(pictures, Found(of_attachment(guide), author_id) if guide else None, plain)
    own = [] if context.interaction else await _own_pictures(context, words)
    own += [] if own else await _avatars(context.bot, mentioned_in(words))
    own += [] if own or context.interaction else _found(context.message, small_media_of(context.message))
    if has_link(words) and not own:
        raise Refused(
            "Discord shows me no picture of that link, and I open none myself; please attach the picture, "
            "or reply to a message that has it."
        )
    message = context.message
    if not context.interaction and message.reference and message.reference.message_id:
        replied = await _replied(context)
        if replied and (own or not message.attachments):
            return Wanted(replied, own[0] if own else None, plain)
    if not context.interaction and message.attachments and not own:
        own = [Found(of_attachment(message.attachments[0]), author_id)]  # it will be refused by name
    if len(own) > 1 and (_GUIDE.search(plain) or _PLACE.search(plain)):
        return Wanted(own[:1], own[1], " ".join(_GUIDE.sub(" ", plain).split()))
    if own or (not context.interaction and message.reference):
        return Wanted(own, None, plain)
    return Wanted(await _newest(context), None, plain)


async def _newest(context: commands.Context[DreamBot]) -> list[Found]:
    before = None if context.interaction else context.message
    found = await newest_picture(context.bot, context.channel, context.permissions, before)
    return [found] if found else []


async def _own_pictures(context: commands.Context[DreamBot], words: str) -> list[Found]:
    """The pictures of the asking message; those of its links, once Discord has looked at them."""
    message = context.message
    found = pictures_of(message)
    if found or not has_link(words) or message.attachments:
        return found
    try:
        edited: discord.RawMessageUpdateEvent = await context.bot.wait_for(
            "raw_message_edit",
            check=lambda event: event.message_id == message.id and event.message.embeds,
            timeout=PREVIEW_SECONDS,
        )
    except TimeoutError:
        return []
    return pictures_of(edited.message)


async def _avatars(bot: DreamBot, ids: Sequence[int]) -> list[Found]:
    """The avatars of these users, as far as Discord knows them."""
    found = []
    for id in ids[:MOST_PICTURES]:
        try:
            found.append(avatar(bot.get_user(id) or await bot.fetch_user(id)))
        except discord.NotFound:
            continue
    return found


def avatar(user: discord.User | discord.Member) -> Found:
    """Somebody's avatar, as a picture of theirs."""
    return Found(of_avatar(user), user.id)


async def _replied(context: commands.Context[DreamBot]) -> list[Found]:
    """Return the pictures in the message that a command replies to."""
    reference = context.message.reference
    assert reference and reference.message_id
    replied = reference.resolved
    if not isinstance(replied, discord.Message):
        try:
            replied = await context.channel.fetch_message(reference.message_id)
        except discord.HTTPException:
            return []
    return await pictures_in(replied, context.bot)


async def newest_picture(
    bot: DreamBot,
    channel: object,
    permissions: discord.Permissions,
    before: discord.Message | None = None,
    author_id: int | None = None,
) -> Found | None:
    """Return the newest picture among the last messages of a channel, for a user with these permissions.

    Members' pictures go before the bot's own dreams, so that another recipe can be tried on the same
    photograph; where there is none, the last finished dream is dreamt on. Stickers and emoji are no pictures
    here. With `author_id`, only what this member posted counts.
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
    return next(iter(await pictures_in(message, bot)), None)


async def pictures_in(message: discord.Message, bot: DreamBot) -> list[Found]:
    """Return the pictures in a message, else its stickers or emoji; one may be a dream of the bot's own."""
    found = pictures_of(message) or _found(message, small_media_of(message))
    if found and bot.user and message.author.id == bot.user.id:
        job = await bot.queue.jobs.of_message(message.id)
        if job and job.state is State.DONE:
            dream = found[0]._replace(author_id=job.author_id, parent=job.id)
            return [dream._replace(spoiler=job.spoiler, explicit=job.explicit)]
        if starred := await bot.hall.starred.of_post(message.id):
            dream = found[0]._replace(author_id=starred.author_id, parent=starred.job_id)
            return [dream._replace(spoiler=starred.spoiler)]
        if post := await bot.daily.posts.of_message(message.id):
            return [found[0]._replace(author_id=post.author_id)]
    return found


def pictures_of(message: discord.Message) -> list[Found]:
    """Return the pictures and clips attached to a message, previewed in it, or forwarded with it."""
    return _found(message, media_of(message))


def _found(message: discord.Message, media: Sequence[Media]) -> list[Found]:
    return [Found(one, message.author.id, (message.channel.id, message.id)) for one in media]


def upload(picture: Media, max_bytes: int) -> Upload:
    """A picture, which nobody in this process decodes. Raises Refused if it is too large."""
    _check_size(picture.size or 0, max_bytes)
    size = min(ASSUMED_BYTES, max_bytes) if picture.size is None else picture.size
    return Upload(size, partial(_fetch, picture, max_bytes))


async def _fetch(picture: Media, max_bytes: int) -> bytes:
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            data = await picture.read()
    except (discord.HTTPException, aiohttp.ClientError, TimeoutError):
        raise Refused("I couldn't fetch that picture from Discord; please post it again.") from None
    _check_size(len(data), max_bytes)
    return data


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Refused(
            f"That file has {size / 1e6:.1f} MB; please send a picture of at most {max_bytes / 1e6:g} MB."
        )
