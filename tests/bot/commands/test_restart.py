"""What a restart of the bot leaves behind is gone on with by the next one."""

from __future__ import annotations

from pathlib import Path

import discord

from dream.farm import Farm
from tests.support.pictures import CAT
from tests.support.world import World, opened_world


async def test_a_message_of_the_history_is_read_with_its_authors_roles(tmp_path: Path, farm: Farm) -> None:
    async with opened_world(tmp_path, farm, World) as world:
        await world.alice.says("!help")  # only channels where the bot was used are caught up
        said = await world.admin.posts("good morning")
        await world.restart_bot()
        [newest] = [message async for message in world.bot_channel.history(limit=1)]
        assert newest.id == said.id and not isinstance(newest.author, discord.Member)

        [missed] = [one async for one in world.app.bot.catch_up.unanswered(world.app.bot)]
        assert missed.id == said.id and isinstance(missed.author, discord.Member)
        assert [role.name for role in missed.author.roles] == ["@everyone", "Admins"]


async def test_a_form_that_was_open_over_a_restart_is_read(tmp_path: Path, farm: Farm) -> None:
    async with opened_world(tmp_path, farm, World) as world:
        await world.alice.says("!dream block3 seed=1", picture=CAT)
        form = await world.bob.presses("remix", await world.newest_dream())
        await world.restart_bot()
        await world.bob.fills(form, recipe="block4 steps=1 octaves=1")
        assert "`block4 steps=1 octaves=1 seed=1`" in (await world.newest_dream()).content
