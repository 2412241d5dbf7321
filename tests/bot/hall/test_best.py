"""The best dreams of the week, in one post at a chosen time."""

from __future__ import annotations

from datetime import time, timedelta

from sqlalchemy import update

from bot.schedule import Schedule
from bot.store.hall import BestRow
from tests.support.hall_world import HallWorld


async def opened(world: HallWorld) -> None:
    """Let the best of the week be posted in #hall-of-fame, on Sundays at six."""
    await world.env.advance_time(3600)  # a test before this one may have ended on a Sunday at six
    answer = await world.admin.at(world.art).says(f"!settings set best_channel {world.hall.mention}")
    assert "✅" in answer


async def next_sunday(world: HallWorld, hour: str = "18:00") -> None:
    moment = time.fromisoformat(hour)
    (slot, *_) = Schedule((moment,), "UTC", frozenset({6})).between(
        world.env.now(), world.env.now() + timedelta(days=8)
    )
    await world.pass_time(slot.name)


async def test_the_most_starred_dreams_of_the_week_are_one_post(world: HallWorld) -> None:
    await opened(world)
    liked, loved, plain = [await world.dreamt(world.alice, f"!sky block{n}") for n in (3, 4, 5)]
    await world.star(liked, world.bob)
    await world.star(loved, world.bob, world.carl)
    await world.star(plain, world.alice)
    await next_sunday(world, "17:59")
    await world.app.best_posts.post_due()
    assert not world.in_hall()
    await next_sunday(world)
    await world.app.best_posts.post_due()
    (post,) = world.in_hall()
    title, first, second = post.content.split("\n")
    assert title == "### 🏆 The best dreams of the week"
    assert first.startswith("🥇 ⭐ 2") and str(loved.status_message_id) in first
    assert second.startswith("🥈 ⭐ 1") and world.alice.mention in second
    assert [file.filename.split("-")[2] for file in post.attachments] == ["1", "2"]
    await world.app.best_posts.post_due()
    assert len(world.in_hall()) == 1
    await next_sunday(world)
    await world.app.best_posts.post_due()
    assert len(world.in_hall()) == 1, "a week without stars has no post"
    assert [row.state for row in await world.best_posts()] == ["posted", "skipped"]


async def test_a_slot_of_before_it_was_turned_on_is_not_made_up_for(world: HallWorld) -> None:
    job = await world.dreamt(world.alice)
    await next_sunday(world, "18:01")
    await opened(world)
    await world.settle()
    await world.star(job, world.bob)
    await world.app.best_posts.post_due()
    assert not world.in_hall()


async def test_a_withdrawn_dream_leaves_the_post(world: HallWorld) -> None:
    await opened(world)
    one, other = await world.dreamt(world.alice), await world.dreamt(world.carl)
    for job in (one, other):
        await world.star(job, world.bob)
    await next_sunday(world)
    await world.app.best_posts.post_due()
    await world.mod.delete(await world.shown(one))
    await world.settle()
    (post,) = world.in_hall()
    assert [other.id in file.filename for file in post.attachments] == [True]
    assert world.alice.mention not in post.content and world.carl.mention in post.content
    await world.app.queue.forget_member(world.carl.id)
    await world.settle()
    assert not world.in_hall()


async def test_a_bot_that_dies_while_posting_posts_once(world: HallWorld) -> None:
    await opened(world)
    await world.star(await world.dreamt(world.alice), world.bob)
    await next_sunday(world)
    await world.app.best_posts.post_due()
    left = {"state": "posting", "owner": "a process", "message_id": None}
    async with world.app.database.session() as session, session.begin():
        mine = (BestRow.guild_id == world.guild.id) & (BestRow.state == "posted")
        await session.execute(update(BestRow).where(mine).values(left))  # as a SIGKILL leaves it
    await world.app.best_posts.post_due()
    (post,) = world.in_hall()
    *_, row = await world.best_posts()
    assert (row.state, row.message_id) == ("posted", post.id)


async def test_discords_trouble_is_waited_out(world: HallWorld) -> None:
    await opened(world)
    await world.star(await world.dreamt(world.alice), world.bob)
    await next_sunday(world)
    world.env.inject_error("POST", f"/channels/{world.hall.id}/messages", status=503, times=1)
    await world.app.best_posts.post_due()
    assert not world.in_hall()
    await world.app.best_posts.post_due()
    assert len(world.in_hall()) == 1
