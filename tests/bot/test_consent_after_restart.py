"""A question whether somebody may dream on a picture, answered after the bot was restarted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import discord
import pytest
import simcord

from bot.store.jobs import Job, State
from dream.farm import Farm
from tests.support.waiting import until
from tests.support.world import PHOTO, World, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shown(world: World, job: Job) -> discord.Message:
    return next(one for one in world.dreams.history() if one.id == job.status_message_id)


async def test_a_question_is_answered_after_a_restart(tmp_path: Path, farm: Farm) -> None:
    first = await opened(tmp_path, farm)
    env = simcord.Env(first.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    world = World(first, env)
    await world.say(world.admin, "!settings set others_pictures consent", world.art)
    photo = await world.alice.send(world.dreams, "my cat", attachments=[("cat.jpg", PHOTO.read_bytes())])
    for recipe in ("block3", "block4"):
        await world.bob.send(world.dreams, f"!dream {recipe}", reply_to=photo)
    kept, cancelled = sorted(await world.jobs(world.bob), key=lambda job: job.recipe)
    assert kept.state is cancelled.state is State.HELD
    await first.stop()

    world.app = second = await opened(tmp_path, farm)
    await env.restart_bot(second.bot)
    await world.alice.click(shown(world, kept), label="Yes, they may")
    await until(lambda: "✨" in shown(world, kept).content)
    await world.bob.click(shown(world, cancelled), label="Cancel")
    await until(lambda: "cancelled" in shown(world, cancelled).content)
    withdrawn = await asyncio.gather(*(second.queue.withdraw(kept) for _ in range(2)))
    assert sorted(withdrawn)[0] == 0, "twice at once, it is withdrawn once"
    await until(lambda: "withdrew it" in shown(world, kept).content)
    await env.shutdown()
    await second.stop()
