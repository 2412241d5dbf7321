"""Members press the buttons under dreams; who may is asked at each press."""

from __future__ import annotations

import io
from dataclasses import replace

import discord
from PIL import Image

from bench.support.pretended_dreams import WAITS
from dream.recipe import Recipe
from tests.support.pictures import CAT, pixels, png
from tests.support.speaker import buttons, whispered
from tests.support.waiting import until
from tests.support.world import World, more

QUICK = "block3 steps=2 octaves=1"
LONG = f"block12+fire7 size=1024 steps={WAITS}"


async def dreamt(world: World) -> discord.Message:
    await world.alice.says(f"!dream {QUICK} seed=1", picture=CAT)
    return await world.newest_dream()


async def test_again_is_the_same_with_another_seed(world: World) -> None:
    first = await dreamt(world)
    await world.bob.presses("again", first)
    second = await world.newest_dream()
    assert second.id != first.id
    assert QUICK in second.content and "seed=1`" not in second.content
    assert world.bob.mention in second.content
    assert await second.attachments[0].read() != await first.attachments[0].read()


async def test_deeper_dreams_of_the_dream(world: World) -> None:
    first = await dreamt(world)
    await world.bob.presses("deeper", first)
    await world.newest_dream()
    job = await world.newest_job()
    assert await world.app.queue.jobs.picture(job.id, "source") == await first.attachments[0].read()


async def test_only_the_asker_or_a_moderator_cancels(world: World) -> None:
    for who in (world.alice, world.admin):
        await world.alice.says(f"!dream {LONG}", picture=CAT)
        status = world.answers[-1]
        refused = await world.bob.presses("cancel", status)
        assert "Only whoever asked" in whispered(refused)
        assert await world.in_line()
        await who.presses("cancel", status)
        assert await world.in_line() == []
        assert "cancelled" in world.answers[-1].content
        assert not world.answers[-1].components and not world.answers[-1].attachments


async def nobody_waits(world: World) -> bool:
    return await world.in_line() == []


async def test_deleting_the_asking_message_cancels(world: World) -> None:
    asked = await world.alice.posts(f"!dream {LONG}", picture=CAT)
    await world.alice.delete(asked)
    await until(lambda: nobody_waits(world))


def keys(message: discord.Message) -> list[str]:
    """What the buttons under a message do."""
    return [(button.custom_id or "").partition(":")[0] for button in buttons(message)]


async def test_one_row_stands_under_a_dream_and_more_is_a_press_away(world: World) -> None:
    dream = await dreamt(world)
    assert len(dream.components) == 1
    assert keys(dream) == ["remix", "again", "deeper", "bigger", "more"]
    assert [button.label for button in buttons(dream)] == ["Remix", None, None, None, None]  # fits a phone
    panel = await more(world.bob, dream)
    assert [button.label for button in buttons(panel)] == [
        *("Gentler", "Wilder", "Four variations"),
        *("Before & after", "As a GIF", "Morph back", "Fall into it"),
        *("Recipe", "Delete"),
    ]
    recipe = await world.bob.presses("recipe", panel)
    assert f"!dream {QUICK} seed=1" in whispered(recipe)


async def test_bigger_has_sides_twice_as_long_up_to_the_most(world: World) -> None:
    await world.admin.says(f"!settings set {world.dreams.mention} max_size 300")
    await world.alice.says(f"!dream {QUICK} size=120", picture=CAT)
    first = await world.newest_dream()
    await world.bob.presses("bigger", first)
    second = await world.newest_dream()
    assert "· bigger than [this dream]" in second.content
    assert pixels(await second.attachments[0].read()) == (240, 160)
    await world.bob.presses("bigger", second)
    third = await world.newest_dream()
    assert pixels(await third.attachments[0].read()) == (300, 200)
    assert "at most 300 pixels" in whispered(await world.alice.presses("bigger", third))


