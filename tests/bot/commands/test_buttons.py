"""Members press the buttons under dreams; who may is asked at each press."""

from __future__ import annotations

import asyncio

import discord

from tests.support.talk import Talk, buttons, whispered

QUICK = "block3 steps=2 octaves=1"
LONG = "block3 steps=100 octaves=3 size=1024"


async def dreamt(talk: Talk) -> discord.Message:
    await talk.says(talk.alice, f"!dream {QUICK} seed=1", talk.photo)
    return await talk.dream()


async def test_again_is_the_same_with_another_seed(talk: Talk) -> None:
    first = await dreamt(talk)
    await talk.presses(talk.bob, first, "again")
    second = await talk.dream()
    assert second.id != first.id
    assert QUICK in second.content and "seed=1`" not in second.content
    assert talk.bob.mention in second.content
    assert await second.attachments[0].read() != await first.attachments[0].read()


async def test_deeper_dreams_of_the_dream(talk: Talk) -> None:
    first = await dreamt(talk)
    await talk.presses(talk.bob, first, "deeper")
    await talk.dream()
    job = await talk.job()
    assert await talk.queue.source(job.id) == await first.attachments[0].read()


async def test_only_the_asker_or_a_moderator_cancels(talk: Talk) -> None:
    for who in (talk.alice, talk.admin):
        await talk.says(talk.alice, f"!dream {LONG}", talk.photo)
        status = talk.answers[-1]
        refused = await talk.presses(talk.bob, status, "cancel")
        assert "Only whoever asked" in whispered(refused)
        assert await talk.in_line()
        await talk.presses(who, status, "cancel")
        assert await talk.in_line() == []
        assert "cancelled" in talk.answers[-1].content
        assert not talk.answers[-1].components and not talk.answers[-1].attachments


async def test_deleting_the_asking_message_cancels(talk: Talk) -> None:
    asked = await talk.alice.send(talk.channel, f"!dream {LONG}", attachments=[talk.photo])
    await talk.alice.delete(asked)
    async with asyncio.timeout(5):
        while await talk.in_line():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_dream_and_its_pictures_are_deleted_by_asker_or_moderator(talk: Talk) -> None:
    for who in (talk.alice, talk.admin):
        dream = await dreamt(talk)
        job = await talk.job()
        assert "Only whoever asked" in whispered(await talk.presses(talk.bob, dream, "delete"))
        await talk.presses(who, dream, "delete")
        assert talk.answers == []
        assert await talk.queue.get(job.id) is None
        assert await talk.queue.source(job.id) is None


async def test_a_report_reaches_the_moderators_who_remove_it_there(talk: Talk) -> None:
    assert "🚩" not in [button.emoji.name for button in buttons(await dreamt(talk))]
    admins = talk.guild.channels["admins"]
    await talk.says(talk.admin, f"!settings set report_channel {admins.mention}")
    dream = await dreamt(talk)

    assert "moderators have been told" in whispered(await talk.presses(talk.bob, dream, "report"))
    (report,) = [message for message in admins.history() if "reports" in message.content]
    assert dream.jump_url in report.content and talk.bob.mention in report.content
    await talk.presses(talk.admin, report, "delete")
    assert dream.id not in [message.id for message in talk.answers]
    assert "removed" in admins.history()[-1].content
    another = await dreamt(talk)
    await talk.says(talk.admin, "!settings reset report_channel")
    assert "named no channel" in whispered(await talk.presses(talk.bob, another, "report"))


async def test_a_button_of_a_dream_that_is_gone_says_so(talk: Talk) -> None:
    dream = await dreamt(talk)
    await talk.queue.erase((await talk.job()).id)
    assert "start a new one" in whispered(await talk.presses(talk.alice, dream, "again"))
