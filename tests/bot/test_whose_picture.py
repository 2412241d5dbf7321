"""Whose picture it is: everybody's, with a consent, one's own; withdrawn; explicit, hidden, for adults."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import discord

from bot.store.jobs import Job, State
from tests.support.pictures import PHOTO
from tests.support.speaker import Speaker, whispered
from tests.support.waiting import until
from tests.support.world import World, more


async def set_up(world: World, whose: str) -> discord.Message:
    """Choose who may dream on others' pictures, and let Alice post one."""
    assert "✅" in await world.admin.at(world.art).says(f"!settings set others_pictures {whose}")
    return await world.alice.posts("my cat", (f"cat{world.guild.id}.jpg", PHOTO.read_bytes()))


async def asked(world: World, who: Speaker, text: str, reply_to: discord.Message) -> Job:
    """The job of a dream that somebody asks for in reply to a picture."""
    await who.posts(text, reply_to=reply_to)
    jobs = await world.jobs(who)
    assert jobs, world.dreams.last_message.content
    return jobs[-1]


def question(world: World, job: Job) -> discord.Message:
    return next(one for one in world.dreams.history() if one.id == job.status_message_id)


async def shown(world: World, job: Job) -> discord.Message:
    """The message of a job, once it shows how it ended."""

    async def is_shown() -> bool:
        now = await world.app.queue.jobs.for_display(job.id)
        return now is None or (now.state.is_final and now.shown_state is now.state)

    await until(is_shown)
    return question(world, job)


async def test_everybody_may_where_nobody_said_otherwise(world: World) -> None:
    photo = await set_up(world, "everybody")
    job = await asked(world, world.bob, "!dream block3", photo)
    assert job.author_id == world.alice.id and job.state is not State.HELD
    await shown(world, job)


async def test_ones_own_pictures_only_by_every_way_in(world: World) -> None:
    photo = await set_up(world, "own")
    own = await world.dreamt(world.alice, "!dream block3")
    for text, reply in (("!dream block3", photo), ("!dream", None), ("!grid block3 block4", photo)):
        await world.bob.posts(text, reply_to=reply)
        assert "your own pictures only" in world.dreams.last_message.content, text
    menu = await world.bob.picks("Dream this picture", photo)
    assert "your own pictures only" in whispered(menu)
    for button in ("again", "deeper", "bigger"):
        pressed = await world.bob.presses(f"{button}:{own.id}", question(world, own))
        assert "your own pictures only" in whispered(pressed), button
    panel = await more(world.bob, question(world, own))
    assert "your own pictures only" in whispered(await world.bob.presses("Four variations", panel))
    form = await world.bob.presses("remix", question(world, own))
    remixed = await world.bob.fills(form, recipe="block4")
    assert "your own pictures only" in whispered(remixed)
    assert await world.jobs(world.bob) == []
    await world.alice.presses("again", question(world, own))
    assert len(await world.jobs(world.alice)) == 2


async def test_whoever_posted_it_is_asked_and_agrees(world: World) -> None:
    photo = await set_up(world, "consent")
    job = await asked(world, world.bob, "!dream block3", photo)
    message = question(world, job)
    assert job.state is State.HELD
    assert message.content.startswith(f"🙋 {world.alice.mention}, {world.bob.mention} would like to dream on")
    assert photo.jump_url in message.content and not message.attachments
    for other in (world.bob, world.mod):
        pressed = await other.presses("Yes, they may", message)
        assert "Only whoever posted the picture" in whispered(pressed)
    assert "may dream on your picture" in whispered(await world.alice.presses("Yes, they may", message))
    assert "✨" in (await shown(world, job)).content
    again = await world.bob.presses("again", await shown(world, job))
    assert whispered(again) == ""
    second = (await world.jobs(world.bob))[-1]
    assert second.state is not State.HELD and second.consented_at, "an answer counts for the whole line"
    await shown(world, second)
    await world.mod.presses("again", question(world, second))
    (third,) = await world.jobs(world.mod)
    assert third.state is State.HELD, "each is asked for"


async def test_whoever_declines_is_not_dreamt_of(world: World) -> None:
    photo = await set_up(world, "consent")
    job = await asked(world, world.bob, "!dream block3", photo)
    await world.alice.presses("No", question(world, job))
    message = await shown(world, job)
    assert message.content == "🌙 Whoever posted the picture would rather not." and not message.components
    assert await world.app.queue.jobs.picture(job.id, "source") is None, "the picture is not kept"


async def test_a_question_is_answered_once_however_often_it_is_pressed(world: World) -> None:
    photo = await set_up(world, "consent")
    job = await asked(world, world.bob, "!dream block3", photo)
    queue = world.app.queue
    assert sorted(await asyncio.gather(queue.consent(job.id), queue.consent(job.id))) == [False, True]
    ended = await shown(world, job)
    assert len([one for one in world.dreams.history() if "✨" in one.content]) == 1 and "✨" in ended.content


async def test_a_question_ends_after_a_day(world: World) -> None:
    photo = await set_up(world, "consent")
    late, swept = [await asked(world, world.bob, f"!dream block{n}", photo) for n in (3, 4)]
    world.clock.advance(timedelta(days=1, minutes=1))
    pressed = await world.alice.presses("Yes, they may", question(world, late))
    assert "has ended" in whispered(pressed)
    await world.app.queue.purge()
    for job in (late, swept):
        assert "did not answer within a day" in (await shown(world, job)).content
        assert await world.app.queue.jobs.picture(job.id, "source") is None


