"""The repository of posts. Every change of state is a compare-and-set on the row."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.store.daily import OPEN, PostRow, PostState
from bot.store.database import Database, shielded
from bot.store.jobs import Job, State
from bot.store.lease import Lease

log = logging.getLogger(__name__)

NO_AUTHOR: Final = {"author_id": None, "source_channel_id": None, "source_message_id": None}
"""Empty values for the columns that identify the author of a post's picture."""


class Due(NamedTuple):
    """A post that is due, and its job if it has one."""

    post: PostRow
    job: Job | None

    @property
    def ready(self) -> bool:
        """Whether it can be posted."""
        return self.job is not None and self.job.state is State.DONE


@shielded
class PostRepository:
    """Reads and writes posts, for one bot process.

    An open post is worked on inside `claim`, by one task of one process. Any process can claim a post whose
    owner's lease has expired.
    """

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database, self._lease = database, lease
        self._claims: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.registry = CollectorRegistry()
        self._counter = Counter(
            "dreambot_daily_posts", "Daily posts by their end.", ["state"], registry=self.registry
        )

    # Changes of state

    async def plan(self, guild_id: int, slot: str, due_at: datetime, **values: Any) -> PostRow | None:
        """Insert the planned post of a slot; None if the slot already has one."""
        row = PostRow(guild_id=guild_id, slot=slot, due_at=due_at, **values)
        try:
            async with self._database.session() as session, session.begin():
                session.add(row)
        except IntegrityError:
            return None
        return row

    @asynccontextmanager
    async def claim(self, post: PostRow, state: PostState | None = None) -> AsyncIterator[bool]:
        """Own a post, in `state`, within the block; yields False if it cannot be claimed.

        Another task of this process that has claimed it is waited for. A row that has changed since `post`
        was loaded is not claimed. At the end the post is released, unless the block did so.
        """
        async with self._claims.setdefault(post.id, asyncio.Lock()):
            try:
                yield await self.acquire(post, state or PostState(post.state))
            finally:
                if post.owner == self._lease.owner:
                    await self.release(post)

    async def acquire(self, post: PostRow, state: PostState) -> bool:
        """Set an open post's owner to this process; for use by `claim`."""
        query = update(PostRow).where(
            PostRow.id == post.id,
            PostRow.state == post.state,
            PostRow.job_id.is_not_distinct_from(post.job_id),
            self._is_free(),
        )
        return await self._change(post, query, {"owner": self._lease.owner, "state": state})

    async def release(self, post: PostRow, **changes: Any) -> bool:
        """Store `changes` to a claimed post and give up ownership; False if it was deleted or taken over."""
        query = update(PostRow).where(
            PostRow.id == post.id, PostRow.state == post.state, PostRow.owner == self._lease.owner
        )
        return await self._change(post, query, {**changes, "owner": None})

    async def remove(self, post: PostRow) -> bool:
        """Set a post's state to removed, whatever it was; False if it is already."""
        query = update(PostRow).where(PostRow.id == post.id, PostRow.state != PostState.REMOVED)
        return await self._change(post, query, {"state": PostState.REMOVED})

    async def delete_planned(self, guild_id: int, **where: Any) -> list[str]:
        """Delete a server's planned posts that are not being posted; returns the ids of their jobs.

        `where` filters them by column, such as `author_id=5`.
        """
        query = delete(PostRow).where(PostRow.guild_id == guild_id, PostRow.state == PostState.PLANNED)
        async with self._database.session() as session, session.begin():
            jobs = await session.scalars(query.filter_by(**where).returning(PostRow.job_id))
            return [job_id for job_id in jobs if job_id]

    # Queries

    async def get(self, post_id: str) -> PostRow | None:
        """One post by its id."""
        async with self._database.session() as session:
            return await session.get(PostRow, post_id)

    async def of_message(self, message_id: int) -> PostRow | None:
        """The post that a message is."""
        query = select(PostRow).where(PostRow.message_id == message_id)
        return next(iter(await self._scalars(query)), None)

    async def taken(self, after: datetime) -> set[tuple[int, str]]:
        """The (server, slot) pairs of posts due after `after`."""
        query = select(PostRow.guild_id, PostRow.slot).where(PostRow.due_at > after)
        return {(guild_id, slot) for guild_id, slot in await self._rows(query)}

    async def without_job(self) -> Sequence[PostRow]:
        """The unclaimed planned posts that have no job, or whose job failed or was cancelled."""
        query = (
            select(PostRow)
            .outerjoin(Job, Job.id == PostRow.job_id)
            .where(
                PostRow.state == PostState.PLANNED,
                self._is_free(),
                Job.id.is_(None) | Job.state.in_((State.FAILED, State.CANCELLED)),
            )
            .order_by(PostRow.due_at)
        )
        return await self._scalars(query)

    async def due(self, now: datetime, guild_id: int | None = None) -> Sequence[Due]:
        """The open posts due by `now`, of all servers or of one, the earliest first."""
        query = (
            select(PostRow, Job)
            .outerjoin(Job, Job.id == PostRow.job_id)
            .where(PostRow.state.in_(OPEN), PostRow.due_at <= now)
            .order_by(PostRow.due_at)
        )
        if guild_id is not None:
            query = query.where(PostRow.guild_id == guild_id)
        return [Due(post, job) for post, job in await self._rows(query)]

    async def next_open(self, guild_id: int) -> PostRow | None:
        """A server's open post that is due first."""
        query = select(PostRow).where(PostRow.guild_id == guild_id, PostRow.state.in_(OPEN))
        return next(iter(await self._scalars(query.order_by(PostRow.due_at).limit(1))), None)

    async def history(self, guild_id: int, limit: int) -> Sequence[PostRow]:
        """A server's closed posts, the latest first."""
        query = select(PostRow).where(PostRow.guild_id == guild_id, PostRow.state.not_in(OPEN))
        return await self._scalars(query.order_by(PostRow.due_at.desc()).limit(limit))

    async def used(self, guild_id: int, since: datetime) -> dict[str, datetime]:
        """The names and hashes of pictures used on a server since `since`, with when they were last due."""
        query = (
            select(PostRow.source, PostRow.digest, PostRow.due_at)
            .where(PostRow.guild_id == guild_id, PostRow.due_at >= since)
            .order_by(PostRow.due_at)
        )
        rows = await self._rows(query)
        return {mark: due_at for source, digest, due_at in rows for mark in (source, digest) if mark}

    # Votes

    async def votes(self, guild_id: int) -> list[tuple[str, int]]:
        """The preset and the votes of each of a server's posts that used a preset, the earliest first."""
        query = select(PostRow.preset, PostRow.votes).where(
            PostRow.guild_id == guild_id, PostRow.state == PostState.POSTED, PostRow.preset.is_not(None)
        )
        return [(preset, votes) for preset, votes in await self._rows(query.order_by(PostRow.due_at))]

    async def set_votes(self, post: PostRow, votes: int) -> None:
        """Store a post's votes."""
        await self._change(post, update(PostRow).where(PostRow.id == post.id), {"votes": votes})

    # Deletion

    async def from_members(self) -> Sequence[PostRow]:
        """The planned posts whose source is a member's picture."""
        query = select(PostRow).where(
            PostRow.state == PostState.PLANNED, PostRow.source_message_id.is_not(None)
        )
        return await self._scalars(query)

    async def forget_author(self, member_id: int) -> list[str]:
        """Delete planned posts of a member's pictures, clear the author of others; returns all their jobs."""
        return await self._disown(PostRow.author_id == member_id, source=None, digest=None)

    async def forget_messages(self, message_ids: Iterable[int], remaining: Collection[str]) -> list[str]:
        """The same for pictures of some messages, except those named in `remaining`."""
        gone = PostRow.source_message_id.in_(list(message_ids)) & PostRow.source.not_in(remaining)
        # Most messages have no posts; this avoids a write transaction for them.
        concerned = await self._scalars(select(PostRow.id).where(gone).limit(1))
        return await self._disown(gone) if concerned else []

    async def purge(self, authors_before: datetime, posts_before: datetime) -> None:
        """Delete closed posts due before `posts_before`, and authors of those before `authors_before`."""
        closed = PostRow.state.not_in(OPEN)
        authored = closed & PostRow.author_id.is_not(None) & (PostRow.due_at < authors_before)
        async with self._database.session() as session, session.begin():
            await session.execute(delete(PostRow).where(closed, PostRow.due_at < posts_before))
            await session.execute(update(PostRow).where(authored).values(**NO_AUTHOR))

    async def _disown(self, whose: Any, **emptied: None) -> list[str]:
        async with self._database.session() as session, session.begin():
            jobs = (await session.scalars(select(PostRow.job_id).where(whose))).all()
            await session.execute(delete(PostRow).where(whose, PostRow.state == PostState.PLANNED))
            await session.execute(update(PostRow).where(whose).values(**NO_AUTHOR, **emptied))
        return [job_id for job_id in jobs if job_id]

    def _is_free(self) -> Any:
        """SQL: no other live process owns the post. `_claims` has those that tasks of this process own."""
        return or_(self._lease.is_free(PostRow.owner), PostRow.owner == self._lease.owner)

    async def _rows(self, query: Any) -> Sequence[Any]:
        async with self._database.session() as session:
            return (await session.execute(query)).all()

    async def _scalars(self, query: Any) -> Sequence[Any]:
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def _change(self, post: PostRow, query: Any, values: dict[str, Any]) -> bool:
        async with self._database.session() as session, session.begin():
            changed = await session.scalar(query.values(**values).returning(PostRow.id))
        if changed is not None:
            for name, value in values.items():
                setattr(post, name, value)
            if values.get("state", OPEN[0]) not in OPEN:
                self._counter.labels(post.state).inc()
                where = {"post": post.id, "job": post.job_id, "server": post.guild_id}
                log.info("daily post %s", post.state, extra=where | {"reason": str(post.reason)})
        return changed is not None
