"""The life of a post as rows, on SQLite and on PostgreSQL: who may change it, and who takes it over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from bot.daily.posts import PostRepository
from bot.store.daily import PostRow, PostState
from bot.store.database import Database
from bot.store.lease import Lease

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


async def repository(database: Database) -> tuple[Lease, PostRepository]:
    """The posts as a process of their own sees them."""
    lease = Lease(database)
    await lease.renew()
    return lease, PostRepository(database, lease)


async def planned(posts: PostRepository, guild_id: int = 1) -> PostRow:
    post = await posts.plan(guild_id, "2026-06-01T09:00", NINE)
    assert post is not None
    return post


async def test_a_slot_is_taken_once(database: Database) -> None:
    _, posts = await repository(database)
    await planned(posts)
    assert await posts.plan(1, "2026-06-01T09:00", NINE) is None
    assert len(await posts.due(NINE)) == 1


async def test_a_post_is_claimed_by_one_task_after_another_and_released_as_it_is(database: Database) -> None:
    lease, posts = await repository(database)
    post = await planned(posts)
    [(again, _)] = await posts.due(NINE)

    async def claim_again() -> bool:
        async with posts.claim(again) as claimed:
            return claimed

    with pytest.raises(ZeroDivisionError):
        async with posts.claim(post, PostState.POSTING) as claimed:
            assert claimed and post.owner == lease.owner
            waiting = asyncio.create_task(claim_again())
            await posts.due(NINE)
            assert not waiting.done()
            raise ZeroDivisionError
    assert not await waiting  # which knew it as planned
    [(left, _)] = await posts.due(NINE)
    assert (left.state, left.owner) == ("posting", None)


async def test_a_row_that_changed_since_it_was_read_is_not_claimed(database: Database) -> None:
    _, posts = await repository(database)
    post = await planned(posts)
    [(stale, _)] = await posts.due(NINE)
    async with posts.claim(post) as claimed:
        assert claimed and await posts.release(post, job_id="a dream")
    async with posts.claim(stale) as claimed:
        assert not claimed


async def test_what_is_withdrawn_while_it_is_claimed_cannot_be_released(database: Database) -> None:
    _, posts = await repository(database)
    post = await planned(posts)
    async with posts.claim(post) as claimed:
        assert claimed
        await posts.delete_planned(1)
        assert not await posts.release(post, job_id="a dream")
    assert not await posts.due(NINE)


async def test_what_is_being_posted_is_not_withdrawn(database: Database) -> None:
    _, posts = await repository(database)
    post = await planned(posts)
    async with posts.claim(post, PostState.POSTING):
        await posts.delete_planned(1)
        assert await posts.release(post, state=PostState.POSTED)


async def test_a_living_process_keeps_its_post_and_a_dead_ones_is_taken_over(
    postgres_database: Database,
) -> None:
    lease, first = await repository(postgres_database)
    _, second = await repository(postgres_database)
    post = await planned(first)
    assert await first.acquire(post, PostState.POSTING)
    assert not await second.without_job()
    [(seen, _)] = await second.due(NINE)
    async with second.claim(seen) as claimed:
        assert not claimed
    await lease.release()  # as it runs out when the process dies
    async with second.claim(seen) as claimed:
        assert claimed
        assert not await first.release(post, state=PostState.POSTED)
        assert await second.release(seen, state=PostState.POSTED)
