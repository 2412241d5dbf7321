"""Several pictures in one message, while their dreams wait: limits, asking once, and deletion."""

from __future__ import annotations

import io

import discord
import pytest
from PIL import Image

from bench.support.pretended_dreams import WAITS
from bot.store.jobs import State
from tests.support.waiting import until
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED = f"!dream block8 steps={WAITS}"


def png(width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 60), "teal").save(file, "PNG")
    return file.getvalue()


async def cancelled(world: World) -> bool:
    return all(job.state is State.CANCELLED for job in await world.jobs(world.alice))


async def test_a_limit_counts_each_picture_and_what_it_leaves_out_is_said(world: World) -> None:
    await world.say(world.admin, "!settings set member_seconds 1")
    said = await world.say(world.alice, ASKED, a_png=png(80), b_png=png(90), c_png=png(100))
    assert "2 pictures were left out: You already have as many dreams in line as fit" in said, said
    assert len(await world.jobs(world.alice)) == 1
    await world.say(world.alice, "!cancel all")
    assert await cancelled(world)


async def test_the_same_message_asks_once_and_its_deletion_cancels_all(world: World) -> None:
    said = await world.alice.send(world.dreams, ASKED, attachments=[("a.png", png(80)), ("b.png", png(90))])
    assert len(await world.jobs(world.alice)) == 2
    channel = world.app.bot.get_channel(world.dreams.id)
    assert isinstance(channel, discord.TextChannel)
    again = await channel.fetch_message(said.id)
    again.author = said.author
    await world.app.bot.invoke(await world.app.bot.get_context(again))
    assert len(await world.jobs(world.alice)) == 2 and not await cancelled(world)
    await world.alice.delete(said)
    await until(lambda: cancelled(world))
