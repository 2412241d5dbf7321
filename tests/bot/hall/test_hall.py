"""Members star dreams, and the hall of fame's channel follows, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType
from sqlalchemy import update

from bot.store.hall import StarredRow
from tests.support.hall_world import STAR, HallWorld
from tests.support.pictures import PHOTO
from tests.support.speaker import answered, buttons, whispered
from tests.support.world import more


async def test_enough_stars_of_others_bring_a_dream_in(world: HallWorld) -> None:
    await world.open_hall(stars=2)
    job = await world.dreamt(world.alice, "!sky puppyslug")
    await world.star(job, world.alice, world.bob)
    assert not world.in_hall(), "one's own star counts for nothing"
    await world.star(job, world.carl)
    (post,) = world.in_hall()
    assert post.content.startswith(f"⭐ **2** · **Puppyslug** for {world.alice.mention}\n")
    assert await post.attachments[0].read() == await (await world.shown(job)).attachments[0].read()
    (link,) = [one for one in buttons(post) if one.url]
    assert link.url == (await world.shown(job)).jump_url
    await world.star(job, world.dora)
    (again,) = world.in_hall()
    assert again.id == post.id and again.content.startswith("⭐ **3**") and again.attachments


async def test_a_bots_star_counts_for_nothing(world: HallWorld) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    other = world.joined("robot", bot=True)
    await world.star(job, other)
    assert not world.in_hall()
    row = await world.row(job)
    assert row and row.stars == 0


async def test_a_dream_that_loses_its_stars_leaves_and_may_come_back(world: HallWorld) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    assert len(world.in_hall()) == 1
    await world.bob.unreact(await world.shown(job), STAR)
    await world.settle()
    assert not world.in_hall()
    await world.star(job, world.carl)
    assert len(world.in_hall()) == 1


async def test_other_emoji_other_messages_and_a_closed_hall_are_nothing(world: HallWorld) -> None:
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    assert await world.row(job) is None, "no hall of fame: nothing is kept"
    await world.open_hall()
    await world.settle()
    assert len(world.in_hall()) == 1, "stars from before it was opened count, too"
    other = await world.dreamt(world.alice)
    await world.bob.react(await world.shown(other), "💜")
    said = await world.alice.posts("look")
    await world.bob.react(said, STAR)
    await world.settle()
    assert await world.row(other) is None and len(world.in_hall()) == 1


async def test_a_deleted_dream_leaves(world: HallWorld) -> None:
    await world.open_hall()
    for by_button in (True, False):
        job = await world.dreamt(world.alice)
        await world.star(job, world.bob)
        assert len(world.in_hall()) == 1
        post = await world.shown(job)
        if by_button:
            panel = await more(world.alice, post)
            await world.alice.presses("delete", panel)
        else:
            await world.mod.delete(post)
        await world.settle()
        assert not world.in_hall()


async def test_a_post_that_a_moderator_deletes_stays_deleted(world: HallWorld) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    await world.mod.delete(world.in_hall()[0])
    await world.star(job, world.carl)
    assert not world.in_hall()


async def test_whose_dream_it_is_and_moderators_take_it_out_for_good(world: HallWorld) -> None:
    await world.open_hall()
    for who in (world.alice, world.mod):
        job = await world.dreamt(world.alice)
        await world.star(job, world.bob)
        (post,) = world.in_hall()
        refused = await world.bob.presses("Take it out", post)
        assert "Only whose dream" in whispered(refused) and len(world.in_hall()) == 1
        assert "will not come back" in whispered(await who.presses("Take it out", post))
        await world.settle()
        assert not world.in_hall()
        await world.star(job, world.carl)
        assert not world.in_hall()


async def test_to_be_forgotten_takes_ones_dreams_and_those_of_ones_pictures_out(world: HallWorld) -> None:
    await world.open_hall()
    await world.alice.posts("mine", ("cat.jpg", PHOTO.read_bytes()))
    own = await world.dreamt(world.alice)
    grown = await world.dreamt(world.bob, "!dream block3")
    assert grown.author_id == world.alice.id
    await world.star(own, world.carl)
    await world.star(grown, world.carl)
    assert f"from a picture by {world.alice.mention}" in world.in_hall()[1].content
    await world.alice.says("!forget-me")
    await world.alice.presses("Delete everything of me", world.dreams.last_message)
    await world.settle()
    assert not world.in_hall()
    assert await world.row(own) is None and await world.row(grown) is None


async def test_a_dream_of_a_channel_that_not_all_see_stays_there(world: HallWorld) -> None:
    await world.open_hall()
    hidden, shown = (discord.PermissionOverwrite(view_channel=seen) for seen in (False, True))
    rights: dict[Any, discord.PermissionOverwrite] = {
        world.guild.default_role: hidden,
        world.fans: shown,
        world.guild.me: shown,
    }
    secret = world.guild.create_text_channel("secret", overwrites=rights)
    job = await world.dreamt(world.bob.at(secret), "!sky")
    other = world.joined("fan", world.fans)
    await world.star(job, other)
    row = await world.row(job)
    assert row and row.stars == 1 and not world.in_hall()


async def test_stars_given_while_the_bot_was_away_are_found(world: HallWorld) -> None:
    await world.open_hall()
    liked, left, gone = [await world.dreamt(world.alice) for _ in range(3)]
    await world.star(left, world.bob)
    await world.star(gone, world.bob)
    assert len(world.in_hall()) == 2
    stars: Any = await world.app.bot.remove_cog("Stars")  # as if the bot were not connected
    await world.bob.react(await world.shown(liked), STAR)
    await world.bob.unreact(await world.shown(left), STAR)
    await world.mod.delete(await world.shown(gone))
    await world.app.bot.add_cog(stars)
    await world.settle()
    assert len(world.in_hall()) == 2
    await stars.on_shard_ready(0)
    await world.settle()
    (post,) = world.in_hall()
    assert post.content.startswith("⭐ **1**")
    row = await world.row(liked)
    assert row and row.post_message_id == post.id


@pytest.mark.parametrize("sent", [True, False])
async def test_a_bot_that_dies_while_posting_posts_once(world: HallWorld, sent: bool) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    if not sent:
        channel = world.app.bot.get_channel(world.hall.id)
        assert isinstance(channel, discord.TextChannel)
        world.app.hall_posts.deleted.add(world.in_hall()[0].id)
        await channel.get_partial_message(world.in_hall()[0].id).delete()
    left = {"placing": "posting", "owner": "a process", "post_message_id": None, "observed": 0}
    async with world.app.database.session() as session, session.begin():
        mine = StarredRow.job_id == job.id
        await session.execute(update(StarredRow).where(mine).values(left))  # as a SIGKILL leaves it
    await world.settle()
    (post,) = world.in_hall()
    row = await world.row(job)
    assert row and (row.placing, row.post_message_id, row.owner) == ("posted", post.id, None)


async def test_discords_trouble_is_waited_out(world: HallWorld) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    world.env.inject_error("POST", f"/channels/{world.hall.id}/messages", status=503, times=2)
    await world.star(job, world.bob)
    assert len(world.in_hall()) == 1


async def test_whoever_opts_out_is_left_out(world: HallWorld) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    await world.alice.says("!privacy")
    choices = answered(await world.alice.presses("My choices"))
    assert choices.ephemeral and "⭐" in choices.content
    await world.alice.presses("choice:hall:out", choices)
    await world.settle()
    assert not world.in_hall()
    await world.alice.presses("choice:hall:in", choices)
    await world.settle()
    assert len(world.in_hall()) == 1


@pytest.mark.parametrize("only_stars", [True, False])
async def test_reactions_that_a_moderator_clears_are_gone(world: HallWorld, only_stars: bool) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    channel = world.bot_channel
    message = channel.get_partial_message((await world.shown(job)).id)
    world.env.backend.set_overwrite(
        world.dreams.id,
        Overwrite(
            channel.guild.me.id, OverwriteType.MEMBER, discord.Permissions(manage_messages=True).value, 0
        ),
    )
    await (message.clear_reaction(STAR) if only_stars else message.clear_reactions())
    await world.env.settle()
    await world.settle()
    assert not world.in_hall()


async def test_a_hall_that_nobody_can_post_in_is_warned_of(world: HallWorld) -> None:
    me = world.app.bot.user
    assert me is not None
    denied = discord.Permissions(attach_files=True, read_message_history=True).value
    world.env.backend.set_overwrite(world.hall.id, Overwrite(me.id, OverwriteType.MEMBER, 0, denied))
    answer = await world.admin.at(world.art).says(f"!settings set hall_channel {world.hall.mention}")
    assert "I need the permission Attach Files and Read Message History in" in answer
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    assert not world.in_hall()


async def test_twice_at_once_takes_a_dream_out_once(world: HallWorld) -> None:
    await world.open_hall()
    job = await world.dreamt(world.alice)
    await world.star(job, world.bob)
    row = await world.row(job)
    assert row is not None
    await asyncio.gather(world.app.hall.remove(row), world.app.hall.remove(row))
    await asyncio.gather(world.app.hall_posts.sweep(), world.app.hall_posts.sweep())
    await world.settle()
    assert not world.in_hall()
