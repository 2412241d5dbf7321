"""The daily dream's operations for commands, buttons and the periodic tasks."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from bot.clock import Clock
from bot.daily.dreams import DreamInput, DreamSubmitter
from bot.daily.exclusions import Exclusions
from bot.daily.planner import Planner
from bot.daily.posts import Due, PostRepository
from bot.daily.server_states import WHERE_AND_WHEN, ServerStates
from bot.daily.servers import Server, Servers
from bot.daily.sources import Source
from bot.errors import Refused
from bot.moderation import Moderation
from bot.opt_outs import OptOuts
from bot.queue.queue import Queue
from bot.schedule import MAX_TIMES
from bot.settings.rows import Change
from bot.settings.service import Settings
from bot.settings.values import DailyDream
from bot.store.daily import UNSCHEDULED, PostRow
from bot.store.database import Database
from bot.store.jobs import Job
from bot.store.opt_outs import Matter
from config.schema import Config
from dream.texts import Text

UNREACHABLE: Final = timedelta(days=1)
"""How long after its grace period a post of a server unavailable here is kept for other processes."""


class Preview(NamedTuple):
    """A dream that is shown to one admin and not stored."""

    post: PostRow
    job: Job
    picture: bytes


class DailyService:
    """The operations of admins, moderators and members; `planner` runs the scheduled ones."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        settings: Settings,
        moderation: Moderation,
        opt_outs: OptOuts,
        servers: Servers,
        clock: Clock,
        config: Config,
    ) -> None:
        settings.subscribe(self._settings_changed)
        self.states = ServerStates(database)
        self.posts = PostRepository(database, queue.lease)
        self._exclusions = Exclusions(database)
        self._dreams = DreamSubmitter(
            self.posts, self._exclusions, servers, queue, settings, moderation, opt_outs, clock, config.daily
        )
        self.planner = Planner(
            self.posts,
            settings,
            self.states,
            self._dreams,
            servers,
            queue,
            moderation,
            clock,
            config.daily,
        )
        self._queue, self._settings, self._moderation, self._servers = queue, settings, moderation, servers
        self._opt_outs, self._clock, self._config = opt_outs, clock, config.daily
        self._retention = timedelta(days=config.privacy.retention_days)
        self._unscheduled: set[int] = set()
        self.on_ready: Callable[[int], Awaitable[object]] = _wait_for_next_tick
        """Called with a server's id when an unscheduled dream is ready to be posted."""

    # Queries

    async def due(self, guild_id: int | None = None) -> tuple[list[Due], list[PostRow]]:
        """The posts to send now, the earliest first, and those that were missed.

        A post is missed if it is too late, or a later one of the same server is ready.
        """
        now = self._clock.now()
        late = now - timedelta(hours=self._config.grace)
        newest: dict[int, Due] = {}
        missed: list[PostRow] = []
        for due in reversed(await self.posts.due(now, guild_id)):
            if self._servers.get(due.post.guild_id) is None:
                if due.post.due_at < late - UNREACHABLE:
                    missed.append(due.post)
            elif due.post.due_at < late or due.post.guild_id in newest:
                missed.append(due.post)
            elif due.ready:
                newest[due.post.guild_id] = due
        return [*reversed(newest.values())], missed

    async def obstacle(self, guild_id: int) -> Text | None:
        """A sentence for admins on why a server's dream cannot be made or posted now, or None."""
        server, settings = self._servers.get(guild_id), await self._settings.effective(guild_id)
        closed = server and await self._moderation.refusal(server.id, server.members)
        return self._servers.obstacle(guild_id, settings.daily_channel) or closed

    def check_channel(self, guild_id: int, channel_id: int) -> None:
        """Raise Refused if nothing can be posted in a channel."""
        if obstacle := self._servers.obstacle(guild_id, channel_id):
            raise Refused(obstacle)

    async def next_due(self, guild_id: int) -> datetime | None:
        """When a server's next dream is due; None if it is off or paused."""
        state, settings = await self.states.get(guild_id), await self._settings.effective(guild_id)
        if not settings.daily_enabled or (state and state.paused):
            return None
        now = self._clock.now()
        # A slot is posted once, also after a change of the time zone.
        done = {post.slot for post in await self.posts.history(guild_id, 3 * MAX_TIMES)}
        coming = settings.daily_schedule.between(now, now + timedelta(days=9))
        return next((slot.due for slot in coming if slot.name not in done), None)

    # Operations of admins

    async def turn_on(self, guild_id: int, *, by: int, **changes: Any) -> None:
        """Change settings and turn it on; `by` is then notified of failures. Raises SettingError."""
        await self._settings.choose_many(guild_id, {"daily_enabled": True, **changes}, by=by)
        await self.states.restart(guild_id, self._clock.now())  # also where it was on, but paused
        await self.states.set_admin(guild_id, by)

    async def _settings_changed(self, guild_id: int, changes: Sequence[Change], by: int) -> None:
        """Discard posts planned with the old settings, and restart the schedule if it changed."""
        changed = {change.name: change.after for change in changes if change.name in DailyDream.model_fields}
        if changed.keys() & WHERE_AND_WHEN:
            await self.states.restart(guild_id, self._clock.now())
        if changed.get("daily_enabled"):
            await self.states.set_admin(guild_id, by)
        if changed:
            await self._erase(await self.posts.delete_planned(guild_id))

    async def choose_recipe(self, guild_id: int, text: str | None, *, by: int) -> None:
        """Set the recipe or preset; None for a random walk over the presets. Raises RecipeError."""
        if text is not None:
            await self._dreams.parse_recipe(guild_id, text)
        await self._settings.choose(guild_id, "daily_recipe", text or "", by=by)

    async def candidates(self, guild_id: int) -> dict[str, list[Source]]:
        """The possible sources of a server's next dream by kind."""
        settings = await self._settings.effective(guild_id)
        return await self._dreams.candidates(guild_id, settings, random.Random())

    async def post_now(self, guild_id: int, name: str) -> PostRow:
        """Dream and post an unscheduled one; `name` is its unique key. Returns the closed post.

        Raises Refused.
        """
        if obstacle := await self.obstacle(guild_id):
            raise Refused(obstacle)
        channel_id = (await self._settings.effective(guild_id)).daily_channel
        with self._one_at_a_time(guild_id):
            now = self._clock.now()
            post = await self.posts.plan(guild_id, f"{UNSCHEDULED}{name}", now, channel_id=channel_id)
            if post is None:
                raise Refused(Text("That one is on its way already."))
            await self.planner.prepare(post)
            if post.job_id and await self._queue.finished(post.job_id):
                await self.on_ready(guild_id)
            return await self.posts.get(post.id) or post

    async def preview(self, guild_id: int, source_channels: Collection[int]) -> Preview:
        """Dream a possible next post, for an admin who can see these source channels.

        Raises Refused and RecipeError.
        """
        server = self._server(guild_id)
        if closed := await self._moderation.refusal(server.id, server.members):
            raise Refused(closed)
        settings = await self._settings.effective(guild_id)
        visible = tuple(id for id in settings.daily_source_channels if id in source_channels)
        with self._one_at_a_time(guild_id):
            chosen, job = await self._dreams.request(
                server,
                settings.model_copy(update={"daily_source_channels": visible}),
                random.Random(),
                self._clock.now(),
            )
            try:
                return await self._finished(chosen, job)
            finally:
                await self._queue.erase(job.id)

    async def _finished(self, chosen: DreamInput, job: Job) -> Preview:
        ended = await self._queue.finished(job.id)
        picture = await self._queue.jobs.picture(job.id, "result")
        if ended is None or picture is None:
            raise Refused((ended and ended.reason) or Text("The preview was stopped; please try again."))
        return Preview(PostRow(id=job.id, slot=UNSCHEDULED, **chosen.columns), ended, picture)

    def _server(self, guild_id: int) -> Server:
        server = self._servers.get(guild_id)
        if server is None:
            raise Refused(Text("Discord does not show me this server at the moment; please try again later."))
        return server

    @contextmanager
    def _one_at_a_time(self, guild_id: int) -> Iterator[None]:
        """Allow one unscheduled dream at a time per server; the queue sets no limit. Raises Refused."""
        if guild_id in self._unscheduled:
            raise Refused(Text("One is being dreamt already; please wait until it is there."))
        self._unscheduled.add(guild_id)
        try:
            yield
        finally:
            self._unscheduled.discard(guild_id)

    # Operations of moderators and members

    async def remove(self, post: PostRow, *, by: int) -> None:
        """Exclude a post's picture from later dreams, and delete the dream."""
        await self._exclusions.add_picture(post)
        if await self.posts.remove(post):
            await self._moderation.log_removal(post.guild_id, post.id, by=by)
        if post.job_id:
            await self._queue.erase(post.job_id)

    async def forget_member(self, member_id: int) -> None:
        """Exclude a member's pictures, and delete the stored ones."""
        await self._opt_outs.add(member_id, Matter.DAILY)
        await self.states.forget_admin(member_id)
        await self._erase(await self.posts.forget_author(member_id))

    async def allow_member(self, member_id: int) -> bool:
        """Undo the exclusion of a member's pictures; False if there was none."""
        return await self._opt_outs.remove(member_id, Matter.DAILY)

    async def member_blocked(self, guild_id: int, member_id: int) -> None:
        """Discard planned posts of a member's pictures after the member was blocked."""
        await self._erase(await self.posts.delete_planned(guild_id, author_id=member_id))

    async def source_deleted(self, message_ids: Iterable[int], remaining: Collection[str] = ()) -> None:
        """Discard pictures of deleted or edited messages, except those named in `remaining`."""
        await self._erase(await self.posts.forget_messages(message_ids, remaining))

    async def check_sources(self) -> None:
        """Discard pictures that were deleted while the bot was not connected."""
        for post in await self.posts.from_members():
            remaining = await self._servers.remaining_pictures(post)
            if remaining is not None and post.source_message_id:
                await self.source_deleted([post.source_message_id], remaining)

    # Deletion

    async def purge(self) -> None:
        """Clear the authors of posts, and later delete the posts, as their retention periods pass."""
        now, days = self._clock.now(), max(self._config.remember_days, 30)
        await self.posts.purge(now - self._retention, now - timedelta(days=days))

    async def _erase(self, jobs: Iterable[str]) -> None:
        for job_id in jobs:
            await self._queue.erase(job_id)


async def _wait_for_next_tick(guild_id: int) -> None:
    """Do nothing: the periodic task posts it."""