async def test_gentler_and_wilder_change_the_strength_alone(world: World) -> None:
    dream = await dreamt(world)
    panel = await more(world.bob, dream)
    for name, factor in (("gentler", 0.6), ("wilder", 1.6)):
        await world.bob.presses(name, panel)
        assert f"· {name} than [this dream]" in (await world.newest_dream()).content
        recipe = Recipe.parse((await world.newest_job()).recipe)
        assert recipe == replace(Recipe.parse(f"{QUICK} seed=1"), strength=0.014 * factor)
    await world.alice.says(f"!dream {QUICK} strength=0.1", picture=CAT)
    wildest = await more(world.bob, await world.newest_dream())
    assert "as wild as a dream can be" in whispered(await world.bob.presses("wilder", wildest))


async def test_four_variations_are_a_press_away_from_their_dreams(real_world: World) -> None:
    await real_world.alice.says("!dream block5 steps=1 octaves=1 seed=1", picture=CAT)
    dream = await real_world.newest_dream()
    await real_world.bob.presses("vary", await more(real_world.bob, dream))
    sheet = await real_world.newest_dream()
    assert "4 dreams to choose from" in sheet.content and real_world.bob.mention in sheet.content
    assert [button.label for button in buttons(sheet)][:4] == ["1", "2", "3", "4"]
    assert "1 block4, 2 block6, 3 seed " in (sheet.attachments[0].description or "")
    width, height = pixels(await sheet.attachments[0].read())
    assert width > 2 * 120 and height > 2 * 80
    (second,) = [button for button in buttons(sheet) if button.label == "2"]
    await real_world.alice.presses(second.custom_id, sheet)
    chosen = await real_world.newest_dream()
    assert "`block6 steps=1 octaves=1 seed=1`" in chosen.content and "chosen from" in chosen.content
    assert pixels(await chosen.attachments[0].read()) == (120, 80)


async def test_before_and_after_beside_each_other_and_as_a_loop(real_world: World) -> None:
    panel = await more(real_world.bob, await dreamt(real_world))
    await real_world.bob.presses("sides", panel)
    sides = await real_world.newest_dream()
    assert "Before and after" in sides.content
    width, height = pixels(await sides.attachments[0].read())
    assert width > 2 * 120 and 80 < height < 160
    await real_world.bob.presses("wipe", panel)
    wipe = await real_world.newest_dream()
    assert wipe.attachments[0].filename.endswith(".gif")
    with Image.open(io.BytesIO(await wipe.attachments[0].read())) as loop:
        assert getattr(loop, "n_frames", 1) > 20 and loop.info["loop"] == 0
    await real_world.bob.presses("back", panel)
    back = await real_world.newest_dream()
    assert back.content.startswith("✨ **Back to the picture** ")
    with Image.open(io.BytesIO(await back.attachments[0].read())) as loop:
        assert getattr(loop, "n_frames", 1) > 20 and loop.info["loop"] == 0
    assert keys(wipe) == ["more"]
    assert "🎲 another seed" in panel.content
    panel = await more(real_world.bob, wipe)
    assert [button.label for button in buttons(panel)] == ["Delete"]
    assert "another seed" not in panel.content, "there is no such button under it"


async def test_nothing_is_compared_with_a_sky(world: World) -> None:
    await world.alice.says(f"!sky {QUICK} size=64")
    labels = [button.label for button in buttons(await more(world.bob, await world.newest_dream()))]
    assert "Wilder" in labels and "Before & after" not in labels


async def test_a_double_click_asks_once(world: World) -> None:
    dream = await dreamt(world)
    before = len(world.answers)
    await world.bob.presses("again", dream)
    await world.bob.presses("again", dream)
    await world.newest_dream()
    assert len(world.answers) == before + 1
    await world.alice.presses("again", dream)  # somebody else's is another one
    await world.newest_dream()
    assert len(world.answers) == before + 2


