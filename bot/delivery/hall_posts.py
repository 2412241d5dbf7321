"""Keeps the hall of fame's channel as the rows of starred dreams say: counts, posts, edits and deletes.

A row whose generation was not observed yet is settled by one task of the process that serves its server,
again and again until that has worked. The dream's id is the post's nonce, so Discord deduplicates a request
that is repeated within minutes; after a longer interruption the channel is searched for it before it is sent
again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime
from typing import Final

import discord
from discord.ext import commands

from bot.backoff import attempts
from bot.clock import Clock
from bot.delivery.daily_servers import DiscordServers
from bot.delivery.member_pictures import history
from bot.delivery.messages import SEND_TIMEOUT, find_post
from bot.delivery.rate_limit import RateLimit
from bot.discord_errors import is_transient
from bot.hall.service import WEEK, HallService
from bot.language import speak
from bot.queue.queue import Queue
from bot.settings.service import Settings
from bot.store.hall import OPEN_BEST, BestState, Placing, StarredRow
from bot.store.outage import is_outage
from bot.tasks import Tasks
from bot.ui.hall_post import STAR, Shown, hall_message, hall_text, missing_permissions, without
from bot.visibility import may_be_shown

log = logging.getLogger(__name__)

IN_FLIGHT: Final = 8
"""Dreams that are settled concurrently."""
MOST_STARS: Final = 500
"""Stars that are counted of one dream, at most: Discord tells of a hundred at a time."""
MESSAGES: Final = 300
CHANNELS: Final = 25
"""Messages of a channel, and channels of a server, that are looked through for stars after a start."""


class NotYet(Exception):  # noqa: N818
    """Something that has to happen first."""


class HallPosts:
    """Settles the rows of starred dreams; `sweep` is to be called every few seconds."""

    def __init__(
        self,
        hall: HallService,
        queue: Queue,
        servers: DiscordServers,
        rate: RateLimit,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._hall, self._starred, self._queue = hall, hall.starred, queue
        self._servers, self._rate, self._settings, self._clock = servers, rate, settings, clock
        self._gate = asyncio.Semaphore(IN_FLIGHT)
        self._tasks, self._active = Tasks(), set[str]()
        self.deleted: set[int] = set()
        """Posts that this process deletes itself, whose deletion takes no dream out for good."""

    async def sweep(self) -> None:
        """Look through servers whose stars may have changed unseen, and settle what is not settled."""
        if not self._servers.ready:
            return
        while self._hall.to_look_through:
            guild_id = self._hall.to_look_through.pop()
            if guild := self._servers.guild(guild_id):
                await self._look_through(guild)
        for row in await self._starred.unsettled():
            if row.job_id not in self._active and self._servers.guild(row.guild_id):
                self._active.add(row.job_id)
                self._tasks.start(self._keep_trying(row.job_id))

    async def close(self) -> None:
        """Stop. What is not settled yet is settled after the next start."""
        await self._tasks.cancel()

    async def look_through_all(self) -> None:
        """Have all servers with a hall of fame, or a best of the week, looked through."""
        self._hall.to_look_through.update(await self._hall.best.servers("hall_channel", "best_channel"))

    async def _keep_trying(self, job_id: str) -> None:
        try:
            async for attempt in attempts(f"placing dream {job_id} in the hall of fame", _is_transient):
                with attempt:
                    async with self._gate:
                        await self._settle(job_id)
        finally:
            self._active.discard(job_id)

    async def _settle(self, job_id: str) -> None:
        """Let the channel show what a row says. Raises what may be tried again."""
        row = await self._starred.claim(job_id)
        if row is None or (guild := self._servers.guild(row.guild_id)) is None:
            return
        speak(await self._servers.language_of(guild))
        try:
            await self._count(row)
            if await self._belongs_in(row):
                await self._put_in(guild, row)
            else:
                await self._take_out(row)
            if row.withdrawn and row.best_id:
                await self._take_out_of_best(guild, row)
        except Exception as error:
            if _is_transient(error):
                raise
            log.exception("dream %s cannot be placed in the hall of fame", job_id)
        await self._starred.settled(row)

    async def _count(self, row: StarredRow) -> None:
        """Count a dream's stars: those of members who did not ask for it. One that is gone is withdrawn."""
        if row.withdrawn:
            return
        channel = self._servers.partial_channel(row.guild_id, row.channel_id)
        try:
            message = await channel.fetch_message(row.message_id)
        except discord.NotFound:
            await self._starred.record(row, withdrawn=True)
            return
        except discord.Forbidden:
            log.debug("the stars of dream %s cannot be read", row.job_id)
            return
        reaction = discord.utils.find(lambda one: str(one.emoji) == STAR, message.reactions)
        most = min(reaction.count, MOST_STARS) if reaction else 0
        try:
            users = [user async for user in reaction.users(limit=most)] if reaction else []
        except discord.NotFound:  # they were taken back just now
            users = []
        stars = sum(not user.bot and user.id != row.member_id for user in users)
        await self._starred.record(row, stars=stars)

    async def _belongs_in(self, row: StarredRow) -> bool:
        """Whether a dream is, or may come, among the best-liked of its server.

        Where the hall of fame is off, what stands in its channel stays.
        """
        here = await self._settings.effective(row.guild_id)
        enough = row.stars >= here.hall_stars or not here.hall_channel
        return not row.withdrawn and enough and not await self._hall.left_out(row)

    async def _put_in(self, guild: discord.Guild, row: StarredRow) -> None:
        """Post a dream, or edit its post to tell its stars."""
        if row.placing == Placing.POSTED:
            await self._tell_stars(row)
            return
        channel = writable_channel(guild, (await self._settings.effective(guild.id)).hall_channel)
        source = guild.get_channel_or_thread(row.channel_id)
        if channel is None or not may_be_shown(source, channel):
            return
        found = await self._find(channel, row) if row.placing == Placing.POSTING else None
        if found is None:
            shown = await shown_dream(self._queue, row)
            if shown is None:
                return
            now = {"post_channel_id": channel.id, "posted_at": self._clock.now()}
            await self._starred.record(row, placing=Placing.POSTING, shown_stars=row.stars, **now)
            await self._rate.final()
            takes_reports = await self._settings.takes_reports(guild.id)
            message = hall_message(shown, takes_reports=takes_reports)
            async with asyncio.timeout(SEND_TIMEOUT):
                found = await channel.send(nonce=row.job_id, silent=True, **message)
        await self._starred.record(row, placing=Placing.POSTED, post_message_id=found.id)
        await self._tell_stars(row)

    async def _tell_stars(self, row: StarredRow) -> None:
        """Edit a post to tell how many stars a dream has; one that somebody deleted stays deleted."""
        if row.shown_stars == row.stars:
            return
        try:
            await self._rate.final()
            await self._post_of(row).edit(content=hall_text(row))
        except discord.NotFound:
            out = {"placing": Placing.OUT, "post_message_id": None}
            await self._starred.record(row, withdrawn=True, **out)
        else:
            await self._starred.record(row, shown_stars=row.stars)

    async def _take_out(self, row: StarredRow) -> None:
        """Delete a dream's post."""
        if row.placing == Placing.POSTING:
            channel = self._servers.guild_channel(row.guild_id, row.post_channel_id)
            found = await self._find(channel, row) if channel else None
            row.post_message_id = found.id if found else None
        if row.post_message_id is not None:
            self.deleted.add(row.post_message_id)
            try:
                await self._rate.final()
                await self._post_of(row).delete()
            except (discord.NotFound, discord.Forbidden) as error:
                self.deleted.discard(row.post_message_id)
                log.info("the post of dream %s in the hall of fame is out of reach: %s", row.job_id, error)
        if row.placing != Placing.OUT:
            await self._starred.record(row, placing=Placing.OUT, post_message_id=None)

    async def _take_out_of_best(self, guild: discord.Guild, row: StarredRow) -> None:
        """Take a withdrawn dream out of a week's best."""
        post = await self._hall.best.get(row.best_id or "")
        if post and post.state in OPEN_BEST:
            raise NotYet(f"the best of the week {post.id} is just being posted")
        if post and post.state == BestState.POSTED and post.message_id:
            channel = self._servers.partial_channel(guild.id, post.channel_id)
            try:
                message = await channel.fetch_message(post.message_id)
                await self._rate.final()
                if (left := without(message, row)) is not None:
                    await message.edit(**left)
                else:
                    await message.delete()
            except (discord.NotFound, discord.Forbidden) as error:
                log.info("the best of the week %s is out of reach: %s", post.id, error)
        await self._starred.record(row, best_id=None)

    async def _look_through(self, guild: discord.Guild) -> None:
        """Have dreams counted whose stars changed while nobody looked, as far as Discord tells of them."""
        since = self._clock.now() - WEEK
        await self._starred.touch(
            StarredRow.guild_id == guild.id,
            StarredRow.placing != Placing.OUT,
            StarredRow.posted_at > since,
        )
        for channel_id in (await self._starred.recent_channels(guild.id, since))[:CHANNELS]:
            channel = guild.get_channel_or_thread(channel_id)
            if isinstance(channel, discord.TextChannel | discord.Thread):
                try:
                    for message_id in await self._changed_stars(channel, since):
                        await self._hall.stars_changed(guild.id, message_id)
                except discord.HTTPException as error:
                    log.info("the stars in channel %s cannot be looked for: %s", channel_id, error)

    async def _changed_stars(
        self, channel: discord.TextChannel | discord.Thread, since: datetime
    ) -> Collection[int]:
        """The bot's messages whose stars are other than what is known."""
        stars = {
            message.id: sum(one.count for one in message.reactions if str(one.emoji) == STAR)
            async for message in history(channel, since, MESSAGES)
            if message.author.id == channel.guild.me.id
        }
        known = await self._starred.counts(stars)
        return [id for id, count in stars.items() if count != known.get(id, 0)]

    async def _find(self, channel: discord.TextChannel, row: StarredRow) -> discord.Message | None:
        return await find_post(channel, row.job_id, row.posted_at or row.dreamt_at)

    def _post_of(self, row: StarredRow) -> discord.PartialMessage:
        channel = self._servers.partial_channel(row.guild_id, row.post_channel_id)
        return channel.get_partial_message(row.post_message_id or 0)


