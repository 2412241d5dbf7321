"""Jobs in the database: each change of one is a compare-and-set that commits here."""

import asyncio
import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, case, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from bot.clock import Clock
from bot.errors import Refused
from bot.queue.lifecycle import (
    CANCEL,
    COMPLETE,
    CONSENT,
    ERASE,
    FAIL,
    REFUSE,
    REQUEUE,
    START,
    TAKE_OVER,
    Actor,
    Transition,
)
from bot.queue.request import DreamRequest, KeptPicture, Upload
from bot.store.database import Database, shielded
from bot.store.engine import DURABLE
from bot.store.hall import WITHDRAWN, StarredRow
from bot.store.jobs import IS_UNSHOWN, UNFINISHED, Blob, Job, Kind, Picture, State
from bot.store.lease import Lease
from bot.store.upkeep import throttled
from dream.render import Rendered
from dream.texts import Text

SMALL: Final = 1_000_000
"""Bytes of a file that is hashed at once; larger ones in a thread."""
DELETED_AT_ONCE, DELETED_BYTES_AT_ONCE = 500, 8_000_000
"""Jobs or files, and bytes of files, that one transaction deletes; one file may be larger."""
TAKEN_OVER_AT_ONCE: Final = 20_000
"""Jobs that one transaction takes over; a statement of SQLite names no more than 32,766 values."""
PICTURE_GONE: Final = Text("I don't have that picture any more; please post it again and start a new dream.")
KEPT_WHEN_ERASED: Final = {
    "guild_id",
    "channel_id",
    "status_message_id",
    "interaction_token",
    "due_at",
    "started_at",
    "finished_at",
    "owner",
    "shown_state",
    "undeliverable",
}
"""Columns that may be empty and are not emptied when a job is erased: those that its message needs."""
_ERASED = {"recipe": "", "erased": True} | {
    column.name: None
    for column in Job.__table__.columns
    if column.nullable and column.name not in KEPT_WHEN_ERASED
}
_HAS_NO_MESSAGE = or_(Job.kind == Kind.DAILY, Job.channel_id.is_(None))


class MessageRef(NamedTuple):
    """Where a job's state is shown: a message of the bot's, or the answer to the interaction of a token."""

    message_id: int
    interaction_token: str | None


