"""Members press the buttons under dreams; who may is asked at each press."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import discord
import simcord
from PIL import Image

from dream.recipe import Recipe
from tests.support.talk import Talk, buttons, whispered
from tests.support.waiting import until

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
    assert await talk.queue.jobs.picture(job.id, "source") == await first.attachments[0].read()


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


async def more(talk: Talk, who: simcord.MemberActor, dream: discord.Message) -> simcord.ResponseMessage:
    """What `More` shows to whoever presses it."""
    shown = (await talk.presses(who, dream, "more")).response
    assert shown and shown.ephemeral
    return shown


def pixels(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def keys(message: discord.Message) -> list[str]:
    """What the buttons under a message do."""
    return [(button.custom_id or "").partition(":")[0] for button in buttons(message)]


async def test_one_row_stands_under_a_dream_and_more_is_a_press_away(talk: Talk) -> None:
    dream = await dreamt(talk)
    assert len(dream.components) == 1
    assert keys(dream) == ["remix", "again", "deeper", "bigger", "more"]
    assert [button.label for button in buttons(dream)] == ["Remix", None, None, None, None]  # fits a phone
    panel = await more(talk, talk.bob, dream)
    assert [button.label for button in buttons(panel)] == [
        *("Gentler", "Wilder", "Four variations"),
        *("Before & after", "As a GIF", "Fall into it"),
        *("Recipe", "Delete"),
    ]
    recipe = await talk.presses(talk.bob, panel, "recipe")
    assert f"!dream {QUICK} seed=1" in whispered(recipe)


async def test_bigger_has_sides_twice_as_long_up_to_the_most(talk: Talk) -> None:
    await talk.says(talk.admin, f"!settings set {talk.channel.mention} max_size 300")
    await talk.says(talk.alice, f"!dream {QUICK} size=120", talk.photo)
    first = await talk.dream()
    await talk.presses(talk.bob, first, "bigger")
    second = await talk.dream()
    assert "· bigger than [this dream]" in second.content
    assert pixels(await second.attachments[0].read()) == (240, 160)
    await talk.presses(talk.bob, second, "bigger")
    third = await talk.dream()
    assert pixels(await third.attachments[0].read()) == (300, 200)
    assert "at most 300 pixels" in whispered(await talk.presses(talk.alice, third, "bigger"))


async def test_gentler_and_wilder_change_the_strength_alone(talk: Talk) -> None:
    dream = await dreamt(talk)
    panel = await more(talk, talk.bob, dream)
    for name, factor in (("gentler", 0.6), ("wilder", 1.6)):
        await talk.presses(talk.bob, panel, name)
        assert f"· {name} than [this dream]" in (await talk.dream()).content
        recipe = Recipe.parse((await talk.job()).recipe)
        assert recipe == replace(Recipe.parse(f"{QUICK} seed=1"), strength=0.014 * factor)
    await talk.says(talk.alice, f"!dream {QUICK} strength=0.1", talk.photo)
    wildest = await more(talk, talk.bob, await talk.dream())
    assert "as wild as a dream can be" in whispered(await talk.presses(talk.bob, wildest, "wilder"))


async def test_four_variations_are_a_press_away_from_their_dreams(talk: Talk) -> None:
    await talk.says(talk.alice, "!dream block5 steps=1 octaves=1 seed=1", talk.photo)
    dream = await talk.dream()
    await talk.presses(talk.bob, await more(talk, talk.bob, dream), "vary")
    sheet = await talk.dream()
    assert "4 dreams to choose from" in sheet.content and talk.bob.mention in sheet.content
    assert [button.label for button in buttons(sheet)][:4] == ["1", "2", "3", "4"]
    assert "1 block4, 2 block6, 3 seed " in (sheet.attachments[0].description or "")
    width, height = pixels(await sheet.attachments[0].read())
    assert width > 2 * 120 and height > 2 * 80
    (second,) = [button for button in buttons(sheet) if button.label == "2"]
    await talk.alice.click(sheet, custom_id=second.custom_id)
    chosen = await talk.dream()
    assert "`block6 steps=1 octaves=1 seed=1`" in chosen.content and "chosen from" in chosen.content
    assert pixels(await chosen.attachments[0].read()) == (120, 80)


async def test_before_and_after_beside_each_other_and_as_a_loop(talk: Talk) -> None:
    panel = await more(talk, talk.bob, await dreamt(talk))
    await talk.presses(talk.bob, panel, "sides")
    sides = await talk.dream()
    assert "Before and after" in sides.content
    width, height = pixels(await sides.attachments[0].read())
    assert width > 2 * 120 and 80 < height < 160
    await talk.presses(talk.bob, panel, "wipe")
    wipe = await talk.dream()
    assert wipe.attachments[0].filename.endswith(".gif")
    with Image.open(io.BytesIO(await wipe.attachments[0].read())) as loop:
        assert getattr(loop, "n_frames", 1) > 20 and loop.info["loop"] == 0
    assert keys(wipe) == ["more"]
    assert [button.label for button in buttons(await more(talk, talk.bob, wipe))] == ["Delete"]


async def test_nothing_is_compared_with_a_sky(talk: Talk) -> None:
    await talk.says(talk.alice, f"!sky {QUICK} size=64")
    labels = [button.label for button in buttons(await more(talk, talk.bob, await talk.dream()))]
    assert "Wilder" in labels and "Before & after" not in labels


async def test_a_double_click_asks_once(talk: Talk) -> None:
    dream = await dreamt(talk)
    before = len(talk.answers)
    await talk.presses(talk.bob, dream, "again")
    await talk.presses(talk.bob, dream, "again")
    await talk.dream()
    assert len(talk.answers) == before + 1
    await talk.presses(talk.alice, dream, "again")  # somebody else's is another one
    await talk.dream()
    assert len(talk.answers) == before + 2


async def test_remix_takes_a_preset_a_recipe_or_options_for_the_same_picture(talk: Talk) -> None:
    await talk.says(talk.admin, "!preset save quickest block4 steps=1 octaves=1")
    first = await dreamt(talk)
    form = await talk.presses(talk.bob, first, "remix")
    await talk.bob.submit_modal(form, {"preset": ["quickest"], "recipe": QUICK})
    second = await talk.dream()
    assert second.content.startswith(f"✨ **quickest** for {talk.bob.mention} · remixed from [this dream]")
    assert "`block4 steps=1 octaves=1 seed=1`" in second.content
    assert await talk.queue.jobs.picture((await talk.job()).id, "source") == talk.photo[1]

    form = await talk.presses(talk.alice, second, "remix")
    await talk.alice.submit_modal(form, {"recipe": "block5 steps=1", "how": ["strength=0.03"]})
    third = await talk.dream()
    assert (
        third.content.startswith("✨ **Dreamt**") and "`block5 steps=1 strength=0.03 seed=1`" in third.content
    )

    form = await talk.presses(talk.alice, third, "remix")
    refused = await talk.alice.submit_modal(form, {"recipe": "blok5"})
    assert "did you mean" in whispered(refused) and "You wrote `blok5`" in whispered(refused)
    await talk.says(talk.admin, "!preset delete quickest")


async def test_remix_takes_a_guide_picture_and_one_choice_of_each_kind(talk: Talk) -> None:
    first = await dreamt(talk)
    form = await talk.presses(talk.bob, first, "remix")
    guide = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(guide, "PNG")
    how = ["quality=quick", "strength=0.03"]
    await talk.bob.submit_modal(form, {"recipe": QUICK, "guide": ("sea.png", guide.getvalue()), "how": how})
    second = await talk.dream()
    job = await talk.job()
    assert await talk.queue.jobs.picture(job.id, "guide") == guide.getvalue()
    assert "quality=quick" in job.recipe and "strength=0.03" in job.recipe
    form = await talk.presses(talk.alice, second, "remix")
    refused = await talk.alice.submit_modal(form, {"how": ["quality=quick", "quality=rich"]})
    assert "two kinds of quality" in whispered(refused)


async def test_whoever_waits_long_asks_to_be_pinged(talk: Talk) -> None:
    await talk.says(talk.alice, "!dream block12 steps=100 octaves=4 size=2048", talk.photo)
    job = await talk.job()
    await until(lambda: "ping" in keys(talk.answers[-1]))
    assert "Only whoever asked" in whispered(await talk.presses(talk.bob, talk.answers[-1], "ping"))
    assert "I'll ping you here once" in whispered(await talk.presses(talk.alice, talk.answers[-1], "ping"))
    assert keys(talk.answers[-1]) == ["cancel"]
    assert (await talk.queue.jobs.get(job.id)).pings
    await talk.presses(talk.alice, talk.answers[-1], "cancel")
    assert len(talk.answers) == 1  # whoever cancels need not be told


async def test_a_form_that_was_open_over_a_restart_is_read(talk: Talk) -> None:
    form = await talk.presses(talk.bob, await dreamt(talk), "remix")
    talk.bot._connection._view_store._modals.clear()  # a new process knows of no form
    await talk.bob.submit_modal(form, {"recipe": "block4 steps=1 octaves=1"})
    assert "`block4 steps=1 octaves=1 seed=1`" in (await talk.dream()).content


async def test_a_dream_and_its_pictures_are_deleted_by_asker_or_moderator(talk: Talk) -> None:
    for who in (talk.alice, talk.admin):
        dream = await dreamt(talk)
        job = await talk.job()
        refused = await talk.presses(talk.bob, await more(talk, talk.bob, dream), "delete")
        assert "Only whoever asked" in whispered(refused)
        await talk.presses(who, await more(talk, who, dream), "delete")
        assert talk.answers == []
        assert await talk.queue.jobs.get(job.id) is None
        assert await talk.queue.jobs.picture(job.id, "source") is None


async def test_a_report_reaches_the_moderators_who_remove_it_there(talk: Talk) -> None:
    panel = await more(talk, talk.bob, await dreamt(talk))
    assert "Report" not in [button.label for button in buttons(panel)]
    admins = talk.guild.channels["admins"]
    await talk.says(talk.admin, f"!settings set report_channel {admins.mention}")
    dream = await dreamt(talk)

    assert "moderators have been told" in whispered(
        await talk.presses(talk.bob, await more(talk, talk.bob, dream), "report")
    )
    (report,) = [message for message in admins.history() if "reports" in message.content]
    assert dream.jump_url in report.content and talk.bob.mention in report.content
    await talk.presses(talk.admin, report, "delete")
    assert dream.id not in [message.id for message in talk.answers]
    assert "removed" in admins.history()[-1].content
    panel = await more(talk, talk.bob, await dreamt(talk))
    await talk.says(talk.admin, "!settings reset report_channel")
    assert "named no channel" in whispered(await talk.presses(talk.bob, panel, "report"))


async def test_a_button_of_a_dream_that_is_gone_says_so(talk: Talk) -> None:
    dream = await dreamt(talk)
    await talk.queue.erase((await talk.job()).id)
    assert "start a new one" in whispered(await talk.presses(talk.alice, dream, "again"))
