"""The repository of starred dreams."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.store.database import Database, shielded
from bot.store.hall import IS_UNSETTLED, WITHDRAWN, StarredRow
from bot.store.jobs import Job
from bot.store.lease import Lease


@shielded
class StarredRepository:
    """Reads and writes starred dreams, for one bot process; each method is one short transaction."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database, self._lease = database, lease

    # What may change where a dream stands

    async def add(self, job: Job) -> bool:
        """Make the row of a finished dream; False if it has one."""
        assert job.guild_id and job.channel_id and job.status_message_id
        row = StarredRow(
            job_id=job.id,
            guild_id=job.guild_id,
            channel_id=job.channel_id,
            message_id=job.status_message_id,
            member_id=job.member_id,
            author_id=job.author_id,
            preset=job.preset,
            recipe=job.recipe,
            spoiler=job.spoiler,
            dreamt_at=job.finished_at or job.created_at,
        )
        try:
            async with self._database.session() as session, session.begin():
                session.add(row)
        except IntegrityError:
            return False
        return True

    async def touch(self, *conditions: ColumnElement[bool]) -> bool:
        """Have the rows that meet the conditions acted on; False if there are none."""
        return await self._raise_generation(*conditions)

    async def withdraw(self, *conditions: ColumnElement[bool], **values: Any) -> bool:
        """Take dreams out of the hall for good; `values` are further changes."""
        return await self._raise_generation(
            StarredRow.withdrawn.is_(False), *conditions, withdrawn=True, **values
        )

    async def forget_member(self, member_id: int) -> None:
        """Take a member's dreams, and those of their pictures, out for good, and keep nothing of them."""
        theirs = or_(StarredRow.member_id == member_id, StarredRow.author_id == member_id)
        await self._raise_generation(theirs, **WITHDRAWN)

    async def _raise_generation(self, *conditions: ColumnElement[bool], **values: Any) -> bool:
        # Most messages have no row; this avoids a write transaction for them.
        async with self._database.session() as session:
            if await session.scalar(select(StarredRow.job_id).where(*conditions).limit(1)) is None:
                return False
        query = update(StarredRow).where(*conditions)
        async with self._database.session() as session, session.begin():
            changed = query.values({"generation": StarredRow.generation + 1} | values)
            return bool((await session.scalars(changed.returning(StarredRow.job_id))).all())

    # Acting on it

    async def unsettled(self) -> Sequence[StarredRow]:
        """The rows to be acted on, of all processes."""
        async with self._database.session() as session:
            return (await session.scalars(select(StarredRow).where(IS_UNSETTLED))).all()

    async def claim(self, job_id: str) -> StarredRow | None:
        """Own a row that is to be acted on, and return it as it stands; None if it cannot be."""
        is_free = or_(self._lease.is_free(StarredRow.owner), StarredRow.owner == self._lease.owner)
        query = (
            update(StarredRow)
            .where(StarredRow.job_id == job_id, IS_UNSETTLED, is_free)
            .values(owner=self._lease.owner)
            .returning(StarredRow)
        )
        async with self._database.session() as session, session.begin():
            return await session.scalar(query, execution_options={"populate_existing": True})

    async def record(self, row: StarredRow, **values: Any) -> None:
        """Store what was done for a claimed row, and change `row` accordingly."""
        mine = StarredRow.job_id == row.job_id, StarredRow.owner == self._lease.owner
        async with self._database.session() as session, session.begin():
            await session.execute(update(StarredRow).where(*mine).values(**values))
        for name, value in values.items():
            setattr(row, name, value)

    async def settled(self, row: StarredRow) -> None:
        """Everything was done for a claimed row as it was when it was claimed.

        The row of a withdrawn dream goes with it, unless the dream is kept, whose stars then count no more.
        """
        mine = StarredRow.job_id == row.job_id, StarredRow.generation == row.generation
        async with self._database.session() as session, session.begin():
            await session.execute(update(StarredRow).where(*mine).values(observed=row.generation, owner=None))
            if row.withdrawn:
                await session.execute(delete(StarredRow).where(*mine, ~_IS_KEPT))

    # Queries

    async def get(self, job_id: str) -> StarredRow | None:
        """One row."""
        async with self._database.session() as session:
            return await session.get(StarredRow, job_id)

    async def of_post(self, message_id: int) -> StarredRow | None:
        """The dream that a message in the hall of fame shows."""
        query = select(StarredRow).where(StarredRow.post_message_id == message_id)
        async with self._database.session() as session:
            return await session.scalar(query)

    async def counts(self, message_ids: Collection[int]) -> dict[int, int]:
        """The stars that are known of some messages."""
        query = select(StarredRow.message_id, StarredRow.stars).where(StarredRow.message_id.in_(message_ids))
        async with self._database.session() as session:
            return {row.message_id: row.stars for row in await session.execute(query)}

    async def best(self, guild_id: int, since: datetime, until: datetime) -> Sequence[StarredRow]:
        """A server's starred dreams of an interval that were in no post of the best, the best first."""
        query = select(StarredRow).where(
            StarredRow.guild_id == guild_id,
            StarredRow.dreamt_at > since,
            StarredRow.dreamt_at <= until,
            StarredRow.stars > 0,
            StarredRow.withdrawn.is_(False),
            StarredRow.best_id.is_(None),
        )
        async with self._database.session() as session:
            return (
                await session.scalars(query.order_by(StarredRow.stars.desc(), StarredRow.dreamt_at))
            ).all()

    async def of_best(self, best_id: str) -> Sequence[StarredRow]:
        """The dreams that a post of the best shows, the best first."""
        query = select(StarredRow).where(StarredRow.best_id == best_id, StarredRow.withdrawn.is_(False))
        async with self._database.session() as session:
            return (
                await session.scalars(query.order_by(StarredRow.stars.desc(), StarredRow.dreamt_at))
            ).all()

    async def recent_channels(self, guild_id: int, since: datetime) -> Sequence[int]:
        """The channels of a server where dreams ended since a moment."""
        query = (
            select(Job.channel_id)
            .where(Job.guild_id == guild_id, Job.finished_at > since, Job.status_message_id.is_not(None))
            .distinct()
        )
        async with self._database.session() as session:
            return [channel_id for channel_id in await session.scalars(query) if channel_id]

    async def purge(self) -> None:
        """Delete the rows of dreams that are not kept any more and stand in no post."""
        alone = StarredRow.post_message_id.is_(None) & StarredRow.best_id.is_(None)
        async with self._database.session() as session, session.begin():
            await session.execute(delete(StarredRow).where(alone, ~IS_UNSETTLED, ~_IS_KEPT))


_IS_KEPT = exists().where(Job.id == StarredRow.job_id, Job.erased.is_(False))