class Stars(commands.Cog):
    """Hears of stars, and of deleted messages."""

    def __init__(self, hall: HallService, posts: HallPosts) -> None:
        self._hall, self._posts = hall, posts

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """A member stars a message."""
        await self._changed(event.guild_id, event.message_id, event.emoji)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """A member takes a star back."""
        await self._changed(event.guild_id, event.message_id, event.emoji)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """A moderator takes all reactions away."""
        await self._changed(event.guild_id, event.message_id)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """A moderator takes those of one emoji away."""
        await self._changed(event.guild_id, event.message_id, event.emoji)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """A message is deleted."""
        await self._deleted({event.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Many are."""
        await self._deleted(event.message_ids)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Any of that may have happened while the bot was not connected."""
        async for attempt in attempts("looking for stars", is_outage):
            with attempt:
                await self._posts.look_through_all()

    async def _changed(
        self, guild_id: int | None, message_id: int, emoji: discord.PartialEmoji | None = None
    ) -> None:
        if guild_id is None or (emoji is not None and str(emoji) != STAR):
            return
        async for attempt in attempts(f"noting a star of message {message_id}", is_outage):
            with attempt:
                await self._hall.stars_changed(guild_id, message_id)

    async def _deleted(self, message_ids: set[int]) -> None:
        ours = message_ids & self._posts.deleted
        self._posts.deleted -= ours
        if not (gone := message_ids - ours):
            return
        async for attempt in attempts(f"noting that {len(gone)} messages are deleted", is_outage):
            with attempt:
                await self._hall.messages_deleted(gone)


def writable_channel(guild: discord.Guild, channel_id: int | None) -> discord.TextChannel | None:
    """The channel, if posts can be sent there and found again."""
    channel = guild.get_channel(channel_id or 0)
    if not isinstance(channel, discord.TextChannel):
        return None
    return None if missing_permissions(channel) else channel


async def shown_dream(queue: Queue, row: StarredRow) -> Shown | None:
    """A starred dream with its file; None if that is not kept any more."""
    job, picture = await queue.jobs.get(row.job_id), await queue.jobs.picture(row.job_id, "result")
    return Shown(row, job.filename or "dream.png", picture) if job and picture else None


def _is_transient(error: BaseException) -> bool:
    return is_transient(error) or is_outage(error) or isinstance(error, NotYet)
