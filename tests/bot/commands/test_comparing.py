"""Several dreams of one picture at once, and the way from there to a full one."""

from __future__ import annotations

import discord

from tests.support.talk import Talk, buttons

A, B = "block3 steps=1 octaves=1", "block4 steps=1 octaves=1"


async def chosen(talk: Talk, sheet: discord.Message, label: str) -> discord.Message:
    (button,) = [button for button in buttons(sheet) if button.label == label]
    await talk.bob.click(sheet, custom_id=button.custom_id)
    return await talk.dream()


async def test_two_recipes_are_compared_and_one_is_dreamt_in_full(talk: Talk) -> None:
    await talk.says(talk.alice, f"!compare {A} | {B} seed=5", talk.photo)
    sheet = await talk.dream()
    assert sheet.content.startswith(f"✨ **2 dreams to choose from** for {talk.alice.mention}")
    assert [button.label for button in buttons(sheet)] == ["1", "2", None]
    assert sheet.attachments[0].description == f"Numbered dreams of one picture: 1 {A}, 2 {B} seed=5"
    assert f"`{B} seed=5`" in (await chosen(talk, sheet, "2")).content
    job = await talk.job()
    assert job.parent and await talk.queue.jobs.picture(job.id, "source") == talk.photo[1]


async def test_a_grid_of_presets_on_the_newest_picture(talk: Talk) -> None:
    picture = await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.says(talk.admin, f"!settings set {talk.channel.mention} max_steps 1")
    await talk.says(talk.alice, "!grid studs quilt block3")
    sheet = await talk.dream()
    link = f"from [this picture](<{picture.jump_url}>) by {talk.bob.mention}"
    assert sheet.content.splitlines()[0] == (
        f"✨ **3 dreams to choose from** for {talk.alice.mention} · {link}"
    )
    assert (sheet.attachments[0].description or "").endswith("1 Studs, 2 Quilt, 3 block3")
    assert (await chosen(talk, sheet, "2")).content.startswith("✨ **Quilt** for ")


async def test_what_cannot_stand_on_a_sheet_is_refused(talk: Talk) -> None:
    assert "no picture" in await talk.says(talk.alice, f"!compare {A} | {B}")
    assert "with | between them" in await talk.says(talk.alice, f"!compare {A}", talk.photo)
    assert "did you mean" in await talk.says(talk.alice, f"!compare {A} | blok4", talk.photo)
    assert "that is a video" in await talk.says(talk.alice, f"!compare {A} | {B} seconds=2", talk.photo)
    many = " ".join(f"block{number}" for number in range(13))
    assert "room for 12" in await talk.says(talk.alice, f"!grid {many}", talk.photo)


async def test_a_grid_without_words_shows_presets_that_may_be_dreamt_here(talk: Talk) -> None:
    await talk.says(talk.admin, f"!settings set {talk.channel.mention} recipe puppyslug")
    await talk.says(talk.admin, f"!settings set {talk.channel.mention} networks squeezenet")
    await talk.says(talk.alice, "!grid", talk.photo)
    job = await talk.job()
    await talk.queue.cancel(job.id)
    labels = [one["label"] for one in job.variants or []]
    assert "Puppyslug" in labels and "Serpents" not in labels and 2 <= len(labels) <= 9
