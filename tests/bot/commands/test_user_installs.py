"""The bot as an app of a user's own, on a server and in a group chat where it is no member.

SimCord knows neither: the server is one that the bot's cache has lost and whose channel is closed to it, the
group chat a direct message that is said to be one.
"""

from __future__ import annotations

from typing import Any

import discord
import pytest
import simcord

from bot.asking import MESSAGE_BYTES
from bot.store.jobs import Job
from tests.support.pictures import CAT
from tests.support.speaker import Speaker, whispered
from tests.support.waiting import until
from tests.support.world import World

QUICK = "block3 steps=1 octaves=1"
ANYWHERE = {"dream", "sky", "see", "compare", "grid", "recipe", "mine", "queue", "cancel"}
ANYWHERE |= {"help", "layers", "about", "privacy", "forget-me", "Dream this picture", "Dream this avatar"}


async def away(world: World) -> Speaker:
    """A member in a channel of a server where the bot is not."""
    guild = world.env.create_guild("Elsewhere")
    closed = discord.PermissionOverwrite(view_channel=False, send_messages=False)
    channel = guild.create_text_channel("lounge", overwrites={guild.me: closed})
    member = guild.add_member(world.env.create_user(f"traveller{guild.id}"))
    world.env.backend.emit("GUILD_DELETE", {"id": str(guild.id)})  # the bot's cache forgets it
    await world.env.settle()
    return world.speaker(member).at(channel)


async def only_job(world: World, member_id: int) -> Job:
    """The member's one job, once it has ended and is shown."""

    async def shown() -> bool:
        job, _ = await world.app.queue.jobs.finished_of(member_id, guild_id, 0)
        return job is not None and job.shown_state is job.state

    jobs = [job for job in await world.app.queue.jobs.unfinished() if job.member_id == member_id]
    guild_id = jobs[0].guild_id if jobs else None
    if jobs:
        await until(shown)
    job, count = await world.app.queue.jobs.finished_of(member_id, guild_id, 0)
    assert job and count == 1
    return job


async def test_what_a_user_may_take_along_is_for_members_only(world: World) -> None:
    offered = {
        command["name"]
        for command in (one.to_dict(world.app.bot.tree) for one in world.app.bot.tree.get_commands())
        if 1 in (command.get("integration_types") or ())
    } | {
        menu.name
        for kind in (discord.AppCommandType.message, discord.AppCommandType.user)
        for menu in world.app.bot.tree.get_commands(type=kind)
    }
    assert offered == ANYWHERE


async def test_on_a_foreign_server_the_answer_is_the_interactions_for_all_to_see(world: World) -> None:
    member = await away(world)
    await member.uses("dream", recipe=QUICK, picture=("cat.jpg", CAT))
    job = await only_job(world, member.id)
    assert job.interaction_token and job.max_bytes == 26_214_400 - MESSAGE_BYTES
    (answer,) = [one for one in member.channel.history() if one.id == job.status_message_id]
    assert answer.content.startswith(f"✨ **Dreamt** for {member.mention}") and answer.attachments
    assert not answer.flags.ephemeral and "15 minutes" not in answer.content


async def test_what_is_wrong_is_said_there_as_well(world: World) -> None:
    member = await away(world)
    used = await member.uses("dream", recipe="pupyslug", picture=("cat.jpg", CAT))
    assert used.response and "did you mean puppyslug" in used.response.content
    used = await member.uses("dream", recipe=QUICK)
    assert used.response and "I see no picture here" in used.response.content


async def test_ones_own_dreams_are_private_there_as_well(world: World) -> None:
    member = await away(world)
    used = await member.uses("mine")
    assert "no finished dream here" in whispered(used)


async def test_in_a_group_chat_it_dreams_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = simcord.interactions.base_payload

    def in_group(*arguments: Any, **named: Any) -> Any:
        record, payload = made(*arguments, **named)
        return record, payload | {"context": 2}

    monkeypatch.setattr(simcord.interactions, "base_payload", in_group)
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50001)
    user = world.env.create_user("grouped")
    await user.slash("sky", recipe=f"{QUICK} size=64")
    job = await only_job(world, user.id)
    assert job.interaction_token and job.guild_id is None
