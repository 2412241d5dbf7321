"""The rows that remember jobs, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, update

from bot.clock import Clock, ManualClock
from bot.errors import Refused
from bot.queue.repository import KEPT_WHEN_ERASED, JobRepository, MessageRef, purge
from bot.queue.request import DreamRequest, KeptPicture
from bot.store.database import Database
from bot.store.jobs import Blob, Job, Kind, State
from bot.store.lease import Lease, Process
from dream.dreamer import Report
from dream.recipe import Recipe
from dream.render import Rendered
from dream.texts import Text

REPORT = Report("block8 seed=1", "efficientnet_lite0", ("block8",), "bundled", None, 64, 64, 3, 1.5, 0.0, 1.0)
DREAM = Rendered(b"a dream", "dream.png", REPORT)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture
def jobs(database: Database, clock: ManualClock) -> JobRepository:
    return JobRepository(database, Lease(database), clock)


async def added(jobs: JobRepository, **more: Any) -> Job:
    given: dict[str, Any] = {"recipe": Recipe.parse("block8"), "source": b"a picture"} | more
    request = DreamRequest(**given)
    job, is_new = await jobs.add(jobs.new_id(), request, (64, 48), 3.0)
    assert is_new
    return job


async def done(jobs: JobRepository, **more) -> Job:
    job = await added(jobs, **more)
    assert await jobs.start(job.id)
    completed = await jobs.complete(job.id, DREAM)
    assert completed
    return completed


async def shown(jobs: JobRepository, **more) -> Job:
    job = await done(jobs, channel_id=5, **more)
    await jobs.message_sent(job.id, MessageRef(int(job.id[:12], 16), None), State.QUEUED)
    ended = await jobs.state_shown(job.id, job.state)
    assert ended
    return ended


async def test_a_job_comes_back_as_it_went_in(jobs: JobRepository) -> None:
    due = datetime(2026, 5, 2, 9, tzinfo=UTC)
    job = await added(jobs, guild_id=2**62, guide=b"a guide", due_at=due, spoiler=True, kind=Kind.DAILY)
    stored = await jobs.get(job.id)
    assert stored
    assert (stored.state, stored.kind, stored.guild_id, stored.due_at, stored.spoiler, stored.width) == (
        State.QUEUED,
        Kind.DAILY,
        2**62,
        due,
        True,
        64,
    )
    assert await jobs.picture(job.id, "source") == b"a picture"
    assert await jobs.picture(job.id, "guide") == b"a guide"
    assert await jobs.picture(job.id, "result") is None
    assert len(job.id) <= 25  # a nonce's length at Discord


async def test_one_message_makes_one_job_however_often_it_is_seen(jobs: JobRepository) -> None:
    request = DreamRequest(recipe=Recipe.parse("block8"), source=None, request_message_id=77)
    seen = await asyncio.gather(*(jobs.add(jobs.new_id(), request, None, 1.0) for _ in range(4)))
    assert len({job.id for job, _ in seen}) == 1
    assert [is_new for _, is_new in seen].count(True) == 1


async def test_each_transition_is_made_once(jobs: JobRepository) -> None:
    job = await added(jobs)
    starts = await asyncio.gather(*(jobs.start(job.id) for _ in range(3)))
    assert sum(start is not None for start in starts) == 1
    assert await jobs.cancel(job.id, Text("Cancelled."))
    assert await jobs.complete(job.id, DREAM) is None
    assert await jobs.picture(job.id, "result") is None
    assert await jobs.requeue(job.id) is None
    assert await jobs.fail(job.id, Text("broken")) is None
    assert (await jobs.get(job.id)).state is State.CANCELLED


async def test_a_cancel_and_an_end_at_once_leave_one_of_them(database: Database, clock: ManualClock) -> None:
    """On the code before, PostgreSQL let a finished dream overwrite a cancel that had been confirmed."""
    mine, other = (JobRepository(database, Lease(database), clock) for _ in range(2))
    for _ in range(20):
        job = await added(mine)
        await mine.start(job.id)
        completed, cancelled = await asyncio.gather(
            mine.complete(job.id, DREAM), other.cancel(job.id, Text("Cancelled."))
        )
        assert (completed is None) != (cancelled is None)
        stored = await mine.get(job.id)
        assert stored.state is (State.CANCELLED if cancelled else State.DONE)
        assert (await mine.picture(job.id, "result") is None) == (cancelled is not None)


async def test_only_the_owner_ends_a_job_and_anybody_cancels_it(
    database: Database, clock: ManualClock
) -> None:
    mine, other = (JobRepository(database, Lease(database), clock) for _ in range(2))
    job = await added(mine)
    assert await other.start(job.id) is None
    assert await mine.start(job.id)
    assert await other.complete(job.id, DREAM) is None
    assert await other.fail(job.id, Text("broken")) is None
    assert await other.requeue(job.id) is None
    cancelled = await other.cancel(job.id, Text("Cancelled."))
    assert cancelled and cancelled.state is State.CANCELLED
    assert await mine.owned() == {} == await other.owned()


async def test_a_living_process_keeps_its_jobs_and_a_dead_ones_are_taken_over(
    postgres_database: Database,
) -> None:
    leases = [Lease(postgres_database) for _ in range(3)]
    first, second, third = (JobRepository(postgres_database, lease, Clock()) for lease in leases)
    for lease in leases:
        assert await lease.renew()
    waiting, dreaming, ended = await added(first), await added(first), await done(first, channel_id=7)
    await first.start(dreaming.id)
    assert not await second.take_over()
    assert await second.start(waiting.id) is None
    async with postgres_database.session() as session, session.begin():
        lapsed = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(Process).where(Process.id == leases[0].owner).values(alive_until=lapsed))
    taken = [job for jobs in await asyncio.gather(second.take_over(), third.take_over()) for job in jobs]
    assert {(job.id, job.state) for job in taken} == {
        (waiting.id, State.QUEUED),
        (dreaming.id, State.QUEUED),
        (ended.id, State.DONE),
    }
    assert {job.id for job in taken if job.started_at and not job.state.is_final} == {dreaming.id}
    assert len(taken) == 3
    assert await first.complete(dreaming.id, DREAM) is None
    assert await first.owned() == {}


async def test_after_an_outage_nobody_takes_over_before_all_could_renew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(database)
    assert await lease.renew()
    assert await lease.renew()
    with monkeypatch.context() as away:
        away.setattr("bot.store.lease.DURATION", timedelta(0))  # longer than a lease lasts
        assert not await lease.renew()
    assert await lease.renew()


async def test_a_message_is_to_be_shown_until_it_shows_the_end(jobs: JobRepository) -> None:
    job = await added(jobs, channel_id=5)
    assert [one.id for one in await jobs.unshown()] == [job.id]
    await jobs.message_sent(job.id, MessageRef(9, None), State.QUEUED)
    assert await jobs.unshown() == []
    await jobs.start(job.id)
    assert await jobs.unshown() == []
    await jobs.complete(job.id, DREAM)
    assert [one.id for one in await jobs.unshown()] == [job.id]
    await jobs.state_shown(job.id, State.DONE)
    assert await jobs.unshown() == []


async def test_a_message_that_never_can_be_shown_ends_the_job(jobs: JobRepository) -> None:
    unfinished, ended = await added(jobs, channel_id=5), await done(jobs, channel_id=5)
    assert (await jobs.unreachable(unfinished.id, Text("gone"))).state is State.FAILED
    assert (await jobs.unreachable(ended.id, Text("gone"))).state is State.DONE
    assert await jobs.unshown() == []


async def test_what_is_kept_too_long_is_deleted(jobs: JobRepository, clock: ManualClock) -> None:
    old, unfinished, unshown = await shown(jobs), await added(jobs), await done(jobs, channel_id=5)
    ahead = await done(jobs, kind=Kind.DAILY, due_at=clock.now() + timedelta(days=5))
    clock.advance(timedelta(days=3))
    new = await done(jobs)
    assert await purge(jobs, clock.now() - timedelta(days=1), 0) == 1
    left = [job.id for job in (old, unfinished, unshown, ahead, new) if await jobs.get(job.id)]
    assert left == [unfinished.id, unshown.id, ahead.id, new.id]
    assert await jobs.picture(old.id, "result") is None


async def test_a_server_keeps_no_more_than_its_bytes_and_the_oldest_go_first(
    jobs: JobRepository, clock: ManualClock
) -> None:
    kept = []
    for number in range(4):
        kept.append(await done(jobs, guild_id=1, source=bytes([number]) * 1000))
        clock.advance(timedelta(minutes=1))
    other = await done(jobs, guild_id=2, source=b"x" * 1000)
    long_ago = clock.now() - timedelta(days=9)
    assert await purge(jobs, long_ago, 2500) == 2
    left = [await jobs.picture(job.id, "source") is not None for job in (*kept, other)]
    assert left == [False, False, True, True, True]


async def test_direct_messages_and_all_together_keep_no_more_than_their_bytes(
    jobs: JobRepository, clock: ManualClock
) -> None:
    """On the code before, direct messages had no limit, and neither had all servers together."""
    kept = []
    for number in range(6):
        place = {"guild_id": 1} if number >= 4 else {"member_id": 5 + number % 2}
        kept.append(await done(jobs, source=bytes([number]) * 1000, **place))
        clock.advance(timedelta(minutes=1))
    long_ago = clock.now() - timedelta(days=9)

    async def left() -> list[int]:
        return [n for n, job in enumerate(kept) if await jobs.picture(job.id, "source") is not None]

    assert await purge(jobs, long_ago, 2000) == 3
    assert await left() == [2, 3, 5]
    assert await purge(jobs, long_ago, 0, 2100) == 1
    assert await left() == [3, 5]


async def test_others_get_their_turn_while_much_is_deleted(
    database: Database, jobs: JobRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that kept more than it may was trimmed in one transaction, which took minutes with SQLite."""
    monkeypatch.setattr("bot.queue.repository.DELETED_BYTES_AT_ONCE", 1000, raising=False)
    for number in range(20):
        await done(jobs, guild_id=1, source=bytes([number]) * 1000)
    long_ago = datetime(2026, 4, 1, tzinfo=UTC)
    assert await turns_of_others(jobs, purge(jobs, long_ago, 10_000)) > 5
    assert await turns_of_others(jobs, erase_all(jobs)) > 5
    assert await stored(database) == 0


