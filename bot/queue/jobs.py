"""Asking for a dream, and the rows that remember it: each change of a job is one transaction here."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from bot.clock import Clock
from bot.store.database import DURABLE, Database, uninterrupted
from bot.store.jobs import UNFINISHED, Job, Kind, Picture, Process, State
from dream.render import Rendered

LEASE: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A dream that somebody asks for.

    `recipe` is a recipe's canonical text. `source` is the picture's file, None for a dream from nothing, and
    `author_id` posted it; `guide` is a second picture that says what to look for. `max_bytes` is the largest
    file that may be posted where the dream goes. `member_seconds` and `server_seconds` are the server's own
    limits, where it has any.
    """

    recipe: str
    source: bytes | None
    guide: bytes | None = None
    kind: Kind | str = Kind.DREAM
    guild_id: int | None = None
    channel_id: int | None = None
    member_id: int | None = None
    author_id: int | None = None
    request_message_id: int | None = None
    interaction_token: str | None = None
    parent: str | None = None
    due_at: datetime | None = None
    previews: bool = True
    spoiler: bool = False
    max_bytes: int = 10_000_000
    member_seconds: float | None = None
    server_seconds: float | None = None


@uninterrupted
class Ledger:
    """The jobs in the database, seen by one bot process.

    A job belongs to the process that took it in, its `owner`, for as long as that process lives; every change
    is made only where the job still is what this process believes it to be.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.owner = secrets.token_hex(8)

    async def add(self, ask: Ask, size: tuple[int, int] | None, cost: float) -> tuple[Job, bool]:
        """Commit a new job and its pictures. A message asks once: its first job comes back, and False."""
        now = self.clock.now()
        job = Job(
            id=f"{int(now.timestamp() * 1000):011x}{secrets.token_hex(5)}",
            kind=Kind(ask.kind),
            state=State.QUEUED,
            guild_id=ask.guild_id,
            channel_id=ask.channel_id,
            member_id=ask.member_id,
            author_id=ask.author_id,
            request_message_id=ask.request_message_id,
            interaction_token=ask.interaction_token,
            parent=ask.parent,
            recipe=ask.recipe,
            has_source=ask.source is not None,
            width=size and size[0],
            height=size and size[1],
            cost=cost,
            previews=ask.previews,
            spoiler=ask.spoiler,
            max_bytes=ask.max_bytes,
            created_at=now,
            due_at=ask.due_at,
            owner=self.owner,
        )
        pictures = {"source": ask.source, "guide": ask.guide}
        try:
            async with self.database.session() as session, session.begin():
                await session.connection(execution_options=DURABLE)
                session.add(job)
                await session.flush()
                for role, data in pictures.items():
                    if data is not None:
                        session.add(Picture(job_id=job.id, role=role, size=len(data), data=data))
        except IntegrityError:
            earlier = await self.of_message(ask.request_message_id) if ask.request_message_id else None
            if earlier is None:
                raise
            return earlier, False
        return job, True

    async def get(self, id: str) -> Job | None:
        """A job as it stands."""
        async with self.database.session() as session, session.begin():
            return await session.get(Job, id)

    async def of_message(self, message_id: int) -> Job | None:
        """The job that was asked for in this message, or whose status it shows."""
        async with self.database.session() as session, session.begin():
            wanted = or_(Job.request_message_id == message_id, Job.status_message_id == message_id)
            return await session.scalar(select(Job).where(wanted).limit(1))

    async def unfinished(self, *wanted: ColumnElement[bool]) -> Sequence[Job]:
        """Unfinished jobs, oldest first."""
        async with self.database.session() as session, session.begin():
            query = select(Job).where(Job.state.in_(UNFINISHED), *wanted).order_by(Job.created_at, Job.id)
            return (await session.scalars(query)).all()

    async def picture(self, id: str, role: str) -> bytes | None:
        """One picture's bytes, or None if there never was one or it is not kept any more."""
        async with self.database.session() as session, session.begin():
            return (await self._pictures(session, id, role)).get(role)

    async def start(self, id: str) -> tuple[Job, dict[str, bytes]] | None:
        """queued → dreaming, with the pictures to dream from; None if it is not ours to dream any more."""
        async with self.database.session() as session, session.begin():
            now = self.clock.now()
            job = await self._change(session, id, State.QUEUED, state=State.DREAMING, started_at=now)
            return None if job is None else (job, await self._pictures(session, id, "source", "guide"))

    async def hand_back(self, id: str) -> Job | None:
        """dreaming → queued: whoever owns it next dreams it from the start."""
        async with self.database.session() as session, session.begin():
            return await self._change(session, id, State.DREAMING, state=State.QUEUED, started_at=None)

    async def rendered(self, id: str, rendered: Rendered) -> Job | None:
        """dreaming → delivering, or done where nothing is to be delivered, with the result's bytes."""
        async with self.database.session() as session, session.begin():
            job = await session.get(Job, id)
            if job is None or job.state is not State.DREAMING or job.owner != self.owner:
                return None
            job.state = State.DELIVERING
            job.filename = rendered.filename
            job.report = asdict(rendered.report)
            if not job.has_message:
                job.state, job.finished_at = State.DONE, self.clock.now()
            size = len(rendered.data)
            session.add(Picture(job_id=id, role="result", size=size, data=rendered.data))
            return job

    async def told(self, id: str, message_id: int, interaction_token: str | None) -> None:
        """Remember which message shows this job's status, and the interaction if it is that one's answer."""
        told = {"status_message_id": message_id, "interaction_token": interaction_token}
        async with self.database.session() as session, session.begin():
            await session.execute(update(Job).where(Job.id == id).values(told))

    async def finish(
        self, id: str, state: State, reason: str | None = None, *, before: Collection[State] = UNFINISHED
    ) -> Job | None:
        """End an unfinished job; None if it had ended already, or is not in one of the states `before`."""
        async with self.database.session() as session, session.begin():
            job = await session.get(Job, id, with_for_update=True)
            if job is None or job.state not in before:
                return None
            job.state, job.reason, job.finished_at = state, reason, self.clock.now()
            return job

    async def erase(self, id: str) -> None:
        """Delete a job with its pictures."""
        async with self.database.session() as session, session.begin():
            await session.execute(delete(Job).where(Job.id == id))

    async def adopt(self) -> Sequence[Job]:
        """Take over the unfinished jobs of processes that are gone, and say that this one lives.

        Those that were being dreamt wait again; that they were, their `started_at` still tells.
        On SQLite, which one process uses at a time, everything unfinished is this process's.
        """
        async with self.database.session() as session, session.begin():
            orphaned: ColumnElement[bool] = Job.owner != self.owner
            if not self.database.is_sqlite:
                now = (
                    await session.scalars(select(func.clock_timestamp()))
                ).one()  # not this machine's clock
                await session.execute(delete(Process).where(Process.alive_until < now))
                lease = {"id": self.owner, "alive_until": now + LEASE}
                renewed = await session.execute(
                    update(Process).where(Process.id == self.owner).values(lease).returning(Process.id)
                )
                if renewed.first() is None:
                    await session.execute(insert(Process).values(lease))
                orphaned = Job.owner.not_in(select(Process.id))
            query = select(Job.id).where(Job.state.in_(UNFINISHED), or_(Job.owner.is_(None), orphaned))
            ids = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            if not ids:
                return ()
            await session.execute(
                update(Job).where(Job.id.in_(ids), Job.state == State.DREAMING).values(state=State.QUEUED)
            )
            await session.execute(update(Job).where(Job.id.in_(ids)).values(owner=self.owner))
            taken = select(Job).where(Job.id.in_(ids)).order_by(Job.created_at, Job.id)
            return (await session.scalars(taken.execution_options(populate_existing=True))).all()

    async def leave(self) -> None:
        """Say that this process is gone, so that others need not wait to take over its jobs."""
        async with self.database.session() as session, session.begin():
            await session.execute(delete(Process).where(Process.id == self.owner))

    async def ended_elsewhere(self, ids: Collection[str]) -> Sequence[str]:
        """Those of `ids` that another process has ended or taken over, or that were deleted."""
        if not ids:
            return ()
        async with self.database.session() as session, session.begin():
            query = select(Job.id).where(Job.id.in_(ids), Job.state.in_(UNFINISHED), Job.owner == self.owner)
            return [*{*ids}.difference((await session.scalars(query)).all())]

    async def forget(self, *whose: ColumnElement[bool]) -> Sequence[str]:
        """Delete every job that `whose` describes, with its pictures; their ids."""
        async with self.database.session() as session, session.begin():
            return (await session.scalars(delete(Job).where(*whose).returning(Job.id))).all()

    async def purge(self, older_than: datetime, server_bytes: int) -> int:
        """Delete jobs that ended and were due before `older_than`, then the oldest pictures of servers that
        keep more than `server_bytes` (0: no limit); how many jobs lost something."""
        async with self.database.session() as session, session.begin():
            kept_from = func.coalesce(case((Job.due_at > Job.finished_at, Job.due_at)), Job.finished_at)
            gone = await session.scalars(delete(Job).where(kept_from < older_than).returning(Job.id))
            count = len(gone.all())
            if server_bytes:
                kept = func.sum(Picture.size)
                full = (
                    select(Job.guild_id, kept)
                    .join(Picture, Picture.job_id == Job.id)
                    .where(Job.guild_id.is_not(None))
                    .group_by(Job.guild_id)
                    .having(kept > server_bytes)
                )
                for guild_id, size in (await session.execute(full)).all():
                    count += await self._trim(session, guild_id, int(size) - server_bytes)
            return count

    async def _trim(self, session: AsyncSession, guild_id: int | None, excess: int) -> int:
        query = (
            select(Job.id, func.sum(Picture.size))
            .join(Picture, Picture.job_id == Job.id)
            .where(Job.guild_id == guild_id, Job.finished_at.is_not(None))
            .group_by(Job.id, Job.finished_at)
            .order_by(Job.finished_at)
        )
        oldest: list[str] = []
        for id, size in await session.execute(query):
            if excess <= 0:
                break
            oldest.append(id)
            excess -= int(size)
        await session.execute(delete(Picture).where(Picture.job_id.in_(oldest)))
        return len(oldest)

    async def _pictures(self, session: AsyncSession, id: str, *roles: str) -> dict[str, bytes]:
        query = select(Picture.role, Picture.data).where(Picture.job_id == id, Picture.role.in_(roles))
        return {row.role: row.data for row in await session.execute(query)}

    async def _change(self, session: AsyncSession, id: str, before: State, **values: Any) -> Job | None:
        query = (
            update(Job)
            .where(Job.id == id, Job.state == before, Job.owner == self.owner)
            .values(values)
            .returning(Job)
        )
        return await session.scalar(query)
