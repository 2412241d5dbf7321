"""A question whether somebody may dream on a picture, answered after the bot was restarted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.store.jobs import State
from dream.farm import Farm
from tests.support.pictures import PHOTO
from tests.support.waiting import until
from tests.support.world import World, opened_world


async def test_a_question_is_answered_after_a_restart(tmp_path: Path, farm: Farm) -> None:
    async with opened_world(tmp_path, farm, World) as world:
        await world.admin.at(world.art).says("!settings set others_pictures consent")
        photo = await world.alice.posts("my cat", ("cat.jpg", PHOTO.read_bytes()))
        for recipe in ("block3", "block4"):
            await world.bob.says(f"!dream {recipe}", reply_to=photo)
        kept, cancelled = sorted(await world.jobs(world.bob), key=lambda job: job.recipe)
        assert kept.state is cancelled.state is State.HELD

        await world.restart_bot()
        await world.alice.presses("Yes, they may", world.message_of(kept))
        await until(lambda: "✨" in world.message_of(kept).content)
        await world.bob.presses("Cancel", world.message_of(cancelled))
        await until(lambda: "cancelled" in world.message_of(cancelled).content)
        withdrawn = await asyncio.gather(*(world.app.queue.withdraw(kept) for _ in range(2)))
        assert sorted(withdrawn)[0] == 0, "twice at once, it is withdrawn once"
        await until(lambda: "withdrew it" in world.message_of(kept).content)
