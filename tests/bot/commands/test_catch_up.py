"""What happened while the bot was away."""

from __future__ import annotations

from typing import Any

from bench.support.pretended_dreams import WAITS
from tests.support.world import World


async def test_a_message_that_the_bot_replied_to_is_answered_though_nobody_recorded_it(world: World) -> None:
    await world.alice.says("!help")
    said = await world.alice.posts("good morning")
    await world.bot_channel.get_partial_message(said.id).reply("Good morning!")
    assert said.id not in [message.id async for message in world.app.bot.catch_up.unanswered(world.app.bot)]


async def test_a_dream_whose_message_was_deleted_while_the_bot_was_away_is_cancelled(world: World) -> None:
    events: Any = world.app.bot.get_cog("Events")
    asked = await world.alice.posts(f"!sky steps={WAITS}")
    job = await world.newest_job()
    world.app.bot.remove_listener(events.on_raw_message_delete)  # as if the bot were not connected
    await world.alice.delete(asked)
    world.app.bot.add_listener(events.on_raw_message_delete)
    assert not (await world.app.queue.jobs.get(job.id)).state.is_final
    await events.on_shard_ready(0)
    ended = await world.app.queue.finished(job.id)
    assert ended.state == "cancelled"
