"""Sends the posts of each week's best dreams that are due, each exactly once, as daily dreams are sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import discord

from bot.delivery.daily_servers import DiscordServers
from bot.delivery.hall_posts import shown_dream, writable_channel
from bot.delivery.messages import SEND_TIMEOUT, find_post
from bot.delivery.rate_limit import RateLimit
from bot.discord_errors import is_transient
from bot.hall.service import HallService
from bot.language import speaking
from bot.queue.queue import Queue
from bot.settings.service import Settings
from bot.store.hall import BestRow, BestState, StarredRow
from bot.ui.hall_post import Shown, best_message
from bot.visibility import may_be_shown

log = logging.getLogger(__name__)

MOST: Final = 6
"""Dreams in one post, at most."""


class BestPosts:
    """Plans and sends posts; `post_due` is to be called each minute."""

    def __init__(
        self, hall: HallService, queue: Queue, servers: DiscordServers, rate: RateLimit, settings: Settings
    ) -> None:
        self._hall, self._best, self._queue = hall, hall.best, queue
        self._servers, self._rate, self._settings = servers, rate, settings
        self._lock = asyncio.Lock()

    async def post_due(self) -> None:
        """Send what is due on the servers of this process."""
        if not self._servers.ready:
            return
        async with self._lock:
            for guild_id in await self._best.servers("best_channel"):
                if self._servers.guild(guild_id):
                    await self._hall.plan_best(guild_id)
            for post in await self._best.open():
                if guild := self._servers.guild(post.guild_id):
                    try:
                        await self._post(guild, post)
                    except Exception as error:  # others' posts are not held up; the next minute tries again
                        log.warning("the best of the week of server %s waits: %r", guild.id, error)

    async def _post(self, guild: discord.Guild, post: BestRow) -> None:
        if not await self._best.claim(post):
            return
        channel = writable_channel(guild, (await self._settings.effective(guild.id)).best_channel)
        interrupted = channel is not None and post.state == BestState.POSTING
        if channel and interrupted and (sent := await find_post(channel, post.id, post.due_at)):
            await self._close(post, sent)
        elif self._hall.is_too_late(post):
            await self._best.close(post, BestState.SKIPPED)
        elif channel:
            await self._send(channel, post)

    async def _send(self, channel: discord.TextChannel, post: BestRow) -> None:
        if post.state == BestState.POSTING:
            dreams = await self._fitting(channel, await self._hall.starred.of_best(post.id))
        else:
            dreams = await self._fitting(channel, await self._hall.candidates(post))
        if not dreams:
            await self._best.close(post, BestState.SKIPPED)
            return
        if post.state != BestState.POSTING:
            await self._best.begin(post, [shown.row.job_id for shown in dreams])
        await self._rate.final()
        with speaking(await self._servers.language_of(channel.guild)):
            message = best_message(post, dreams)
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                sent = await channel.send(nonce=post.id, **message)
        except discord.HTTPException as error:
            if is_transient(error):
                raise
            log.warning("the best of the week of server %s is refused: %s", post.guild_id, error)
            await self._best.close(post, BestState.FAILED)
        else:
            await self._close(post, sent)

    async def _close(self, post: BestRow, sent: discord.Message) -> None:
        where = {"channel_id": sent.channel.id, "message_id": sent.id}
        await self._best.close(post, BestState.POSTED, **where)

    async def _fitting(self, channel: discord.TextChannel, rows: Sequence[StarredRow]) -> list[Shown]:
        """The first dreams that may be shown in a channel and are kept, as many as fit into one message."""
        found: list[Shown] = []
        room = channel.guild.filesize_limit
        for row in rows:
            source = channel.guild.get_channel_or_thread(row.channel_id)
            shown = await shown_dream(self._queue, row) if may_be_shown(source, channel) else None
            if shown and len(shown.picture) <= room and len(found) < MOST:
                found.append(shown)
                room -= len(shown.picture)
        return found
