"""Looking: presets and layers as pictures with a menu, and a member's own dreams."""

from __future__ import annotations

import io

import discord
import simcord
from PIL import Image

from tests.support.pictures import CAT, png
from tests.support.speaker import Speaker, buttons, whispered
from tests.support.world import World

QUICK = "block3 steps=1 octaves=1"


async def test_presets_are_a_picture_and_a_menu_that_dreams_at_once(world: World) -> None:
    await world.admin.says("!preset save tiny block4 steps=1 octaves=1")
    await world.alice.says("!presets")
    shown = world.answers[-1]
    (picture,) = shown.attachments
    with Image.open(io.BytesIO(await picture.read())) as image:
        assert image.width > 700
    assert shown.embeds[0].image.url and len(shown.embeds[0].fields) <= 2
    menu, *_ = [item for row in shown.components for item in row.children]  # type: ignore[union-attr]
    assert isinstance(menu, discord.SelectMenu)
    offered = {option.value: option.description or "" for option in menu.options}
    assert "tiny" in offered and "own favourite" in offered["serpents"]

    nothing = await world.alice.chooses("tiny", shown, menu.custom_id)
    assert "post one and choose again" in whispered(nothing)
    await world.bob.posts("mine", picture=CAT)
    await world.bob.chooses("tiny", shown, menu.custom_id)
    dream = await world.newest_dream()
    assert dream.content.startswith(f"✨ **tiny** for {world.bob.mention}")
    await world.admin.says("!preset delete tiny")


async def test_all_presets_are_tried_on_ones_last_picture(world: World) -> None:
    await world.admin.says("!preset save tiny block4 steps=1 octaves=1")
    await world.alice.says("!presets")
    shown = world.answers[-1]
    first, *more = buttons(shown)
    assert (first.label or "").startswith("On my picture: tiny … ") and more
    nothing = await world.bob.presses(first.custom_id or "", shown)
    assert "post one and choose again" in whispered(nothing)
    await world.admin.says("!preset delete tiny")
    for who, picture in ((world.alice, png(90)), (world.admin, CAT)):
        await who.posts("mine", ("cat.png", picture))
    await world.alice.presses(first.custom_id or "", shown)
    (job,) = await world.jobs(world.alice)
    await world.app.queue.finished(job.id)
    assert await world.app.queue.jobs.picture(job.id, "source") == png(90), "hers, not the newest"
    labels = [one["label"] for one in job.variants or []]
    assert "Serpents" in labels and "tiny" not in labels and len(labels) > 8


async def test_layers_have_a_menu_of_those_that_may_be_dreamt(world: World) -> None:
    await world.alice.says("!layers squeezenet")
    menu, button = [item for row in world.answers[-1].components for item in row.children]  # type: ignore[union-attr]
    assert isinstance(menu, discord.SelectMenu) and isinstance(button, discord.Button)
    assert menu.options[0].value == "fire2" and button.label == "On my picture: fire2 … fire9"


async def dreamt(world: World, who: Speaker, seed: int) -> discord.Message:
    await world.env.advance_time(1)  # those asked for at the same moment are in no order
    await who.says(f"!dream {QUICK} seed={seed}", picture=CAT)
    return await world.newest_dream()


async def turned(who: Speaker, shown: simcord.InteractionResult, label: str) -> simcord.InteractionResult:
    """Turn the page."""
    assert shown.response
    (button,) = [button for button in buttons(shown.response) if button.label == label]
    return await who.presses(button.custom_id, shown.response)


async def test_a_members_own_dreams_are_turned_over_and_dreamt_on(world: World) -> None:
    carol = world.joined("carol")
    for seed in (1, 2):
        await dreamt(world, carol, seed)
    await dreamt(world, world.bob, 3)
    await world.bob.says("!mine")
    (opener,) = buttons(world.answers[-1])
    shown = await carol.presses(opener.custom_id, world.answers[-1])
    assert shown.response and shown.ephemeral
    assert "1 of 2" in shown.response.content and "seed=2" in shown.response.content
    assert shown.response.attachments
    await turned(carol, shown, "Older")
    assert "2 of 2" in shown.response.content and "seed=1" in shown.response.content
    again = next(button for button in buttons(shown.response) if (button.custom_id or "").startswith("again"))
    await carol.presses(again.custom_id, shown.response)
    await world.newest_dream()
    assert (await world.newest_job()).member_id == carol.id


async def test_who_has_no_dreams_is_told_what_to_do(world: World) -> None:
    dave = world.joined("dave")
    assert "no finished dream here" in whispered(await dave.uses("mine"))


async def test_a_recipe_is_read_from_a_dream_and_from_a_saved_file_and_dreamt_on_ones_own(
    world: World,
) -> None:
    dream = await dreamt(world, world.alice, 4)
    said = await world.bob.says("!recipe", reply_to=dream)
    assert said == f"```\n{QUICK} seed=4\n```"
    saved = await dream.attachments[0].read()
    assert await world.bob.says("!recipe", ("saved.png", saved)) == said
    shown = world.answers[-1]
    assert "carries no recipe" in await world.bob.says("!recipe", picture=CAT)

    small = png(90, 60)
    await world.bob.posts("mine", ("sea.png", small))
    await world.alice.posts("not his", picture=CAT)
    await world.bob.presses("dream-recipe", shown)
    assert f"`{QUICK} seed=4`" in (await world.newest_dream()).content
    assert "90 × 60" in (await world.newest_dream()).content
    carol = world.joined("caroline")
    assert "post one and choose again" in whispered(await carol.presses("dream-recipe", shown))
