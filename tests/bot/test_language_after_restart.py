"""A dream asked for in German ends in German, though the bot was restarted and its server speaks English."""

from __future__ import annotations

from pathlib import Path

from bench.support.pretended_dreams import WAITS
from dream.farm import Farm
from tests.support.waiting import until
from tests.support.world import World, opened_world


async def test_a_dream_ends_in_the_language_in_which_it_began(tmp_path: Path, farm: Farm) -> None:
    async with opened_world(tmp_path, farm, World) as world:
        await world.admin.at(world.art).says("!settings set language de")
        await world.alice.says(f"!sky steps={WAITS}")
        (job,) = await world.jobs(world.alice)
        assert "Wartet" in world.message_of(job).content
        await world.admin.at(world.art).says("!settings set language en")
        await world.restart_bot()
        await world.alice.presses("cancel", world.message_of(job))
        await until(lambda: "Dieser Traum wurde abgebrochen." in world.message_of(job).content)
