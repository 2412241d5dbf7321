"""Which pictures somebody means: those of a message, of the one replied to, or the newest nearby."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import aiohttp
import discord
from discord.ext import commands

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
from bot.queue.request import Origin, Upload
from bot.store.jobs import State
from dream.texts import Text

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

_GUIDE: Final = re.compile(r"\bguided?\b", re.IGNORECASE)
_PLACE: Final = re.compile(r"\b(only|except)\s*=\s*picture\b", re.IGNORECASE)


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
            Text(
                "Discord shows me no picture of that link, and I open none myself; please attach the "
                "picture, or reply to a message that has it."
            )
        )
    message = context.message
    if not context.interaction and message.reference and message.reference.message_id:
        replied = await _replied(context)
        if replied and (own or not message.attachments):
            return Wanted(replied, own[0], _without_guide(plain)) if own else Wanted(replied, None, plain)
    if not context.interaction and message.attachments and not own:
        own = [Found(of_attachment(message.attachments[0]), author_id)]  # it will be refused by name
    if len(own) > 1 and (_GUIDE.search(plain) or _PLACE.search(plain)):
        return Wanted(own[:1], own[1], _without_guide(plain))
    if own or (not context.interaction and message.reference):
        return Wanted(own, None, plain)
    return Wanted(await _newest(context), None, plain)


def _without_guide(words: str) -> str:
    return " ".join(_GUIDE.sub(" ", words).split())


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
        raise Refused(Text("I couldn't fetch that picture from Discord; please post it again.")) from None
    _check_size(len(data), max_bytes)
    return data


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Refused(
            Text(
                "That file has {size} MB; please send a picture of at most {most} MB.",
                size=f"{size / 1e6:.1f}",
                most=f"{max_bytes / 1e6:g}",
            )
        )
