"""The pictures that members post, as sources of daily dreams, and what becomes of them afterwards."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any, Final

import discord
from discord.ext import commands

from bot.backoff import attempts
from bot.daily.service import DailyService
from bot.daily.sources import Source
from bot.store.outage import is_outage
from dream.formats import is_picture

log = logging.getLogger(__name__)

HISTORY_LIMIT: Final = 500
"""Messages that are looked through in each channel, the newest first."""
PAGE: Final = 100
"""Messages that Discord hands out at a time."""


async def member_pictures(
    channel: discord.TextChannel, since: datetime, max_bytes: int
) -> AsyncIterator[Source]:
    """The pictures that members posted in a channel since a moment.

    Passed over are spoilers, bots' and webhooks' messages, and files that are no pictures or too large.
    """
    try:
        async for message in history(channel, since, HISTORY_LIMIT):
            if message.author.bot or message.webhook_id:
                continue
            for picture in message.attachments:
                if may_be_dreamt(picture) and picture.size <= max_bytes:
                    name, author = picture_name(picture), message.author.id
                    yield Source("members", name, picture.read, author, channel.id, message.id)
    except discord.HTTPException as error:
        log.info("the pictures of channel %s cannot be looked through: %s", channel.id, error)


async def history(
    channel: discord.TextChannel | discord.Thread, after: datetime, limit: int | None = None
) -> AsyncIterator[discord.Message]:
    """The messages of a channel since a moment, the newest first, without those that discord.py cannot read.

    `TextChannel.history` ends at the first of these.
    """
    state, oldest, before = channel._state, discord.utils.time_snowflake(after), None
    for _ in range(math.ceil(limit / PAGE)) if limit else itertools.count():
        page: list[Any] = await state.http.logs_from(channel.id, PAGE, before=before)
        for payload in page:
            before = int(payload["id"])
            if before < oldest:
                return
            try:
                message = state.create_message(channel=channel, data=payload)
            except Exception as error:
                log.warning("message %s cannot be read and is passed over: %r", before, error)
                continue
            yield message
        if len(page) < PAGE:
            return


def names_in(message: discord.Message) -> set[str]:
    """The names of the pictures in a message that may be dreamt."""
    return {picture_name(picture) for picture in message.attachments if may_be_dreamt(picture)}


def may_be_dreamt(attachment: discord.Attachment) -> bool:
    """Whether an attachment says that it is a picture, and is neither hidden nor marked as explicit."""
    is_hidden = attachment.is_spoiler() or attachment.flags.contains_explicit_media
    return is_picture(attachment.filename, attachment.content_type) and not is_hidden


def picture_name(attachment: discord.Attachment) -> str:
    """What a member's picture is known by."""
    return f"attachment/{attachment.id}"


class WithdrawnPictures(commands.Cog):
    """Drops dreams of pictures that their authors take away."""

    def __init__(self, daily: DailyService) -> None:
        self._daily = daily

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """A message is deleted."""
        await self._withdraw([event.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Many are."""
        await self._withdraw(event.message_ids)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """A picture is taken out of its message, or hidden."""
        if event.message.edited_at is not None and not event.message.author.bot:
            await self._withdraw([event.message_id], names_in(event.message))

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Any of that may have happened while the bot was not connected."""
        async for attempt in attempts("checking the sources of daily dreams", is_outage):
            with attempt:
                await self._daily.check_sources()

    async def _withdraw(self, message_ids: Collection[int], left: Collection[str] = ()) -> None:
        """Drop dreams of these messages' pictures, but for those `left`, once the database is there."""
        async for attempt in attempts(f"withdrawing pictures of {len(message_ids)} messages", is_outage):
            with attempt:
                await self._daily.source_deleted(message_ids, left)
