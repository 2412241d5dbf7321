"""The rows that remember jobs, on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.clock import Clock, MovedClock
from bot.queue.jobs import Ask, Ledger
from bot.store.database import Database
from bot.store.jobs import Job, Kind, Process, State
from dream.dreamer import Report
from dream.render import Rendered

REPORT = Report("block8 seed=1", "efficientnet_lite0", ("block8",), "bundled", None, 64, 64, 3, 1.5, 0.0, 1.0)
DREAM = Rendered(b"a dream", "dream.png", REPORT)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture
def ledger(database: Database, clock: MovedClock) -> Ledger:
    return Ledger(database, clock)


async def added(ledger: Ledger, **more) -> Job:
    job, is_new = await ledger.add(Ask(**{"recipe": "block8", "source": b"a picture"} | more), (64, 48), 3.0)
    assert is_new
    return job


async def done(ledger: Ledger, **more) -> Job:
    job = await added(ledger, **more)
    assert await ledger.start(job.id)
    assert await ledger.rendered(job.id, DREAM)
    return await ledger.finish(job.id, State.DONE) or job


async def test_a_job_comes_back_as_it_went_in(ledger: Ledger) -> None:
    due = datetime(2026, 5, 2, 9, tzinfo=UTC)
    job = await added(ledger, guild_id=2**62, guide=b"a guide", due_at=due, spoiler=True, kind=Kind.DAILY)
    stored = await ledger.get(job.id)
    assert (stored.state, stored.kind, stored.guild_id, stored.due_at, stored.spoiler, stored.width) == (
        State.QUEUED,
        Kind.DAILY,
        2**62,
        due,
        True,
        64,
    )
    assert await ledger.picture(job.id, "source") == b"a picture"
    assert await ledger.picture(job.id, "guide") == b"a guide"
    assert await ledger.picture(job.id, "result") is None
    assert len(job.id) <= 25  # a nonce's length at Discord


async def test_one_message_makes_one_job_however_often_it_is_seen(ledger: Ledger) -> None:
    ask = Ask(recipe="block8", source=None, request_message_id=77)
    seen = await asyncio.gather(*(ledger.add(ask, None, 1.0) for _ in range(4)))
    assert len({job.id for job, _ in seen}) == 1
    assert [is_new for _, is_new in seen].count(True) == 1


async def test_each_change_happens_once(ledger: Ledger) -> None:
    job = await added(ledger)
    starts = await asyncio.gather(*(ledger.start(job.id) for _ in range(3)))
    assert sum(start is not None for start in starts) == 1
    assert await ledger.finish(job.id, State.CANCELLED, "Cancelled.")
    assert await ledger.rendered(job.id, DREAM) is None
    assert await ledger.hand_back(job.id) is None
    assert await ledger.finish(job.id, State.DONE) is None
    assert (await ledger.get(job.id)).state is State.CANCELLED


async def test_a_living_process_keeps_its_jobs_and_a_dead_ones_are_taken_over(
    postgres_database: Database,
) -> None:
    first, second = Ledger(postgres_database, Clock()), Ledger(postgres_database, Clock())
    await first.adopt()
    waiting, dreaming = await added(first), await added(first)
    await first.start(dreaming.id)
    assert not await second.adopt()
    assert await second.start(waiting.id) is None
    async with postgres_database.session() as session, session.begin():
        lapsed = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(Process).where(Process.id == first.owner).values(alive_until=lapsed))
    third = Ledger(postgres_database, Clock())
    taken = [job for jobs in await asyncio.gather(second.adopt(), third.adopt()) for job in jobs]
    assert {(job.id, job.state) for job in taken} == {(waiting.id, State.QUEUED), (dreaming.id, State.QUEUED)}
    assert {job.id for job in taken if job.started_at} == {dreaming.id}
    assert len(taken) == 2
    assert await first.rendered(dreaming.id, DREAM) is None
    assert set(await first.ended_elsewhere([waiting.id, dreaming.id])) == {waiting.id, dreaming.id}


async def test_what_is_kept_too_long_is_deleted(ledger: Ledger, clock: MovedClock) -> None:
    old, unfinished = await done(ledger), await added(ledger)
    ahead = await done(ledger, kind=Kind.DAILY, due_at=clock.now() + timedelta(days=5))
    clock.move(timedelta(days=3))
    new = await done(ledger)
    assert await ledger.purge(clock.now() - timedelta(days=1), 0) == 1
    left = [job.id for job in (old, unfinished, ahead, new) if await ledger.get(job.id)]
    assert left == [unfinished.id, ahead.id, new.id]
    assert await ledger.picture(old.id, "result") is None


async def test_a_server_keeps_no_more_than_its_bytes_and_the_oldest_go_first(
    ledger: Ledger, clock: MovedClock
) -> None:
    jobs = []
    for _ in range(4):
        jobs.append(await done(ledger, guild_id=1, source=b"x" * 1000))
        clock.move(timedelta(minutes=1))
    other = await done(ledger, guild_id=2, source=b"x" * 1000)
    long_ago = clock.now() - timedelta(days=9)
    assert await ledger.purge(long_ago, 2500) == 2
    kept = [await ledger.picture(job.id, "source") is not None for job in (*jobs, other)]
    assert kept == [False, False, True, True, True]


async def test_forgetting_leaves_nothing(ledger: Ledger) -> None:
    mine, others = await done(ledger, member_id=5), await done(ledger, member_id=6)
    assert await ledger.forget(Job.member_id == 5) == [mine.id]
    assert await ledger.get(mine.id) is None
    assert await ledger.picture(mine.id, "source") is None
    assert await ledger.picture(others.id, "source") is not None