@shielded
class JobRepository:
    """The jobs as one process reads and changes them; each method is one short transaction.

    A method that makes a transition of `bot.queue.lifecycle` returns the job as it then is, or None where the
    transition was not to be made: the job is in another state, belongs to another process, or is gone.
    """

    def __init__(self, database: Database, lease: Lease, clock: Clock) -> None:
        self._database, self._lease, self._clock = database, lease, clock

    # Reading

    async def get(self, id: str) -> Job | None:
        """A job as it stands; None if it was never there, or was erased."""
        job = await self.for_display(id)
        return None if job is None or job.erased else job

    async def for_display(self, id: str) -> Job | None:
        """The same, but also one that was erased and whose message does not show it yet."""
        async with self._database.session() as session, session.begin():
            return await session.get(Job, id)

    async def of_message(self, message_id: int) -> Job | None:
        """The job that was asked for in this message, or whose state it shows."""
        async with self._database.session() as session, session.begin():
            wanted = or_(Job.request_message_id == message_id, Job.status_message_id == message_id)
            return await session.scalar(select(Job).where(wanted, Job.erased.is_(False)).limit(1))

    async def all_of_message(self, message_id: int) -> Sequence[Job]:
        """Every job that was asked for in this message, or whose state it shows."""
        columns = (Job.request_message_id, Job.album_message_id, Job.status_message_id)
        wanted = or_(*(column == message_id for column in columns))
        async with self._database.session() as session, session.begin():
            return (await session.scalars(select(Job).where(wanted, Job.erased.is_(False)))).all()

    async def _asked_before(self, request: DreamRequest) -> Job | None:
        """The job that the same message asked for on the same of its pictures."""
        if request.request_message_id is None:
            return None
        if not request.number:
            return await self.of_message(request.request_message_id)
        wanted = and_(Job.album_message_id == request.request_message_id, Job.album_number == request.number)
        async with self._database.session() as session, session.begin():
            return await session.scalar(select(Job).where(wanted, Job.erased.is_(False)))

    async def finished_of(self, member_id: int, guild_id: int | None, number: int) -> tuple[Job | None, int]:
        """One of a member's dreams on a server (None: in direct messages), 0 the newest, and how many."""
        mine = and_(
            Job.member_id == member_id,
            Job.guild_id == guild_id,
            Job.state == State.DONE,
            Job.kind != Kind.DAILY,
            Job.erased.is_(False),
        )
        query = select(Job).where(mine).order_by(Job.created_at.desc(), Job.id.desc())
        async with self._database.session() as session, session.begin():
            count = await session.scalar(select(func.count()).select_from(Job).where(mine)) or 0
            return await session.scalar(query.offset(number).limit(1)), count

    async def unfinished(self, *conditions: ColumnElement[bool]) -> Sequence[Job]:
        """Unfinished jobs of all processes, oldest first."""
        query = select(Job).where(Job.state.in_(UNFINISHED), *conditions).order_by(Job.created_at, Job.id)
        async with self._database.session() as session, session.begin():
            return (await session.scalars(query)).all()

    async def held(self, *conditions: ColumnElement[bool]) -> Sequence[Job]:
        """Jobs of all processes that wait for a consent, oldest first."""
        query = select(Job).where(Job.state == State.HELD, *conditions).order_by(Job.created_at, Job.id)
        async with self._database.session() as session, session.begin():
            return (await session.scalars(query)).all()

    async def consented_at(
        self, member_id: int, parent: str | None, message_id: int | None
    ) -> datetime | None:
        """When a member was allowed to dream on a picture: the one that a job grew from, or of a message."""
        same = [Job.origin_message_id == message_id] if message_id is not None else []
        if parent is not None:
            root = select(func.coalesce(Job.root, Job.id)).where(Job.id == parent).scalar_subquery()
            same.append(Job.root == func.coalesce(root, parent))
        if not same:
            return None
        query = select(func.max(Job.consented_at)).where(Job.member_id == member_id, or_(*same))
        async with self._database.session() as session, session.begin():
            return await session.scalar(query)

    async def count_unfinished(self) -> int:
        """How many jobs of all processes are unfinished."""
        query = select(func.count()).select_from(Job).where(Job.state.in_(UNFINISHED))
        async with self._database.session() as session, session.begin():
            return (await session.scalars(query)).one()

    async def oldest(self) -> datetime | None:
        """When the oldest unfinished job of all processes was asked for; daily dreams wait for their hour."""
        query = select(func.min(Job.created_at)).where(Job.state.in_(UNFINISHED), Job.kind != Kind.DAILY)
        async with self._database.session() as session, session.begin():
            return await session.scalar(query)

    async def owned(self) -> dict[str, State]:
        """The states of this process's unfinished jobs, oldest first."""
        query = select(Job.id, Job.state).where(Job.state.in_(UNFINISHED), Job.owner == self._lease.owner)
        async with self._database.session() as session, session.begin():
            rows = await session.execute(query.order_by(Job.created_at, Job.id))
            return {row.id: row.state for row in rows}

    async def unshown(self) -> Sequence[Job]:
        """This process's jobs whose message is to be sent, or to be edited to show how they ended."""
        query = select(Job).where(IS_UNSHOWN, Job.owner == self._lease.owner)
        async with self._database.session() as session, session.begin():
            return [job for job in await session.scalars(query) if job.needs_showing]

    async def picture(self, id: str, role: str) -> bytes | None:
        """One picture's bytes, or None if there never was one or it is not kept any more."""
        async with self._database.session() as session, session.begin():
            return (await self._pictures(session, id, role)).get(role)

    async def picture_size(self, id: str, role: str) -> int | None:
        """The size of one picture in bytes, without reading it."""
        query = select(Blob.size).join(Picture, Picture.digest == Blob.digest)
        async with self._database.session() as session, session.begin():
            return await session.scalar(query.where(Picture.job_id == id, Picture.role == role))

    # Changing the state

    def new_id(self) -> str:
        """An id for a job: later ones sort after earlier ones, and Discord takes it as a nonce."""
        return f"{int(self._clock.now().timestamp() * 1000):011x}{secrets.token_hex(5)}"

    async def add(
        self, id: str, request: DreamRequest, size: tuple[int, int] | None, cost: float
    ) -> tuple[Job, bool]:
        """Commit a new, queued job and its pictures, which are here or kept by another job, and say True.

        A message asks once, of each of its pictures: if a job was asked for in it before, that one comes
        back, and False. Raises Refused if the other job does not keep the picture any more.
        """
        source = request.source
        if isinstance(source, Upload):
            raise TypeError("a picture has to be fetched before its job is added")
        job = Job(
            id=id,
            kind=request.kind,
            state=State.HELD if request.is_held else State.QUEUED,
            guild_id=request.guild_id,
            channel_id=request.channel_id,
            member_id=request.member_id,
            author_id=request.author_id,
            request_message_id=None if request.number else request.request_message_id,
            album_message_id=request.request_message_id if request.number else None,
            album_number=request.number or None,
            interaction_token=request.interaction_token,
            parent=request.parent,
            action=request.action,
            origin_channel_id=request.origin and request.origin[0],
            origin_message_id=request.origin and request.origin[1],
            recipe=str(request.recipe),
            preset=request.preset,
            variants=[one.row for one in request.variants] or None,
            has_source=source is not None,
            width=size and size[0],
            height=size and size[1],
            input_bytes=request.input_bytes,
            cost=cost,
            previews=request.previews,
            spoiler=request.spoiler,
            explicit=request.explicit,
            language=request.language,
            consented_at=request.consented_at,
            root=id,
            max_bytes=request.max_bytes,
            created_at=self._clock.now(),
            due_at=request.due_at,
            owner=self._lease.owner,
            erased=False,
        )
        files = {"source": source, "guide": request.guide}
        pictures = {role: await _blob(data) for role, data in files.items() if isinstance(data, bytes)}
        try:
            async with self._database.session() as session, session.begin():
                await session.connection(execution_options=DURABLE)
                if request.parent is not None:
                    grown_from = select(func.coalesce(Job.root, Job.id)).where(Job.id == request.parent)
                    job.root = await session.scalar(grown_from) or request.parent
                session.add(job)
                await session.flush()
                await self._add_pictures(session, id, pictures)
                for role, kept in files.items():
                    if isinstance(kept, KeptPicture):
                        await self._share_picture(session, id, role, kept)
        except IntegrityError:
            earlier = await self._asked_before(request)
            if earlier is None:
                raise
            return earlier, False
        return job, True

    async def consent(self, id: str) -> Job | None:
        """Make `CONSENT`."""
        async with self._database.session() as session, session.begin():
            now = self._clock.now()
            return await self._make(session, CONSENT, id, consented_at=now, owner=self._lease.owner)

    async def start(self, id: str) -> tuple[Job, dict[str, bytes]] | None:
        """Make `START`; with the pictures to dream from."""
        async with self._database.session() as session, session.begin():
            job = await self._make(session, START, id, started_at=self._clock.now())
            return None if job is None else (job, await self._pictures(session, id, "source", "guide"))

    async def requeue(self, id: str) -> Job | None:
        """Make `REQUEUE`: it is dreamt from the start when its turn comes again."""
        async with self._database.session() as session, session.begin():
            return await self._make(session, REQUEUE, id, started_at=None)

    async def complete(self, id: str, rendered: Rendered) -> Job | None:
        """Make `COMPLETE`, with the result."""
        result = await _blob(rendered.data)
        report = asdict(rendered.report) if rendered.report else None
        async with self._database.session() as session, session.begin():
            job = await self._make(session, COMPLETE, id, filename=rendered.filename, report=report)
            if job is not None:
                await self._add_pictures(session, id, {"result": result})
            return job

    async def fail(self, id: str, reason: Text) -> Job | None:
        """Make `FAIL`."""
        async with self._database.session() as session, session.begin():
            return await self._make(session, FAIL, id, reason=reason)

    async def cancel(self, id: str, reason: Text) -> Job | None:
        """Make `CANCEL`; the picture of one that nobody agreed to is not kept."""
        async with self._database.session() as session, session.begin():
            was_held = await session.scalar(select(Job.id).where(Job.id == id, Job.state == State.HELD))
            job = await self._make(session, CANCEL, id, reason=reason)
            is_not_kept = job is not None and was_held
            digests = await self._delete_pictures(session, [id]) if is_not_kept else set[str]()
        await self._delete_files(digests)
        return job

    async def refuse(self, id: str, reason: Text) -> Job | None:
        """Make `REFUSE`."""
        async with self._database.session() as session, session.begin():
            return await self._make(
                session, REFUSE, id, Job.shown_state.is_distinct_from(State.DONE), reason=reason
            )

    async def take_over(self) -> Sequence[Job]:
        """Make `TAKE_OVER` of jobs without a living owner, the oldest, and own those not shown yet, too.

        At most `TAKEN_OVER_AT_ONCE`: the next call takes over the others. Whether one was being dreamt, its
        `started_at` still tells.
        """
        orphaned = and_(self._lease.is_free(Job.owner), or_(Job.state.in_(UNFINISHED), IS_UNSHOWN))
        async with self._database.session() as session, session.begin():
            query = select(Job.id).where(orphaned).order_by(Job.created_at, Job.id).limit(TAKEN_OVER_AT_ONCE)
            ids = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            if not ids:
                return ()
            dreaming = and_(Job.id.in_(ids), Job.state.in_(TAKE_OVER.before))
            await session.execute(update(Job).where(dreaming).values(state=TAKE_OVER.after))
            await session.execute(update(Job).where(Job.id.in_(ids)).values(owner=self._lease.owner))
            taken = select(Job).where(Job.id.in_(ids)).order_by(Job.created_at, Job.id)
            return (await session.scalars(taken.execution_options(populate_existing=True))).all()

    # What its message shows

    async def message_sent(self, id: str, ref: MessageRef, shown: State) -> Job | None:
        """Remember a job's message and the state that it shows."""
        values = {"status_message_id": ref.message_id, "interaction_token": ref.interaction_token}
        async with self._database.session() as session, session.begin():
            return await self._set(session, Job.id == id, shown_state=shown, **values)

    async def ping(self, id: str) -> Job | None:
        """Remember to tell whoever asked for a job when it ends; None where it has ended."""
        async with self._database.session() as session, session.begin():
            return await self._set(session, Job.id == id, Job.state.in_(UNFINISHED), pings=True)

    async def state_shown(self, id: str, shown: State) -> Job | None:
        """Remember the state that a job's message shows; an erased job's row is deleted with that."""
        async with self._database.session() as session, session.begin():
            job = await self._set(session, Job.id == id, shown_state=shown)
            if job is not None and job.erased and not job.needs_showing:
                await session.delete(job)
            return job

    async def unreachable(self, id: str, reason: Text) -> Job | None:
        """Remember that Discord will never show a job's state; one that is unfinished fails."""
        async with self._database.session() as session, session.begin():
            await self._make(session, FAIL, id, reason=reason)
            job = await self._set(session, Job.id == id, undeliverable=str(reason))
            if job is not None and job.erased:
                await session.delete(job)
            return job

    # Deleting

    async def erase(self, *conditions: ColumnElement[bool], withdrawn: Text | None = None) -> Sequence[str]:
        """Cancel and delete some of the jobs that meet the conditions, with their pictures.

        Returns their ids; none when there are no more.

        A row whose message does not show its end stays until it does, with nothing in it of the member. With
        `withdrawn`, a sentence that their messages are to show instead, rows that were shown stay, too.
        """
        async with self._database.session() as session, session.begin():
            query = select(Job.id).where(*conditions, Job.erased.is_(False)).limit(DELETED_AT_ONCE)
            ids = (await session.scalars(query.with_for_update())).all()
            digests = await self._delete_pictures(session, ids)
            await self._make_all(session, CANCEL, ids)
            shown = delete(Job).where(Job.id.in_(ids), ~IS_UNSHOWN)
            if withdrawn is None:
                await session.execute(shown)
            await self._make_all(session, ERASE, ids)
            await session.execute(update(StarredRow).where(StarredRow.job_id.in_(ids)).values(WITHDRAWN))
            await session.execute(update(Job).where(Job.id.in_(ids)).values(_ERASED | {"reason": withdrawn}))
            if withdrawn is not None:
                await session.execute(shown)
        await self._delete_files(digests)
        return ids

    async def of_same_picture(self, job: Job) -> ColumnElement[bool]:
        """What every dream meets that grew from the picture of a job.

        They are those of its line, and the lines that began with the same message's picture.
        """
        root = job.root or job.id
        of_line = func.coalesce(Job.root, Job.id)
        message = select(Job.origin_message_id).where(Job.id == root).scalar_subquery()
        roots = select(Job.id).where(
            Job.author_id == job.author_id, Job.origin_message_id == message, Job.parent.is_(None)
        )
        async with self._database.session() as session:
            same = [root, *await session.scalars(roots)]
        return and_(Job.author_id == job.author_id, of_line.in_(same))

    async def delete_old(self, older_than: datetime) -> int:
        """Delete some of the jobs that ended and were due before `older_than`; returns how many."""
        kept_from = func.coalesce(case((Job.due_at > Job.finished_at, Job.due_at)), Job.finished_at)
        some = select(Job.id).where(kept_from < older_than, ~IS_UNSHOWN).limit(DELETED_AT_ONCE)
        async with self._database.session() as session, session.begin():
            gone = await session.scalars(delete(Job).where(Job.id.in_(some)).returning(Job.id))
            return len(gone.all())

    async def trim(self, server_bytes: int, total_bytes: int = 0) -> int:
        """Let the oldest finished jobs have no pictures any more where too many bytes are kept: more than
        `server_bytes` for a server or a member's direct messages, or than `total_bytes` in all (0: no limit).

        A file that several pictures share counts once. Returns how many jobs lost theirs; the files stay
        until `delete_unused`.
        """
        count = 0
        async with self._database.session() as session, session.begin():
            if server_bytes:
                in_direct_messages = case((Job.guild_id.is_(None), Job.member_id))
                each = (
                    select(Job.guild_id, in_direct_messages.label("member_id"), Blob.digest, Blob.size)
                    .join(Picture, Picture.job_id == Job.id)
                    .join(Blob, Blob.digest == Picture.digest)
                    .distinct()
                    .subquery()
                )
                places = select(each.c.guild_id, each.c.member_id).group_by(each.c.guild_id, each.c.member_id)
                full = places.having(func.sum(each.c.size) > server_bytes)
                for guild_id, member_id in (await session.execute(full)).all():
                    members = [] if guild_id else [Job.member_id == member_id]
                    count += await self._trim(session, server_bytes, Job.guild_id == guild_id, *members)
            if total_bytes:
                count += await self._trim(session, total_bytes)
        return count

    async def delete_unused(self, after: str = "", *conditions: ColumnElement[bool]) -> str | None:
        """Delete some of the files to which no picture refers, by their digests from `after` on.

        Returns where to go on; None when there are no more. A transaction deletes some megabytes, because
        SQLite overwrites them, and others wait for its only connection meanwhile.
        """
        async with self._database.session() as session, session.begin():
            unused = ~exists().where(Picture.digest == Blob.digest)
            query = select(Blob.digest, Blob.size).where(unused, Blob.digest > after, *conditions)
            query = query.order_by(Blob.digest).limit(DELETED_AT_ONCE)
            room, digests = DELETED_BYTES_AT_ONCE, list[str]()
            # Locked first, and asked again: another process may have begun to refer to one meanwhile.
            for digest, size in (await session.execute(query.with_for_update(skip_locked=True))).all():
                if digests and size > room:
                    break
                digests.append(digest)
                room -= size
            await session.execute(delete(Blob).where(Blob.digest.in_(digests), unused))
            return digests[-1] if digests else None

    async def _trim(self, session: AsyncSession, most: int, *conditions: ColumnElement[bool]) -> int:
        """Delete the pictures of the oldest finished jobs, so that no more than `most` bytes are kept."""
        query = (
            select(Job.id, Job.finished_at, Blob.digest, Blob.size)
            .join(Picture, Picture.job_id == Job.id)
            .join(Blob, Blob.digest == Picture.digest)
            .where(*conditions)
            .order_by(Job.finished_at.desc().nulls_first(), Job.id.desc())
        )
        newer: set[str] = set()
        oldest: set[str] = set()
        kept = 0
        for id, finished_at, digest, size in await session.execute(query):
            kept += 0 if digest in newer else size
            newer.add(digest)
            if kept > most and finished_at is not None:
                oldest.add(id)
        ids = [*oldest]
        for begin in range(0, len(ids), DELETED_AT_ONCE):  # a statement takes some 30,000 values at most
            some = ids[begin : begin + DELETED_AT_ONCE]
            await session.execute(delete(Picture).where(Picture.job_id.in_(some)))
        return len(ids)

    # Pictures

    async def _add_pictures(self, session: AsyncSession, id: str, blobs: dict[str, dict[str, Any]]) -> None:
        """Add a job's pictures by their role; a file that is stored already is not stored again."""
        if not blobs:
            return
        # Where there is one, this writes nothing, but PostgreSQL locks it, so that no purge deletes it now.
        new = (sqlite if self._database.is_sqlite else postgresql).insert(Blob)
        same = {"index_elements": [Blob.digest], "set_": {"size": new.excluded.size}}
        once = new.on_conflict_do_update(**same, where=Blob.size != new.excluded.size)
        rows = [{"job_id": id, "role": role, "digest": blob["digest"]} for role, blob in blobs.items()]
        connection = await session.connection()  # Core's statements cost half of the ORM's
        for statement, values in ((once, [*blobs.values()]), (insert(Picture), rows)):
            await connection.execute(statement, values if len(values) > 1 else values[0])

    async def _share_picture(self, session: AsyncSession, id: str, role: str, kept: KeptPicture) -> None:
        """Make another job's picture a job's, too, in that role. Raises Refused if it is not kept."""
        query = select(literal(id), literal(role), Picture.digest).where(
            Picture.job_id == kept.job_id, Picture.role == kept.role
        )
        columns = ["job_id", "role", "digest"]
        shared = insert(Picture).from_select(columns, query.with_for_update(read=True, key_share=True))
        if not (await session.scalars(shared.returning(Picture.role))).all():
            raise Refused(PICTURE_GONE)

    async def _delete_pictures(self, session: AsyncSession, ids: Iterable[str]) -> set[str]:
        """Delete jobs' pictures; returns the digests of their files, which may be used no more."""
        gone = await session.scalars(delete(Picture).where(Picture.job_id.in_(ids)).returning(Picture.digest))
        return set(gone.all())

    async def _delete_files(self, digests: Collection[str]) -> None:
        """Delete those of these files to which no picture refers any more."""
        after = "" if digests else None
        while after is not None:
            after = await self.delete_unused(after, Blob.digest.in_(digests))

    async def _pictures(self, session: AsyncSession, id: str, *roles: str) -> dict[str, bytes]:
        query = select(Picture.role, Blob.data).join(Blob, Blob.digest == Picture.digest)
        rows = await session.execute(query.where(Picture.job_id == id, Picture.role.in_(roles)))
        return {row.role: row.data for row in rows}

    async def _make(
        self,
        session: AsyncSession,
        transition: Transition,
        id: str,
        *more: ColumnElement[bool],
        **values: Any,
    ) -> Job | None:
        """The compare-and-set of one transition."""
        conditions = [Job.id == id, Job.state.in_(transition.before), *more]
        if transition.actor is Actor.OWNER:
            conditions.append(Job.owner == self._lease.owner)
        if transition.after.is_final:
            values |= self._ended(transition)
        return await self._set(session, *conditions, **values | {"state": transition.after})

    async def _make_all(self, session: AsyncSession, transition: Transition, ids: Sequence[str]) -> None:
        """Make a transition that anybody may make, of those of several jobs that are in a state before it."""
        jobs = and_(Job.id.in_(ids), Job.state.in_(transition.before))
        await session.execute(update(Job).where(jobs).values(self._ended(transition)))

    def _ended(self, transition: Transition) -> dict[str, Any]:
        """What a transition to a final state sets besides: a job without a message has nothing to show."""
        shown = case(
            (_HAS_NO_MESSAGE, literal(transition.after, Job.shown_state.type)), else_=Job.shown_state
        )
        ended = {"state": transition.after, "finished_at": self._clock.now(), "shown_state": shown}
        return ended | ({"owner": self._lease.owner} if transition.actor is Actor.ANYBODY else {})

    async def _set(
        self, session: AsyncSession, *conditions: ColumnElement[bool], **values: Any
    ) -> Job | None:
        query = update(Job).where(*conditions).values(values).returning(Job)
        return await session.scalar(query, execution_options={"populate_existing": True})


async def purge(jobs: JobRepository, older_than: datetime, server_bytes: int, total_bytes: int = 0) -> int:
    """Delete jobs that ended and were due before `older_than`, then pictures as `JobRepository.trim` says.

    Others get as much time between the short transactions. Returns how many jobs lost something.
    """
    count = 0
    while some := await throttled(jobs.delete_old(older_than)):
        count += some
    count += await jobs.trim(server_bytes, total_bytes)
    after: str | None = ""
    while after is not None:
        after = await throttled(jobs.delete_unused(after))
    return count


async def _blob(data: bytes) -> dict[str, Any]:
    """The row of a file."""
    hashed = hashlib.sha256(data) if len(data) < SMALL else await asyncio.to_thread(hashlib.sha256, data)
    return {"digest": hashed.hexdigest(), "size": len(data), "data": data}
