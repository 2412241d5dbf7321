"""A flood of text commands is answered once, and other members as ever."""

from __future__ import annotations

from pathlib import Path

from config.schema import Discord
from dream.farm import Farm
from tests.support.world import World, opened_world


async def test_a_flood_is_answered_once_and_others_as_ever(tmp_path: Path, farm: Farm) -> None:
    limited = Discord(commands_in_ten_seconds=6)
    async with opened_world(tmp_path, farm, World, discord=limited) as world:
        answers = [await world.alice.says("!queue") for _ in range(10)]
        assert all("Nobody is waiting" in answer for answer in answers[:6])
        assert "That was quick! Please try again in" in answers[6]
        assert answers[7:] == ["", "", ""]
        assert await world.alice.says("!quueu") == ""
        assert "Nobody is waiting" in await world.bob.says("!queue")
        await world.env.advance_time(11)
        assert "Nobody is waiting" in await world.alice.says("!queue")
