"""From what a member asks for to a job in the queue: the one way in, by command or by button."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import discord
from discord.utils import DEFAULT_FILE_SIZE_LIMIT_BYTES

from bot.client import DreamBot
from bot.errors import Refused
from bot.queue.request import DreamRequest
from bot.store.jobs import Job, Kind
from dream.recipe import Recipe

MESSAGE_BYTES = 50_000
"""Room in an upload for what is not the picture."""

LOOK_BACK = 10
"""How many messages back a picture is looked for."""

Source = Callable[[], Awaitable[bytes | None]] | None
"""What fetches the picture to dream on; without one, the sky is dreamt of."""

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".heic", ".heif", ".bmp", ".tif", ".tiff")


async def ask(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    words: str | Recipe,
    source: Source,
    *,
    message: discord.Message | None = None,
    interaction: discord.Interaction[Any] | None = None,
    parent: str | None = None,
    author_id: int | None = None,
    spoiler: bool = False,
) -> Job:
    """Queue a dream of what `source` fetches (None: of a generated sky) after the recipe in `words`.

    Nothing is fetched for whoever may not ask. `author_id` posted the source. `message` asks for it, and the
    dream's message replies to it; or `interaction` does. `parent` is the job that it grew from. Raises
    Refused, RecipeError or PictureError: each one sentence for whoever asked.
    """
    guild = getattr(channel, "guild", None)
    guild_id = guild.id if guild else None
    # A thread has the settings of its channel.
    channel_id = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
    effective = await bot.settings.effective(guild_id, channel_id)
    members = (guild.member_count or 0) if guild else 0
    if sentence := await bot.moderation.refusal(guild_id, members, who.id):
        raise Refused(sentence)
    roles = [role.id for role in who.roles] if isinstance(who, discord.Member) else []
    if sentence := effective.refusal(channel_id, who.id, roles):
        raise Refused(sentence)
    if guild and interaction and not _may_write(channel, interaction.permissions):
        raise Refused("You may not write in this channel, so please ask me in another.")
    if isinstance(words, str):
        recipe = effective.parse_recipe(words, await bot.settings.presets(guild_id))
    else:
        recipe = effective.resolve(words)
    bot.settings.check_weights(recipe, effective)
    if recipe.seed is None:
        # Drawn here, so that a dream that is dreamt again after a crash is the same dream.
        recipe = dataclasses.replace(recipe, seed=secrets.randbelow(100_000))
    return await bot.queue.submit(
        DreamRequest(
            kind=Kind.ZOOM if recipe.is_video else Kind.DREAM,
            recipe=recipe,
            source=await source() if source else None,
            guild_id=guild_id,
            channel_id=channel.id,
            member_id=who.id,
            author_id=author_id,
            request_message_id=message.id if message else None,
            interaction_token=interaction.token if interaction else None,
            parent=parent,
            previews=effective.previews,
            spoiler=spoiler or effective.spoiler,
            max_bytes=(guild.filesize_limit if guild else DEFAULT_FILE_SIZE_LIMIT_BYTES) - MESSAGE_BYTES,
            member_seconds=effective.member_seconds,
            server_seconds=effective.server_seconds,
        )
    )


def _may_write(channel: Any, permissions: discord.Permissions) -> bool:
    if isinstance(channel, discord.Thread):
        return permissions.send_messages_in_threads
    return permissions.send_messages


class Found(NamedTuple):
    """A picture, and who posted it."""

    picture: discord.Attachment
    author_id: int


async def find_picture(message: discord.Message, me: int) -> Found | None:
    """Return the picture that `message` means: its own, the one that it replies to, or the newest nearby.

    Nearby are the last messages of the channel by others than `me`, the bot, so that another recipe can be
    tried on the same photograph.
    """
    if message.attachments:
        return first_picture(message) or Found(message.attachments[0], message.author.id)
    if message.reference and message.reference.message_id:
        replied = message.reference.resolved
        if not isinstance(replied, discord.Message):
            try:
                replied = await message.channel.fetch_message(message.reference.message_id)
            except discord.HTTPException:
                return None
        return first_picture(replied)
    return await newest_picture(message.channel, me, before=message)


async def newest_picture(
    channel: discord.abc.Messageable, me: int, before: discord.Message | None = None
) -> Found | None:
    """Return the newest picture that somebody else than `me` posted among the last messages of `channel`."""
    try:
        async for message in channel.history(limit=LOOK_BACK, before=before):
            if message.author.id != me and (found := first_picture(message)):
                return found
    except discord.Forbidden:
        pass
    return None


def first_picture(message: discord.Message) -> Found | None:
    """Return the first picture in a message."""
    picture = next(filter(is_picture, message.attachments), None)
    return Found(picture, message.author.id) if picture else None


def is_picture(attachment: discord.Attachment) -> bool:
    """Whether Discord or the name says that it is a picture. What it really is, a worker finds out."""
    kind = attachment.content_type or ""
    return kind.startswith("image/") or attachment.filename.lower().endswith(EXTENSIONS)


async def download(attachment: discord.Attachment, max_bytes: int) -> bytes:
    """Fetch a picture's bytes, which nobody in this process decodes. Raises Refused."""
    if attachment.size > max_bytes:
        raise Refused(
            f"That file has {attachment.size / 1e6:.1f} MB; please send a picture of at most "
            f"{max_bytes / 1e6:g} MB."
        )
    try:
        return await attachment.read()
    except discord.HTTPException:
        raise Refused("I couldn't fetch that picture from Discord; please post it again.") from None


def may_remove(press: discord.Interaction[Any], job: Job) -> bool:
    """Whether whoever presses asked for `job`, or moderates here."""
    return press.user.id == job.member_id or press.permissions.manage_messages
