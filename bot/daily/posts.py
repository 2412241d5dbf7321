"""The life of a post: planned, being posted, and how it ended. Every change of state is a compare-and-set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.store.daily import OPEN, PostRow, PostState
from bot.store.database import Database, shielded
from bot.store.jobs import Job, State
from bot.store.lease import Lease

NO_AUTHOR: Final = {"author_id": None, "source_channel_id": None, "source_message_id": None}
"""The columns that tell whose picture a post was made of, emptied."""


class Due(NamedTuple):
    """A post whose time has come, and the job that dreams it, if there is one."""

    post: PostRow
    job: Job | None

    @property
    def ready(self) -> bool:
        """Whether it can be posted."""
        return self.job is not None and self.job.state is State.DONE


@shielded
class PostRepository:
    """The posts in the database, seen by one bot process.

    Work on an open post is done inside `claim`: by one process, and within it by one task. A post whose owner
    is dead can be claimed by any process.
    """

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database, self._lease = database, lease
        self._claimed: set[str] = set()

    # Changes of state

    async def plan(self, guild_id: int, slot: str, due_at: datetime, **values: Any) -> PostRow | None:
        """Plan the post of a slot; None if that was done before, here or by another process."""
        row = PostRow(guild_id=guild_id, slot=slot, due_at=due_at, **values)
        try:
            async with self._database.session() as session, session.begin():
                session.add(row)
        except IntegrityError:
            return None
        return row

    @asynccontextmanager
    async def claim(self, post: PostRow, state: PostState | None = None) -> AsyncIterator[bool]:
        """While the block runs, the post is this task's own, in `state`; False if it cannot be had.

        `post` must be as it was read: a row that has changed since is not claimed. Unless the block has
        released it, it is released as it is.
        """
        if post.id in self._claimed:
            yield False
            return
        self._claimed.add(post.id)
        try:
            yield await self.acquire(post, state or PostState(post.state))
        finally:
            try:
                if post.owner == self._lease.owner:
                    await self.release(post)
            finally:
                self._claimed.discard(post.id)

    async def acquire(self, post: PostRow, state: PostState) -> bool:
        """Make an open post this process's; for use by `claim`."""
        query = update(PostRow).where(
            PostRow.id == post.id,
            PostRow.state == post.state,
            PostRow.job_id.is_not_distinct_from(post.job_id),
            self._is_free(),
        )
        return await self._change(post, query, {"owner": self._lease.owner, "state": state})

    async def release(self, post: PostRow, **changes: Any) -> bool:
        """Write what came of a claimed post; False if it was withdrawn or taken over meanwhile."""
        query = update(PostRow).where(
            PostRow.id == post.id, PostRow.state == post.state, PostRow.owner == self._lease.owner
        )
        return await self._change(post, query, {**changes, "owner": None})

    async def remove(self, post: PostRow) -> None:
        """Say that a moderator removed a post, whatever its state was."""
        await self._change(post, update(PostRow).where(PostRow.id == post.id), {"state": PostState.REMOVED})

    async def delete_planned(self, guild_id: int, **where: Any) -> list[str]:
        """Delete a server's posts that are planned but not being posted; returns their jobs.

        `where` narrows them down by column, such as `author_id=5`.
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

    async def taken(self, after: datetime) -> set[tuple[int, str]]:
        """The (server, slot) pairs due after a moment that are planned already."""
        query = select(PostRow.guild_id, PostRow.slot).where(PostRow.due_at > after)
        return {(guild_id, slot) for guild_id, slot in await self._rows(query)}

    async def without_job(self) -> Sequence[PostRow]:
        """The planned posts that nobody works on and whose job is none, or has failed or been cancelled."""
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
        """The open posts, of all servers or of one, whose time has come, the earliest first."""
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
        """The names and hashes of pictures dreamt for a server since a moment, and when they last were."""
        query = (
            select(PostRow.source, PostRow.digest, PostRow.due_at)
            .where(PostRow.guild_id == guild_id, PostRow.due_at >= since)
            .order_by(PostRow.due_at)
        )
        rows = await self._rows(query)
        return {mark: due_at for source, digest, due_at in rows for mark in (source, digest) if mark}

    # Votes

    async def votes(self, guild_id: int) -> list[tuple[str, int]]:
        """The preset and the votes of each post of a server that was made with a preset, in order."""
        query = select(PostRow.preset, PostRow.votes).where(
            PostRow.guild_id == guild_id, PostRow.state == PostState.POSTED, PostRow.preset.is_not(None)
        )
        return [(preset, votes) for preset, votes in await self._rows(query.order_by(PostRow.due_at))]

    async def set_votes(self, post: PostRow, votes: int) -> None:
        """Keep how a post is liked."""
        await self._change(post, update(PostRow).where(PostRow.id == post.id), {"votes": votes})

    # Whose pictures they are

    async def from_members(self) -> Sequence[PostRow]:
        """The planned posts that are made of members' pictures."""
        query = select(PostRow).where(
            PostRow.state == PostState.PLANNED, PostRow.source_message_id.is_not(None)
        )
        return await self._scalars(query)

    async def forget_author(self, member_id: int) -> list[str]:
        """Delete planned posts of a member's pictures, and what others say of them; returns their jobs."""
        return await self._disown(PostRow.author_id == member_id, source=None, digest=None)

    async def forget_messages(self, message_ids: Iterable[int], left: Collection[str]) -> list[str]:
        """The same for pictures of some messages, but for the pictures `left` in them, by name."""
        gone = PostRow.source_message_id.in_(list(message_ids)) & PostRow.source.not_in(left)
        # Most messages are of no concern: they cost no transaction that writes.
        concerned = await self._scalars(select(PostRow.id).where(gone).limit(1))
        return await self._disown(gone) if concerned else []

    async def forget_guild(self, guild_id: int) -> None:
        """Delete a server's posts."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(PostRow).where(PostRow.guild_id == guild_id))

    async def purge(self, authors_before: datetime, posts_before: datetime) -> None:
        """Delete closed posts due before a moment, and of later ones whose pictures they were made of."""
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
        """That no other living process owns a post; memory says which of this process's are claimed."""
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
        return changed is not None
