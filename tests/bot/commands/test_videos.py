"""Members ask for dreams that move."""

from __future__ import annotations

import io

import av

from tests.support.talk import Talk, buttons


async def test_a_recipe_that_zooms_is_answered_with_a_video(talk: Talk) -> None:
    await talk.says(talk.alice, "!dream block3 steps=2 octaves=1 zoom=1.1 seconds=1", talk.photo)
    dream = await talk.dream()

    assert "120 × 80" in dream.content
    (video,) = dream.attachments
    assert video.filename == "dream.mp4"
    with av.open(io.BytesIO(await video.read())) as film:
        assert film.streams.video[0].frames == 24
    keys = [(button.custom_id or "").partition(":")[0] for button in buttons(dream)]
    assert keys == ["remix", "again", "more"]
    assert (await talk.job()).kind == "zoom"


async def test_layers_are_shown_as_pictures(talk: Talk) -> None:
    await talk.says(talk.alice, "!layers squeezenet")
    (page,) = talk.answers[-1].attachments
    assert page.filename == "squeezenet.jpg"
    assert talk.answers[-1].embeds[0].image.url is not None
