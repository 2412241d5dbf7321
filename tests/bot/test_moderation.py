"""Blocks, removals and reports, in a simulated Discord."""

from __future__ import annotations

from datetime import timedelta

import discord
import pytest

from bench.support.pretended_dreams import WAITS
from bot.checks import NOT_A_SERVER_MODERATOR
from tests.support.world import World, more


async def test_a_block_for_a_while(world: World) -> None:
    assert str(NOT_A_SERVER_MODERATOR) in await world.alice.says(f"!block {world.bob.mention}")
    said = await world.mod.says(f"!block {world.bob.mention} 2h too many frogs")
    assert "can't ask for dreams until <t:" in said
    assert "You can't ask for dreams on this server until <t:" in await world.bob.says("!sky")
    slash = await world.bob.uses("sky")
    assert "You can't ask for dreams" in str([m.content for m in slash.followups] + [slash.response.content])
    listed = await world.mod.says("!blocked")
    assert world.bob.mention in listed and "too many frogs" in listed
    world.clock.advance(timedelta(hours=2))
    assert "Nobody is blocked" in await world.mod.says("!blocked")
    await world.dreamt(world.bob)


async def test_a_block_for_good_stops_what_waits_and_ends_by_hand(world: World) -> None:
    await world.bob.says(f"!sky block8 steps={WAITS}")
    await world.bob.says(f"!sky block8 steps={WAITS}")
    await world.mod.says(f"!block {world.bob.mention} frogs")
    assert {job.state for job in await world.jobs(world.bob)} == {"cancelled"}
    assert "on this server;" in await world.bob.says("!sky")
    assert "✅" in await world.mod.says(f"!unblock {world.bob.mention}")
    assert "is not blocked" in await world.mod.says(f"!unblock {world.bob.mention}")
    await world.dreamt(world.bob)


async def test_a_block_of_another_server_does_not_hold_here(world: World) -> None:
    elsewhere = World(world.app, world.env)
    await elsewhere.mod.says(f"!block {elsewhere.bob.mention}")
    here = world.speaker(world.guild.add_member(elsewhere.bob.user))
    await world.dreamt(here)
    assert "can't ask" in await elsewhere.bob.says("!sky")


@pytest.mark.parametrize("whom", ["admin", "mod"])
async def test_who_may_not_be_blocked(world: World, whom: str) -> None:
    assert "You can't block" in await world.mod.says(f"!block {getattr(world, whom).mention}")


async def test_a_moderator_of_one_channel_decides_about_nobody_on_the_server(world: World) -> None:
    may = discord.PermissionOverwrite(manage_messages=True)
    den = world.guild.create_text_channel("den", overwrites={world.fans: may})
    for words in (f"block {world.alice.mention}", f"unblock {world.alice.mention}", "blocked"):
        assert str(NOT_A_SERVER_MODERATOR) in await world.bob.at(den).says(f"!{words}")
    assert await world.app.moderation.blocks(world.guild.id) == []


async def test_nobody_blocks_who_ranks_no_lower_or_unblocks_themselves(world: World) -> None:
    mods = world.guild.roles["Mods"]
    colleague = world.joined("colleague", mods)
    assert "not below yours" in await world.mod.says(f"!block {colleague.mention}")
    assert "✅" in await world.mod.says(f"!block {world.bob.mention}")
    assert "✅" in await world.admin.says(f"!block {world.mod.mention}")
    assert "unblock yourself" in await world.mod.says(f"!unblock {world.mod.mention}")
    assert "✅" in await world.admin.says(f"!unblock {world.mod.mention}")


async def test_block_and_unblock_take_a_name(world: World) -> None:
    assert "✅" in await world.mod.says(f"!block {world.bob.name}")
    assert "✅" in await world.mod.says(f"!unblock {world.bob.name}")
    assert await world.app.moderation.blocks(world.guild.id) == []


async def test_a_slash_block_with_a_mistaken_duration(world: World) -> None:
    answer = await world.mod.uses("block", member=world.bob, duration="a while")
    said = [m.content for m in answer.followups] + [answer.response.content if answer.response else ""]
    assert "write it like 30m, 12h, 7d or 2w" in str(said)
    answer = await world.mod.uses("block", member=world.bob, duration="1d12h", reason="frogs")
    assert "can't ask" in await world.bob.says("!sky")


async def test_a_moderator_removes_a_dream_and_its_source_at_one_press(world: World) -> None:
    job = await world.dreamt(world.alice)
    post = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    refused = await world.bob.presses("delete", await more(world.bob, post))
    assert "Only whoever asked" in refused.response.content
    assert post.id in {m.id for m in world.dreams.history()}
    await world.mod.presses("delete", await more(world.mod, post))
    assert post.id not in {m.id for m in world.dreams.history()}
    assert await world.app.queue.jobs.get(job.id) is None
    assert [e.action for e in await world.app.settings.audit_log(world.guild.id, 5)] == ["remove"]


async def test_a_moderator_removes_a_dream_that_is_not_kept_any_more_where_it_was_reported(
    world: World,
) -> None:
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    job = await world.dreamt(world.alice)
    post = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    await world.bob.presses("report", await more(world.bob, post))
    report = world.art.last_message
    await world.app.queue.erase(job.id)
    gone = await world.alice.presses("more", post)
    assert "don't have that dream any more" in gone.response.content
    await world.mod.presses("delete", report)
    assert report.id not in {m.id for m in world.art.history()}


async def test_a_report_goes_to_the_channel_that_the_admins_named(world: World) -> None:
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    job = await world.dreamt(world.alice)
    post = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    early, late = await more(world.bob, post), await more(world.mod, post)
    await world.admin.says("!settings reset report_channel")
    refused = await world.mod.presses("report", late)
    assert "named no channel" in refused.response.content
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    told = await world.bob.presses("report", early)
    assert "moderators have been told" in told.response.content
    report = world.art.last_message
    assert post.jump_url in report.content and world.bob.mention in report.content
    await world.mod.presses("delete", report)
    assert post.id not in {m.id for m in world.dreams.history()}
    assert "removed the reported dream" in world.art.last_message.content