async def test_remix_takes_a_preset_a_recipe_or_options_for_the_same_picture(world: World) -> None:
    await world.admin.says("!preset save quickest block4 steps=1 octaves=1")
    first = await dreamt(world)
    form = await world.bob.presses("remix", first)
    await world.bob.fills(form, preset=["quickest"], recipe=QUICK)
    second = await world.newest_dream()
    assert second.content.startswith(f"✨ **quickest** for {world.bob.mention} · remixed from [this dream]")
    assert "`block4 steps=1 octaves=1 seed=1`" in second.content
    assert await world.app.queue.jobs.picture((await world.newest_job()).id, "source") == CAT

    form = await world.alice.presses("remix", second)
    await world.alice.fills(form, recipe="block5 steps=1", how=["strength=0.03"])
    third = await world.newest_dream()
    assert (
        third.content.startswith("✨ **Dreamt**") and "`block5 steps=1 strength=0.03 seed=1`" in third.content
    )

    form = await world.alice.presses("remix", third)
    refused = await world.alice.fills(form, recipe="blok5")
    assert "did you mean" in whispered(refused) and "You wrote `blok5`" in whispered(refused)
    await world.admin.says("!preset delete quickest")


async def test_remix_takes_a_guide_picture_and_one_choice_of_each_kind(world: World) -> None:
    first = await dreamt(world)
    form = await world.bob.presses("remix", first)
    guide = png(64)
    how = ["quality=quick", "strength=0.03"]
    await world.bob.fills(form, recipe=QUICK, guide=("sea.png", guide), how=how)
    second = await world.newest_dream()
    job = await world.newest_job()
    assert await world.app.queue.jobs.picture(job.id, "guide") == guide
    assert "quality=quick" in job.recipe and "strength=0.03" in job.recipe
    form = await world.alice.presses("remix", second)
    refused = await world.alice.fills(form, how=["quality=quick", "quality=rich"])
    assert "two kinds of quality" in whispered(refused)


async def test_whoever_waits_long_asks_to_be_pinged(world: World) -> None:
    async def is_offered() -> bool:
        await world.app.job_messages.sweep()
        return "ping" in keys(world.answers[-1])

    world.app.queue.cost_model.fits.clear()  # of dreams of other tests, which take no time
    for who in (world.bob, world.alice):
        await who.says(f"!dream {LONG}", picture=CAT)
    job = await world.newest_job()
    await until(is_offered)
    assert "Only whoever asked" in whispered(await world.bob.presses("ping", world.answers[-1]))
    assert "I'll ping you here once" in whispered(await world.alice.presses("ping", world.answers[-1]))
    assert keys(world.answers[-1]) == ["cancel"]
    assert (await world.app.queue.jobs.get(job.id)).pings
    await world.alice.presses("cancel", world.answers[-1])
    assert len(world.answers) == 2  # whoever cancels need not be told


async def test_a_dream_and_its_pictures_are_deleted_by_asker_or_moderator(world: World) -> None:
    for who in (world.alice, world.admin):
        dream = await dreamt(world)
        job = await world.newest_job()
        refused = await world.bob.presses("delete", await more(world.bob, dream))
        assert "Only whoever asked" in whispered(refused)
        await who.presses("delete", await more(who, dream))
        assert world.answers == []
        assert await world.app.queue.jobs.get(job.id) is None
        assert await world.app.queue.jobs.picture(job.id, "source") is None


async def test_a_report_reaches_the_moderators_who_remove_it_there(world: World) -> None:
    panel = await more(world.bob, await dreamt(world))
    assert "Report" not in [button.label for button in buttons(panel)]
    admins = world.art
    await world.admin.says(f"!settings set report_channel {admins.mention}")
    dream = await dreamt(world)

    assert "moderators have been told" in whispered(
        await world.bob.presses("report", await more(world.bob, dream))
    )
    (report,) = [message for message in admins.history() if "reports" in message.content]
    assert dream.jump_url in report.content and world.bob.mention in report.content
    await world.admin.presses("delete", report)
    assert dream.id not in [message.id for message in world.answers]
    assert "removed" in admins.history()[-1].content
    panel = await more(world.bob, await dreamt(world))
    await world.admin.says("!settings reset report_channel")
    assert "named no channel" in whispered(await world.bob.presses("report", panel))


async def test_a_button_of_a_dream_that_is_gone_says_so(world: World) -> None:
    dream = await dreamt(world)
    await world.app.queue.erase((await world.newest_job()).id)
    assert "start a new one" in whispered(await world.alice.presses("again", dream))