async def erase_all(jobs: JobRepository) -> int:
    """Erase every job; how many there were."""
    count = 0
    while ids := await jobs.erase():
        count += len(ids)
    return count


async def test_no_statement_names_all_jobs_that_are_taken_over_or_erased(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement takes some 32,000 values: with more jobs of a member or of a dead process it failed."""
    monkeypatch.setattr("bot.queue.repository.TAKEN_OVER_AT_ONCE", 500, raising=False)
    lease = Lease(database)
    jobs = JobRepository(database, lease, clock)
    assert await lease.renew()
    one = await shown(jobs, member_id=5)
    copied = {column.name: getattr(one, column.name) for column in Job.__table__.columns}
    orphaned = copied | {"owner": None, "shown_state": None}
    async with database.session() as session, session.begin():
        await session.execute(insert(Job), [orphaned | {"id": f"copy-{number}"} for number in range(900)])
    named = []

    def count(*about: Any) -> None:
        parameters, is_many = about[3], about[5]
        named.append(0 if is_many else len(parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    assert [len(await jobs.take_over()) for _ in range(3)] == [500, 400, 0]
    assert await erase_all(jobs) == 901
    assert max(named) < 600


async def turns_of_others(jobs: JobRepository, deleting: Coroutine[Any, Any, object]) -> int:
    """How many transactions come to pass while much is deleted."""
    task = asyncio.create_task(deleting)
    turns = 0
    while not task.done():
        await jobs.count_unfinished()
        turns += 1
    await task
    return turns


async def stored(database: Database) -> int:
    async with database.session() as session, session.begin():
        return await session.scalar(select(func.coalesce(func.sum(Blob.size), 0)))


async def test_a_picture_is_stored_once_however_often_it_is_dreamt_on(
    database: Database, jobs: JobRepository
) -> None:
    photo = b"x" * 1000
    first = await done(jobs, source=photo, guild_id=1)
    for _ in range(3):
        await added(jobs, source=photo, guild_id=2)
    again = await added(jobs, source=KeptPicture(first.id, "source", 1000, 64, 48))
    deeper = await added(jobs, source=KeptPicture(first.id, "result", 7, 64, 48))
    assert await stored(database) == 1000 + len(DREAM.data)
    assert (again.has_source, again.input_bytes, deeper.input_bytes) == (True, 1000, 7)
    await jobs.erase(Job.id == first.id)
    assert await jobs.picture(again.id, "source") == photo
    assert await jobs.picture(deeper.id, "source") == DREAM.data
    await jobs.erase(Job.id != again.id)
    assert await stored(database) == 1000
    await jobs.erase()
    assert await stored(database) == 0


async def test_a_picture_that_is_gone_cannot_be_dreamt_on_again(jobs: JobRepository) -> None:
    with pytest.raises(Refused, match="post it again"):
        await added(jobs, source=KeptPicture("gone", "source", 1000, 64, 48))
    assert await jobs.count_unfinished() == 0


async def test_a_picture_erased_while_others_begin_with_it_stays_theirs(
    database: Database, jobs: JobRepository
) -> None:
    mine, other = jobs, JobRepository(database, Lease(database), Clock())
    for number in range(10):
        photo = bytes([number]) * 1000
        first = await done(mine, source=photo)
        begun, _, kept = await asyncio.gather(
            added(other, source=photo),
            mine.erase(Job.id == first.id),
            added(other, source=KeptPicture(first.id, "source", 1000, 64, 48)),
            return_exceptions=True,
        )
        assert isinstance(begun, Job) and isinstance(kept, Job | Refused)
        assert await mine.picture(begun.id, "source") == photo
        assert isinstance(kept, Refused) or await mine.picture(kept.id, "source") == photo


async def test_erasing_leaves_nothing(jobs: JobRepository) -> None:
    mine, others = await shown(jobs, member_id=5), await shown(jobs, member_id=6)
    assert await jobs.erase(Job.member_id == 5) == [mine.id]
    assert await jobs.for_display(mine.id) is None
    assert await jobs.picture(mine.id, "source") is None
    assert await jobs.picture(others.id, "source") is not None


async def test_an_erased_job_is_gone_for_all_but_its_message_until_that_shows_it(jobs: JobRepository) -> None:
    job = await added(jobs, member_id=5, author_id=5, channel_id=7, request_message_id=8)
    await jobs.message_sent(job.id, MessageRef(9, None), State.QUEUED)
    await jobs.erase(Job.member_id == 5)
    assert await jobs.get(job.id) is None
    assert await jobs.of_message(8) is None
    assert await jobs.picture(job.id, "source") is None
    row = await jobs.for_display(job.id)
    assert (row.state, row.member_id, row.author_id, row.request_message_id, row.recipe) == (
        State.CANCELLED,
        None,
        None,
        None,
        "",
    )
    left = {c.name for c in Job.__table__.columns if c.nullable and getattr(row, c.name) is not None}
    assert left <= KEPT_WHEN_ERASED  # a column that is added to the table is emptied, too
    assert [one.id for one in await jobs.unshown()] == [job.id]
    await jobs.state_shown(job.id, State.CANCELLED)
    assert await jobs.for_display(job.id) is None


async def test_a_report_of_another_version_is_left_out_and_nothing_breaks(jobs: JobRepository) -> None:
    job = await done(jobs)
    assert job.dream_report
    assert job.dream_report.seconds == REPORT.seconds
    job.report = {**job.report, "of_a_newer_version": 1}
    assert job.dream_report.seconds == REPORT.seconds
    job.report = {"recipe": "block8", "of_an_older_version": 1}
    assert job.dream_report is None
