"""Members ask for dreams that move."""

from __future__ import annotations

import io
from copy import deepcopy

import av
import numpy as np
import pytest
from PIL import Image

from dream.recipe import Recipe
from tests.support.clips import animation, film, pan
from tests.support.pictures import CAT
from tests.support.speaker import buttons
from tests.support.world import World


async def test_a_recipe_that_zooms_is_answered_with_a_video(real_world: World) -> None:
    await real_world.alice.says("!dream block3 steps=2 octaves=1 zoom=1.1 seconds=1", picture=CAT)
    dream = await real_world.newest_dream()

    assert "120 × 80" in dream.content
    (video,) = dream.attachments
    assert video.filename == "dream.mp4"
    with av.open(io.BytesIO(await video.read())) as film:
        assert film.streams.video[0].frames == 24
    keys = [(button.custom_id or "").partition(":")[0] for button in buttons(dream)]
    assert keys == ["remix", "again", "more"]
    assert (await real_world.newest_job()).kind == "zoom"


async def test_a_morph_is_answered_with_a_film_of_the_picture(real_world: World) -> None:
    await real_world.alice.says("!dream block3 steps=2 octaves=1 seconds=1 > block4", picture=CAT)
    dream = await real_world.newest_dream()
    (attachment,) = dream.attachments
    assert attachment.filename == "dream.mp4"
    with av.open(io.BytesIO(await attachment.read())) as container:
        assert container.streams.video[0].frames == 24
    job = await real_world.newest_job()
    assert (job.kind, job.dream_report.frames) == ("zoom", 24)
    assert "seconds=1 > block4" in dream.content
    assert job.cost > real_world.app.bot.queue.cost_model.seconds(
        Recipe.parse("block3 steps=2 octaves=1"), 120, 80
    )

    answer = await real_world.alice.says("!compare block3 | block3 > block4", picture=CAT)
    assert "A sheet shows pictures" in answer


async def test_layers_are_shown_as_pictures(world: World) -> None:
    await world.alice.says("!layers squeezenet")
    (page,) = world.answers[-1].attachments
    assert page.filename == "squeezenet.jpg"
    assert world.answers[-1].embeds[0].image.url is not None


@pytest.fixture(scope="module")
def gif() -> bytes:
    """A GIF of six frames, 96 × 64 pixels."""
    return animation(pan(np.random.default_rng(1).random((16, 32, 3), np.float32), 6, (96, 64)), "GIF", 70)


async def test_a_gif_is_answered_with_a_gif(real_world: World, gif: bytes) -> None:
    await real_world.alice.says("!dream block3 steps=2 octaves=1", ("cat.gif", gif))
    dream = await real_world.newest_dream()

    (attachment,) = dream.attachments
    assert attachment.filename == "dream.gif"
    image = Image.open(io.BytesIO(await attachment.read()))
    assert (image.size, getattr(image, "n_frames", 1), image.info["duration"]) == ((96, 64), 6, 70)
    job = await real_world.newest_job()
    assert job.kind == "zoom" and job.dream_report.frames == 6
    assert not [button for button in buttons(dream) if button.label == "Deeper"]

    queue = real_world.app.bot.queue
    fits = deepcopy(queue.cost_model.fits)
    await real_world.alice.presses("again", dream)
    again = await real_world.newest_job()
    await queue.finished(again.id)
    queue.cost_model.fits = fits  # as they were when it was asked for
    recipe = Recipe.parse(job.recipe)
    assert again.cost == pytest.approx(queue.cost_model.seconds(recipe, 96, 64, 6, "gif"))
    assert again.cost > queue.cost_model.seconds(recipe, 96, 64, 6, "mp4")


async def test_a_film_is_answered_with_a_film_and_a_still_with_its_first_frame(real_world: World) -> None:
    frames = pan(np.random.default_rng(1).random((16, 32, 3), np.float32), 4, (96, 64))
    data = film(frames, sound="aac")
    await real_world.alice.says("!dream block3 steps=2 octaves=1", ("cat.mp4", data))
    (attachment,) = (await real_world.newest_dream()).attachments
    assert attachment.filename == "dream.mp4"
    with av.open(io.BytesIO(await attachment.read())) as container:
        assert (container.streams.video[0].frames, len(container.streams.audio)) == (4, 1)

    await real_world.alice.says("!dream block3 steps=2 octaves=1 still", ("cat.mp4", data))
    (attachment,) = (await real_world.newest_dream()).attachments
    assert attachment.filename == "dream.png"


async def test_a_film_is_found_beside_a_file_that_is_none(real_world: World) -> None:
    data = film(pan(np.random.default_rng(1).random((16, 32, 3), np.float32), 2, (96, 64)))
    await real_world.alice.says("!dream block3 steps=1 octaves=1", ("notes.txt", b"?"), ("cat.mp4", data))
    (attachment,) = (await real_world.newest_dream()).attachments
    assert attachment.filename == "dream.mp4"


async def test_a_broken_film_is_refused_in_a_sentence(world: World) -> None:
    answer = await world.alice.says("!dream", ("cat.mp4", b"\0\0\0\x18ftypisom" + bytes(500)))
    assert "That clip is damaged or cut short" in answer
