"""Several dreams of one picture at once, and the way from there to a full one."""

from __future__ import annotations

import discord

from tests.support.pictures import CAT
from tests.support.speaker import buttons
from tests.support.world import World

A, B = "block3 steps=1 octaves=1", "block4 steps=1 octaves=1"


async def chosen(world: World, sheet: discord.Message, label: str) -> discord.Message:
    (button,) = [button for button in buttons(sheet) if button.label == label]
    await world.bob.presses(button.custom_id, sheet)
    return await world.newest_dream()


async def test_two_recipes_are_compared_and_one_is_dreamt_in_full(real_world: World) -> None:
    await real_world.alice.says(f"!compare {A} | {B} seed=5", picture=CAT)
    sheet = await real_world.newest_dream()
    assert sheet.content.startswith(f"✨ **2 dreams to choose from** for {real_world.alice.mention}")
    assert [button.label for button in buttons(sheet)] == ["1", "2", None]
    assert sheet.attachments[0].description == f"Numbered dreams of one picture: 1 {A}, 2 {B} seed=5"
    assert f"`{B} seed=5`" in (await chosen(real_world, sheet, "2")).content
    job = await real_world.newest_job()
    assert job.parent and await real_world.app.queue.jobs.picture(job.id, "source") == CAT


async def test_a_grid_of_presets_on_the_newest_picture(real_world: World) -> None:
    picture = await real_world.bob.posts("look", picture=CAT)
    await real_world.admin.says(f"!settings set {real_world.dreams.mention} max_steps 1")
    await real_world.alice.says("!grid studs quilt block3")
    sheet = await real_world.newest_dream()
    link = f"from [this picture](<{picture.jump_url}>) by {real_world.bob.mention}"
    assert sheet.content.splitlines()[0] == (
        f"✨ **3 dreams to choose from** for {real_world.alice.mention} · {link}"
    )
    assert (sheet.attachments[0].description or "").endswith("1 Studs, 2 Quilt, 3 block3")
    assert (await chosen(real_world, sheet, "2")).content.startswith("✨ **Quilt** for ")


async def test_what_cannot_stand_on_a_sheet_is_refused(world: World) -> None:
    assert "no picture" in await world.alice.says(f"!compare {A} | {B}")
    assert "with | between them" in await world.alice.says(f"!compare {A}", picture=CAT)
    assert "did you mean" in await world.alice.says(f"!compare {A} | blok4", picture=CAT)
    assert "that is a video" in await world.alice.says(f"!compare {A} | {B} seconds=2", picture=CAT)
    many = " ".join(f"block{number}" for number in range(13))
    assert "room for 12" in await world.alice.says(f"!grid {many}", picture=CAT)


async def test_a_grid_without_words_shows_presets_that_may_be_dreamt_here(world: World) -> None:
    await world.admin.says(f"!settings set {world.dreams.mention} recipe puppyslug")
    await world.admin.says(f"!settings set {world.dreams.mention} networks squeezenet")
    await world.alice.says("!grid", picture=CAT)
    job = await world.newest_job()
    await world.app.queue.cancel(job.id)
    labels = [one["label"] for one in job.variants or []]
    assert "Puppyslug" in labels and "Serpents" not in labels and 2 <= len(labels) <= 9
