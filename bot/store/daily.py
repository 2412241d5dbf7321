"""The daily dream's tables: each server's wishes, and one row for every slot that was taken on."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import JSON, CursorResult, Index, String, Text, UniqueConstraint, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from bot.daily.slots import Schedule, parse_days, parse_times
from bot.store.database import Base, Database, uninterrupted
from bot.store.jobs import Job, State
from bot.store.settings import AuditRow

LEASE: Final = timedelta(minutes=5)
"""How long a process may work on a post before another takes it for dead."""
PAUSE_AFTER: Final = 3
"""Failures in a row, of the server's making, after which its daily dream pauses."""


class PostState(StrEnum):
    """Where a post stands; `planned` and `posting` are open, the others final."""

    PLANNED = "planned"
    POSTING = "posting"
    POSTED = "posted"
    MISSED = "missed"
    FAILED = "failed"
    REMOVED = "removed"


OPEN: Final = (PostState.PLANNED, PostState.POSTING)
NOBODY: Final = {"author_id": None, "source_channel_id": None, "source_message_id": None}


class DailyRow(Base):
    """What one server wants of its daily dream."""

    __tablename__ = "daily"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    enabled: Mapped[bool] = mapped_column(default=False)
    channel_id: Mapped[int | None]
    times: Mapped[str] = mapped_column(Text, default="09:00")
    zone: Mapped[str] = mapped_column(Text, default="UTC")
    days: Mapped[str] = mapped_column(Text, default="daily")
    since: Mapped[datetime]
    """When channel or times were last set; slots before that are not made up for."""
    recipe: Mapped[str | None] = mapped_column(Text)
    """A recipe or a preset's name; None walks at random over the presets."""
    thread: Mapped[bool] = mapped_column(default=False)
    kinds: Mapped[list[str]] = mapped_column(JSON, default=list)
    """The kinds of source that are mixed, such as "samples"."""
    channels: Mapped[list[int]] = mapped_column(JSON, default=list)
    """The channels whose members' pictures may be dreamt."""
    recent_days: Mapped[int] = mapped_column(default=14)
    admin_id: Mapped[int | None]
    """Who set it up, and is told when it fails and no channel can be written to."""
    failures: Mapped[int] = mapped_column(default=0)
    """Posts in a row that failed for want of a channel or a permission."""
    reason: Mapped[str | None] = mapped_column(Text)

    @property
    def told(self) -> dict[str, Any]:
        """What admins decide, by the names under which it is shown and logged."""
        return {
            "switch": "on" if self.enabled else "off",
            "channel": f"<#{self.channel_id}>" if self.channel_id else None,
            "times": str(self.schedule),
            "recipe": self.recipe or "walk",
            "thread": "on" if self.thread else "off",
            "sources": [*self.kinds, *(f"<#{id}>" for id in self.channels)],
            "days of pictures": self.recent_days,
        }

    @property
    def schedule(self) -> Schedule:
        """The times as slots."""
        return _schedule(self.times, self.zone, self.days)

    @property
    def paused(self) -> bool:
        """Whether it failed too often to go on by itself."""
        return self.failures >= PAUSE_AFTER


class PostRow(Base):
    """One slot of one server, taken on before anything is done for it; unique, so that it happens once."""

    __tablename__ = "daily_posts"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=lambda: secrets.token_hex(8))
    guild_id: Mapped[int]
    slot: Mapped[str] = mapped_column(String(40))
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8), default=PostState.PLANNED)
    claimed_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str | None] = mapped_column(String(25))
    recipe: Mapped[str | None] = mapped_column(Text)
    preset: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(String(8))
    source: Mapped[str | None] = mapped_column(Text)
    """What the picture is known by, such as "samples/coffee.jpg"."""
    digest: Mapped[str | None] = mapped_column(String(32))
    """A hash of the picture's bytes, which knows it again under another name."""
    author_id: Mapped[int | None]
    source_channel_id: Mapped[int | None]
    source_message_id: Mapped[int | None] = mapped_column(index=True)
    channel_id: Mapped[int | None]
    message_id: Mapped[int | None] = mapped_column(index=True)
    posted_at: Mapped[datetime | None]
    votes: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("guild_id", "slot", name="daily_posts_once"),
        Index("daily_posts_by_due", "state", "due_at"),
    )


