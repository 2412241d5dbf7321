"""Sends the messages of daily dreams that are due, each exactly once.

The post's id is the message's nonce, so Discord deduplicates a request that is repeated within minutes. After
a longer interruption the channel's history is first searched for the post's id, which is in the file name.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import discord

from bot.daily.posts import Due
from bot.daily.service import DailyService
from bot.delivery.daily_servers import DiscordServers
from bot.delivery.messages import SEND_TIMEOUT, find_post
from bot.delivery.rate_limit import RateLimit
from bot.discord_errors import is_transient
from bot.errors import Refused
from bot.language import speak, speaking
from bot.queue.queue import Queue
from bot.settings.service import Settings
from bot.store.daily import PostRow, PostState
from bot.store.jobs import Job, Kind
from bot.tasks import Tasks
from bot.ui.daily_post import DISLIKE, LIKE, post_message, title
from dream.texts import Text, text_of

log = logging.getLogger(__name__)

CONCURRENCY: Final = 64
"""Posts that are sent concurrently; more would wait for the database."""


class DailyPosts:
    """Sends posts; `post_due` is to be called each minute, and `dreamt` when a dream is done."""

    def __init__(
        self,
        daily: DailyService,
        queue: Queue,
        servers: DiscordServers,
        rate: RateLimit,
        settings: Settings,
    ) -> None:
        self._daily, self._queue, self._servers, self._rate = daily, queue, servers, rate
        self._settings = settings
        self._tasks = Tasks()

    async def close(self) -> None:
        """Cancel the background tasks."""
        await self._tasks.cancel()

    def dreamt(self, job: Job) -> None:
        """Post a daily dream that is done after its time."""
        if job.kind is Kind.DAILY and job.guild_id is not None:
            self._tasks.start(self._post_late(job.guild_id))

    async def _post_late(self, guild_id: int) -> None:
        try:
            await self.post_due(guild_id)
        except Exception as error:
            log.warning("the posts of server %s wait for the next minute: %r", guild_id, error)

    async def post_due(self, guild_id: int | None = None) -> None:
        """Send posts that are due and ready, on all servers or on one, and close those that are too late."""
        if not self._servers.ready:
            return
        due, missed = await self._daily.due(guild_id)
        semaphore = asyncio.Semaphore(CONCURRENCY)
        sent: list[tuple[PostRow, discord.Message]] = []

        async def one(due: Due) -> None:
            async with semaphore:
                if message := await self._post(due):
                    sent.append((due.post, message))

        async with asyncio.TaskGroup() as group:
            for each in due:
                group.create_task(one(each))
        if sent:
            self._tasks.start(self._add_extras(sent))
        for post in missed:
            await self._mark_missed(post)

    async def _post(self, due: Due) -> discord.Message | None:
        """Send one post; None if it failed, or another task or process was first."""
        post, interrupted = due.post, due.post.state == PostState.POSTING
        if guild := self._servers.guild(post.guild_id):
            speak(await self._servers.language_of(guild))
        await self._rate.final()
        try:
            async with self._daily.posts.claim(post, PostState.POSTING) as claimed:
                if not claimed:
                    return None
                try:
                    settings = await self._settings.effective(post.guild_id)
                    channel = self._servers.channel(post.guild_id, settings.daily_channel)
                    message = await self._find_sent(channel, post) if interrupted else None
                    message = message or await self._send(channel, due)
                except (Refused, LookupError, discord.HTTPException) as error:
                    if is_transient(error):
                        raise
                    await self._mark_failed(post, error)
                    return None
                await self._mark_posted(post, message)
                return message
        except Exception as error:  # Discord or the database is away, or the bot is being stopped
            log.warning("post %s of server %s is tried again: %r", post.id, post.guild_id, error)
            return None

    async def _mark_failed(self, post: PostRow, error: Exception) -> None:
        """Mark a post as failed; report the failure to the server's admins if they can fix it."""
        reason = (
            Text("Discord refused the post: {text}.", text=error.text)
            if isinstance(error, discord.HTTPException)
            else text_of(error)
        )
        await self._daily.posts.release(post, state=PostState.FAILED, reason=reason)
        if isinstance(error, Refused | discord.Forbidden | discord.NotFound):
            await self._daily.planner.report_failure(post.guild_id, reason)

    async def _send(self, channel: discord.TextChannel, due: Due) -> discord.Message:
        """Send the message. Raises LookupError if the dream's result has been deleted."""
        picture = await self._queue.jobs.picture(due.job.id, "result") if due.job else None
        if due.job is None or picture is None:
            raise LookupError(Text("Its dream is not kept any more."))
        async with asyncio.timeout(SEND_TIMEOUT):
            takes_reports = await self._settings.takes_reports(channel.guild.id)
            message = post_message(due.post, due.job, picture, channel.guild, takes_reports=takes_reports)
            return await channel.send(nonce=due.post.id, **message)

    async def _mark_posted(self, post: PostRow, message: discord.Message) -> None:
        await self._daily.posts.release(
            post,
            state=PostState.POSTED,
            channel_id=message.channel.id,
            message_id=message.id,
            posted_at=message.created_at,
        )
        await self._daily.states.reset_failures(post.guild_id)

    async def _find_sent(self, channel: discord.TextChannel, post: PostRow) -> discord.Message | None:
        """The message of an interrupted post if it was sent. Raises Refused if the history is unreadable."""
        if not channel.permissions_for(channel.guild.me).read_message_history:
            raise Refused(
                Text("I was stopped while posting, and cannot see without Read Message History if I had.")
            )
        return await find_post(channel, post.id, post.due_at)

    async def _mark_missed(self, post: PostRow) -> None:
        """Mark a post that is too late as missed, or as posted if its message was sent before a crash."""
        interrupted = post.state == PostState.POSTING
        async with self._daily.posts.claim(post) as claimed:
            if not claimed:
                return
            guild = self._servers.guild(post.guild_id)
            channel = guild and guild.get_channel(post.channel_id or 0)
            if interrupted and isinstance(channel, discord.TextChannel):
                try:
                    if message := await self._find_sent(channel, post):
                        await self._mark_posted(post, message)
                        return
                except (Refused, discord.HTTPException) as error:
                    log.info("whether post %s was sent is not known: %s", post.id, error)
            await self._daily.posts.release(
                post, state=PostState.MISSED, reason=Text("It was too late to post it.")
            )
        if post.job_id:
            await self._queue.cancel(post.job_id)

    async def _add_extras(self, sent: list[tuple[PostRow, discord.Message]]) -> None:
        """Add the reactions to vote with, and a thread if the server wants one; errors are only logged."""
        for post, message in sent:
            settings = await self._settings.effective(post.guild_id)
            try:
                for emoji in (LIKE, DISLIKE):
                    await self._rate.final()
                    await message.add_reaction(emoji)
                if settings.daily_thread and message.guild:
                    await self._rate.final()
                    with speaking(await self._servers.language_of(message.guild)):
                        await message.create_thread(name=title(post))
            except discord.HTTPException as error:
                log.info("post %s has no votes or thread: %s", post.id, error)
