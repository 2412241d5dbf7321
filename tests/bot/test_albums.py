"""Several pictures in one message, while their dreams wait: limits, asking once, and deletion."""

from __future__ import annotations

from bench.support.pretended_dreams import WAITS
from bot.store.jobs import State
from tests.support.pictures import png
from tests.support.waiting import until
from tests.support.world import World

ASKED = f"!dream block8 steps={WAITS}"


async def cancelled(world: World) -> bool:
    return all(job.state is State.CANCELLED for job in await world.jobs(world.alice))


async def test_a_limit_counts_each_picture_and_what_it_leaves_out_is_said(world: World) -> None:
    await world.admin.says("!settings set member_seconds 1")
    said = await world.alice.says(ASKED, ("a.png", png(80)), ("b.png", png(90)), ("c.png", png(100)))
    assert "2 pictures were left out: You already have as many dreams in line as fit" in said, said
    assert len(await world.jobs(world.alice)) == 1
    await world.alice.says("!cancel all")
    assert await cancelled(world)


async def test_the_same_message_asks_once_and_its_deletion_cancels_all(world: World) -> None:
    said = await world.alice.posts(ASKED, ("a.png", png(80)), ("b.png", png(90)))
    assert len(await world.jobs(world.alice)) == 2
    channel = world.bot_channel
    again = await channel.fetch_message(said.id)
    again.author = said.author
    await world.app.bot.invoke(await world.app.bot.get_context(again))
    assert len(await world.jobs(world.alice)) == 2 and not await cancelled(world)
    await world.alice.delete(said)
    await until(lambda: cancelled(world))