class RemovedRow(Base):
    """A picture that a moderator took away: by its name and by its hash, never used again."""

    __tablename__ = "daily_removed"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mark: Mapped[str] = mapped_column(Text, primary_key=True)


class ForgottenRow(Base):
    """A member, by a keyed hash, whose pictures are never to be dreamt."""

    __tablename__ = "daily_forgotten"

    member_hash: Mapped[str] = mapped_column(String(40), primary_key=True)


class Wish(NamedTuple):
    """What planning needs to know of a server."""

    guild_id: int
    channel_id: int | None
    since: datetime


class Due(NamedTuple):
    """A post whose time has come, what its server wants, and the dream for it, if there is one yet."""

    post: PostRow
    wishes: DailyRow
    job: Job | None

    @property
    def ready(self) -> bool:
        """Whether it can be posted."""
        return self.job is not None and self.job.state is State.DONE


def _schedule(times: str, zone: str, days: str) -> Schedule:
    return Schedule(parse_times(times), zone, parse_days(days))


@uninterrupted
class DailyStore:
    """Reads and writes the daily dream's tables; every method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wishes(self, guild_id: int) -> DailyRow | None:
        """What a server wants, if it ever said so."""
        async with self._database.session() as session:
            return await session.get(DailyRow, guild_id)

    async def wish(self, row: DailyRow, entries: Iterable[AuditRow] = ()) -> None:
        """Keep what a server wants, and who decided it."""
        async with self._database.session() as session, session.begin():
            await session.merge(row)
            session.add_all(entries)

    async def enabled(self) -> dict[Schedule, list[Wish]]:
        """The servers whose daily dream is on and not paused, by their schedules."""
        query = select(
            DailyRow.guild_id,
            DailyRow.channel_id,
            DailyRow.since,
            DailyRow.times,
            DailyRow.zone,
            DailyRow.days,
        ).where(DailyRow.enabled, DailyRow.failures < PAUSE_AFTER)
        alike: dict[tuple[str, str, str], list[Wish]] = defaultdict(list)
        async with self._database.session() as session:
            for guild_id, channel_id, since, times, zone, days in await session.execute(query):
                alike[times, zone, days].append(Wish(guild_id, channel_id, since))
        return {_schedule(*key): wishes for key, wishes in alike.items()}

    async def taken(self, after: datetime) -> set[tuple[int, str]]:
        """The (server, slot) pairs due after a moment that are taken on already."""
        query = select(PostRow.guild_id, PostRow.slot).where(PostRow.due_at > after)
        async with self._database.session() as session:
            return {(guild_id, slot) for guild_id, slot in await session.execute(query)}

    async def take(self, guild_id: int, slot: str, due_at: datetime, **values: Any) -> PostRow | None:
        """Take a slot on; None if that was done before, here or by another process."""
        row = PostRow(guild_id=guild_id, slot=slot, due_at=due_at, **values)
        try:
            async with self._database.session() as session, session.begin():
                session.add(row)
        except IntegrityError:
            return None
        return row

    async def undreamt(self, now: datetime) -> Sequence[PostRow]:
        """The planned posts that nobody works on and that have no dream, or one that came to nothing."""
        query = (
            select(PostRow)
            .outerjoin(Job, Job.id == PostRow.job_id)
            .where(
                PostRow.state == PostState.PLANNED,
                PostRow.claimed_at.is_(None) | (PostRow.claimed_at <= now - LEASE),
                Job.id.is_(None) | Job.state.in_((State.FAILED, State.CANCELLED)),
            )
            .order_by(PostRow.due_at)
        )
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def due(self, now: datetime, guild_id: int | None = None) -> Sequence[Due]:
        """The open posts, of all servers or of one, whose time has come, the earliest first."""
        query = (
            select(PostRow, DailyRow, Job)
            .join(DailyRow, DailyRow.guild_id == PostRow.guild_id)
            .outerjoin(Job, Job.id == PostRow.job_id)
            .where(PostRow.state.in_(OPEN), PostRow.due_at <= now)
            .order_by(PostRow.due_at)
        )
        if guild_id is not None:
            query = query.where(PostRow.guild_id == guild_id)
        async with self._database.session() as session:
            return [Due(post, wishes, job) for post, wishes, job in await session.execute(query)]

    async def claim(self, post: PostRow, now: datetime, state: PostState | None = None) -> bool:
        """Make an open post this caller's own for the length of a lease, if nobody else holds it.

        `post` must be as it was read: a row that has changed since is not claimed.
        """
        values: dict[str, Any] = {"claimed_at": now} | ({"state": state} if state else {})
        query = (
            update(PostRow)
            .where(
                PostRow.id == post.id,
                PostRow.state == post.state,
                PostRow.job_id.is_not_distinct_from(post.job_id),
                PostRow.claimed_at.is_(None) | (PostRow.claimed_at <= now - LEASE),
            )
            .values(**values)
        )
        async with self._database.session() as session, session.begin():
            result = await session.execute(query)
        assert isinstance(result, CursorResult)
        if claimed := result.rowcount == 1:
            for name, value in values.items():
                setattr(post, name, value)
        return claimed

    async def settle(self, post: PostRow, **changes: Any) -> None:
        """Write what came of a claimed post, and let go of it."""
        changes |= {"claimed_at": None}
        async with self._database.session() as session, session.begin():
            await session.execute(update(PostRow).where(PostRow.id == post.id).values(**changes))
        for name, value in changes.items():
            setattr(post, name, value)

    async def failed(self, guild_id: int, reason: str) -> int:
        """Count a failure of the server's making; returns how many there were in a row."""
        async with self._database.session() as session, session.begin():
            row = await session.get(DailyRow, guild_id, with_for_update=True)
            if row is None:
                return 0
            row.failures += 1
            row.reason = reason
            return row.failures

    async def succeeded(self, guild_id: int) -> None:
        """Forget earlier failures."""
        query = update(DailyRow).where(DailyRow.guild_id == guild_id, DailyRow.failures > 0)
        async with self._database.session() as session, session.begin():
            await session.execute(query.values(failures=0, reason=None))

    async def withdraw(self, guild_id: int, **where: Any) -> list[str]:
        """Drop a server's posts that are planned but not being posted; returns their jobs.

        `where` narrows them down by column, such as `author_id=5`.
        """
        query = (
            delete(PostRow)
            .where(PostRow.guild_id == guild_id, PostRow.state == PostState.PLANNED)
            .filter_by(**where)
            .returning(PostRow.job_id)
        )
        async with self._database.session() as session, session.begin():
            return [job_id for job_id in await session.scalars(query) if job_id]

    async def post(self, post_id: str) -> PostRow | None:
        """One post by its id."""
        async with self._database.session() as session:
            return await session.get(PostRow, post_id)

    async def next_post(self, guild_id: int) -> PostRow | None:
        """A server's open post that is due first."""
        query = select(PostRow).where(PostRow.guild_id == guild_id, PostRow.state.in_(OPEN))
        async with self._database.session() as session:
            return await session.scalar(query.order_by(PostRow.due_at).limit(1))

    async def history(self, guild_id: int, limit: int) -> Sequence[PostRow]:
        """A server's closed posts, the latest first."""
        query = select(PostRow).where(PostRow.guild_id == guild_id, PostRow.state.not_in(OPEN))
        async with self._database.session() as session:
            return (await session.scalars(query.order_by(PostRow.due_at.desc()).limit(limit))).all()

    async def used(self, guild_id: int, since: datetime) -> dict[str, datetime]:
        """The names and hashes of pictures dreamt for a server since a moment, and when they last were."""
        query = (
            select(PostRow.source, PostRow.digest, PostRow.due_at)
            .where(PostRow.guild_id == guild_id, PostRow.due_at >= since)
            .order_by(PostRow.due_at)
        )
        async with self._database.session() as session:
            rows = (await session.execute(query)).all()
        return {mark: due_at for source, digest, due_at in rows for mark in (source, digest) if mark}

    async def votes(self, guild_id: int) -> list[tuple[str, int]]:
        """The preset and the votes of each post of a server that was made with a preset, in order."""
        query = (
            select(PostRow.preset, PostRow.votes)
            .where(
                PostRow.guild_id == guild_id, PostRow.state == PostState.POSTED, PostRow.preset.is_not(None)
            )
            .order_by(PostRow.due_at)
        )
        async with self._database.session() as session:
            return [(preset, votes) for preset, votes in await session.execute(query) if preset]

    async def removed(self, guild_id: int) -> set[str]:
        """The names and hashes of pictures that moderators took away."""
        async with self._database.session() as session:
            return set(await session.scalars(select(RemovedRow.mark).where(RemovedRow.guild_id == guild_id)))

    async def remove(self, post: PostRow) -> None:
        """Close a post as removed, and keep its picture from ever being used again on its server."""
        marks = {mark for mark in (post.source, post.digest) if mark}
        async with self._database.session() as session, session.begin():
            for mark in marks:
                await session.merge(RemovedRow(guild_id=post.guild_id, mark=mark))
            await session.execute(
                update(PostRow).where(PostRow.id == post.id).values(state=PostState.REMOVED, claimed_at=None)
            )

    async def forgotten(self, hashes: Collection[str]) -> set[str]:
        """Which of these members, by their keyed hashes, are not to be dreamt of."""
        query = select(ForgottenRow.member_hash).where(ForgottenRow.member_hash.in_(hashes))
        async with self._database.session() as session:
            return set(await session.scalars(query))

    async def forget(self, member_hash: str, member_id: int) -> list[str]:
        """Never use a member's pictures again; returns the jobs that hold some.

        Posts that are planned of them are dropped, earlier ones lose their note of the member.
        """
        async with self._database.session() as session, session.begin():
            await session.merge(ForgottenRow(member_hash=member_hash))
            theirs = PostRow.author_id == member_id
            holding = select(PostRow.job_id).where(theirs, PostRow.job_id.is_not(None))
            jobs = [job_id for job_id in await session.scalars(holding) if job_id]
            await session.execute(delete(PostRow).where(theirs, PostRow.state == PostState.PLANNED))
            await session.execute(update(PostRow).where(theirs).values(**NOBODY, source=None, digest=None))
            await session.execute(
                update(DailyRow).where(DailyRow.admin_id == member_id).values(admin_id=None)
            )
        return jobs

    async def remember(self, member_hash: str) -> bool:
        """Take back `forget`; False if there was nothing to take back."""
        query = (
            delete(ForgottenRow)
            .where(ForgottenRow.member_hash == member_hash)
            .returning(ForgottenRow.member_hash)
        )
        async with self._database.session() as session, session.begin():
            return (await session.scalars(query)).first() is not None

    async def of_members(self) -> Sequence[PostRow]:
        """The planned posts that are made of members' pictures."""
        query = select(PostRow).where(
            PostRow.state == PostState.PLANNED, PostRow.source_message_id.is_not(None)
        )
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def source_deleted(self, message_ids: Iterable[int], left: Collection[str]) -> list[str]:
        """Let go of pictures whose message is gone or holds only those `left`; returns the jobs with them.

        Planned posts are dropped, earlier ones lose their note of the message.
        """
        gone = PostRow.source_message_id.in_(list(message_ids)) & PostRow.source.not_in(left)
        async with self._database.session() as session:
            if not (jobs := (await session.scalars(select(PostRow.job_id).where(gone))).all()):
                return []
        async with self._database.session() as session, session.begin():
            await session.execute(delete(PostRow).where(gone, PostRow.state == PostState.PLANNED))
            await session.execute(update(PostRow).where(gone).values(**NOBODY))
        return [job_id for job_id in jobs if job_id]

    async def forget_guild(self, guild_id: int) -> None:
        """Delete everything of a server."""
        async with self._database.session() as session, session.begin():
            for table in (DailyRow, PostRow, RemovedRow):
                await session.execute(delete(table).where(table.guild_id == guild_id))

    async def purge(self, authors_before: datetime, posts_before: datetime) -> None:
        """Delete closed posts due before a moment, and of later ones whose pictures they were made of."""
        closed = PostRow.state.not_in(OPEN)
        async with self._database.session() as session, session.begin():
            await session.execute(delete(PostRow).where(closed, PostRow.due_at < posts_before))
            await session.execute(
                update(PostRow)
                .where(closed, PostRow.due_at < authors_before, PostRow.author_id.is_not(None))
                .values(**NOBODY)
            )
