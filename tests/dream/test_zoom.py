import base64
import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dream.dreamer import Cancelled, Progress
from dream.octaves import CLOSING, FRAMES_PER_SECOND, final_size, frames, work
from dream.picture import decode, resize
from dream.recipe import Recipe
from dream.render import Progress as RenderProgress
from dream.render import Work, render
from dream.zoom import _bounding_box, _DrosteImage, _placed, zoom

QUICK = "fire4 octaves=1 steps=4 size=160 seed=5"
CHROMIUM = Path("/usr/bin/chromium")


def shown(film: Path | bytes) -> list[np.ndarray]:
    """The frames of a film as floats in [0, 1]."""
    with av.open(io.BytesIO(film) if isinstance(film, bytes) else str(film), "r") as container:
        return [frame.to_ndarray(format="rgb24") / np.float32(255) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def fall(samples: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "fall.mp4"
    zoom(samples["chelsea"], f"{QUICK} zoom=1.04 rotate=1 seconds=2", path)
    return path


def test_a_zoom_loops_without_a_jump(fall: Path) -> None:
    film = shown(fall)
    assert len(film) == 2 * FRAMES_PER_SECOND
    changes = [float(np.abs(frame - film[i - 1]).mean()) for i, frame in enumerate(film)]
    assert changes[0] < 1.2 * np.mean(changes[-4:] + changes[1:5]), "from the last frame to the first"
    assert max(changes) < 2 * np.median(changes), "somewhere in between"


def test_a_zoom_falls_into_the_picture(fall: Path) -> None:
    first, *_ = film = shown(fall)
    later = film[5]
    height, width = first.shape[:2]
    larger = resize(first, round(width * 1.04**5), round(height * 1.04**5))
    top, left = (larger.shape[0] - height) // 2, (larger.shape[1] - width) // 2
    foreseen = larger[top : top + height, left : left + width]
    alike = [np.corrcoef(picture.ravel(), later.ravel())[0, 1] for picture in (first, foreseen)]
    assert alike[1] > alike[0] + 0.1


def test_a_film_is_made_to_be_watched_while_it_loads(fall: Path) -> None:
    data = fall.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(fall)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (160, 106)
        recipe = Recipe.parse(container.metadata["comment"])
        assert recipe == Recipe.parse(f"{QUICK} zoom=1.04 rotate=1 seconds=2")


@pytest.fixture(scope="module")
def film_url(fall: Path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(fall.read_bytes()).decode()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")
async def test_a_browser_plays_it_round_and_round(film_url: str) -> None:
    api = pytest.importorskip("playwright.async_api")
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.set_content(f'<video src="{film_url}" muted loop></video>')
        seen = await page.evaluate(
            """async () => {
                const video = document.querySelector("video")
                video.playbackRate = 8
                await video.play()
                let rounds = 0, last = 0
                while (rounds < 2) {
                    await new Promise(done => requestAnimationFrame(done))
                    if (video.currentTime < last) rounds++
                    last = video.currentTime
                }
                return [video.videoWidth, video.videoHeight, video.duration]
            }"""
        )
        await browser.close()
    assert seen == [160, 106, pytest.approx(2, abs=0.05)]


def test_the_same_seed_dreams_the_same_film(samples: dict[str, bytes], tmp_path: Path) -> None:
    first, second, other = (tmp_path / f"{name}.mp4" for name in "abc")
    for path, seed in ((first, 5), (second, 5), (other, 6)):
        zoom(samples["coffee"], f"fire4 octaves=1 steps=4 size=160 seconds=1 seed={seed}", path)
    assert first.read_bytes() == second.read_bytes()
    assert not np.array_equal(shown(first)[0], shown(other)[0])


def test_growth_goes_from_the_photograph_to_its_dream(samples: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "growth.mp4"
    reported: list[Progress] = []
    zoom(
        samples["coffee"],
        "fire4 octaves=2 size=160 seed=5 zoom=1 seconds=2",
        path,
        on_progress=reported.append,
    )
    film = shown(path)
    assert len(film) == 2 * FRAMES_PER_SECOND
    photograph = resize(decode(samples["coffee"]), film[0].shape[1], film[0].shape[0])
    away = [float(np.abs(frame - photograph).mean()) for frame in film]
    assert away[0] < 0.02
    assert away[-1] > 2 * away[len(film) // 4] > 2 * away[0]
    assert [progress.step for progress in reported] == list(range(1, reported[-1].steps + 1))


def test_a_cancelled_film_leaves_nothing_behind(samples: dict[str, bytes], tmp_path: Path) -> None:
    reported: list[Progress] = []
    path = tmp_path / "film.mp4"
    with pytest.raises(Cancelled):
        zoom(
            samples["coffee"],
            f"{QUICK} seconds=1",
            path,
            on_progress=reported.append,
            cancelled=lambda: len(reported) > 8,
        )
    assert not path.exists()


def test_a_worker_renders_a_recipe_of_a_video_as_one_no_larger_than_allowed(
    samples: dict[str, bytes],
) -> None:
    reported: list[RenderProgress] = []
    job = Work(samples["rocket"], Recipe.parse(f"{QUICK} zoom=1.03 seconds=1"), max_bytes=40_000)
    rendered = render(job, on_progress=reported.append)
    assert rendered.filename == "dream.mp4"
    assert len(rendered.data) <= 40_000
    assert len(shown(rendered.data)) == FRAMES_PER_SECOND
    assert [progress.step for progress in reported] == list(range(1, rendered.report.steps + 1))
    shares = [progress.done for progress in reported]
    assert shares == sorted(shares) and shares[3] < 0.1 < 0.9 < shares[-1] < 1, (
        "a frame is more than half a step"
    )


@pytest.mark.parametrize("rotate", [0, 3.5])
def test_a_droste_image_is_the_same_after_each_period(rotate: float) -> None:
    picture = np.random.default_rng(2).random((48, 64, 3), np.float32)
    droste = _DrosteImage(picture, factor=8 ** (1 / 24), rotate=rotate, period=24)
    for frame in (0, 7, 20):
        for now, then in zip(droste.at(frame), droste.at(frame + 24), strict=True):
            assert np.abs(now - then).mean() < 0.01


@pytest.mark.parametrize(("scale", "rotate"), [(0.03, 0), (0.2, 17), (0.6, 90), (1.15, 3.5), (4, 45)])
def test_a_copy_is_placed_within_its_bounding_box(scale: float, rotate: float) -> None:
    picture, size = np.ones((48, 64, 1), np.float32), (64, 48)
    whole = _placed(picture, size, scale, rotate, (0, 0, *size))
    left, top, right, bottom = box = _bounding_box(size, scale, rotate)
    assert np.allclose(_placed(picture, size, scale, rotate, box), whole[top:bottom, left:right], atol=1e-5)
    whole[top:bottom, left:right] = 0
    assert not whole.any()


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 4096))
def test_films_have_even_sides_and_work_to_do(width: int, height: int, size: int) -> None:
    recipe = Recipe.parse(f"block4 zoom=1.02 seconds=3 size={size}")
    wide, high = final_size(recipe, width, height)
    assert wide % 2 == high % 2 == 0 < min(wide, high)
    assert max(wide, high) <= max(2, size)
    assert frames(recipe) == 3 * FRAMES_PER_SECOND
    assert work(recipe, width, height) > 2 * (frames(recipe) + CLOSING) * wide * high