async def test_a_question_on_a_deleted_picture_ends(world: World) -> None:
    photo = await set_up(world, "consent")
    job = await asked(world, world.bob, "!dream block3", photo)
    await world.alice.delete(photo)
    assert "its picture is gone" in (await shown(world, job)).content
    photo = await set_up(world, "consent")
    job = await asked(world, world.bob, "!dream block3", photo)
    events: Any = world.app.bot.get_cog("Events")
    world.app.bot.remove_listener(events.on_raw_message_delete)  # as if the bot were not connected
    await world.alice.delete(photo)
    world.app.bot.add_listener(events.on_raw_message_delete)
    pressed = await world.alice.presses("Yes, they may", question(world, job))
    assert "picture is gone" in whispered(pressed)
    assert "its picture is gone" in (await shown(world, job)).content


async def test_whoever_asked_takes_it_back(world: World) -> None:
    photo = await set_up(world, "consent")
    for n in range(4):
        await asked(world, world.bob, f"!dream block{n}", photo)
    assert "4 answers already" in await world.bob.says("!dream block5")
    assert "Cancelled 4" in await world.bob.says("!cancel all")
    jobs = await world.jobs(world.bob)
    assert {job.state for job in jobs} == {State.CANCELLED}


async def test_nobody_is_asked_who_cannot_answer(world: World) -> None:
    await set_up(world, "consent")
    robot = world.joined("robot", bot=True)
    posted = await robot.posts("art", ("art.jpg", PHOTO.read_bytes()))
    assert "can't be asked here" in await world.bob.says("!dream block3", reply_to=posted)
    sky = await world.dreamt(world.alice, "!sky block3")
    await world.bob.presses("deeper", question(world, sky))
    (job,) = await world.jobs(world.bob)
    assert job.state is not State.HELD, "a sky is nobody's"
    await shown(world, job)


async def test_whoever_opted_out_is_not_even_asked(world: World) -> None:
    for whose in ("everybody", "consent"):
        photo = await set_up(world, whose)
        await world.alice.says("!privacy")
        choices = (await world.alice.presses("My choices", world.dreams.last_message)).response
        assert choices is not None
        await world.alice.presses("choice:pictures:out", choices)
        assert "wants nobody else to dream on it" in await world.bob.says("!dream block3", reply_to=photo)
        await world.dreamt(world.alice, "!dream block3")
        await world.alice.presses("choice:pictures:in", choices)
    assert await world.jobs(world.bob) == []


async def test_a_picture_is_withdrawn_with_all_that_grew_from_it(world: World) -> None:
    photo = await set_up(world, "everybody")
    first = await world.dreamt(world.alice, "!dream block3")
    await world.bob.presses("deeper", question(world, first))
    grown = (await world.jobs(world.bob))[-1]
    await shown(world, grown)
    apart = await asked(world, world.mod, "!dream block4", photo)
    await shown(world, apart)
    other = await world.dreamt(world.bob, "!sky")
    panel = await more(world.bob, await shown(world, grown))
    assert "Withdraw my picture" not in str(panel.components), "not one's own picture"
    panel = await more(world.alice, await shown(world, grown))
    await world.alice.presses("Withdraw my picture", panel)
    for job in (first, grown, apart):
        message = await shown(world, job)
        assert message.content == "🌙 Whoever posted the picture withdrew it, and all dreams of it."
        assert not message.attachments and not message.components
        assert await world.app.queue.jobs.picture(job.id, "result") is None
        await until(partial(_is_gone, world, job.id))
    assert await world.app.queue.jobs.picture(other.id, "result")


async def _is_gone(world: World, id: str) -> bool:
    return await world.app.queue.jobs.for_display(id) is None


async def test_a_hidden_picture_stays_hidden_through_all_that_grows_from_it(world: World) -> None:
    hidden = await world.alice.posts("careful", ("SPOILER_cat.jpg", PHOTO.read_bytes()))
    job = await asked(world, world.bob, "!dream block3", hidden)
    assert (await shown(world, job)).attachments[0].is_spoiler()
    await world.mod.presses("deeper", question(world, job))
    grown = (await world.jobs(world.mod))[-1]
    assert (await shown(world, grown)).attachments[0].is_spoiler()


async def test_dreams_of_age_restricted_channels_are_hidden(world: World) -> None:
    channel = world.bot_channel
    channel.nsfw = True
    job = await world.dreamt(world.alice, "!sky block3")
    assert job.spoiler and question(world, job).attachments[0].is_spoiler()


async def test_what_discord_calls_explicit_is_for_age_restricted_channels(world: World) -> None:
    photo = await set_up(world, "everybody")
    world.env.backend.get_message(world.dreams.id, photo.id).attachments[0]["flags"] = 1 << 4
    assert "age-restricted channels only" in await world.bob.says("!dream block3", reply_to=photo)
    assert await world.jobs(world.bob) == []


async def test_an_explicit_picture_is_not_even_looked_at(world: World) -> None:
    photo = await set_up(world, "everybody")
    world.env.backend.get_message(world.dreams.id, photo.id).attachments[0]["flags"] = 1 << 4
    assert "age-restricted channels only" in await world.bob.says("!see", reply_to=photo)
