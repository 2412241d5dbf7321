"""Clips are written with their times, and made to fit: smaller before shorter."""

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from dream.clip_writer import Master, write
from dream.formats import ClipFormat
from dream.picture import decode
from dream.texts import Text
from tests.support.clips import pan

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def master(samples: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Master:
    with Master(tmp_path_factory.mktemp("master"), (224, 128)) as master:
        for i, frame in enumerate(pan(decode(samples["coffee"]), 30, (224, 128))):
            master.add(frame, 0.08 if i % 5 else 0.16)
    return master


def shown(path: Path) -> tuple[tuple[int, int], int, float]:
    """A file's size, frames and seconds, as its readers see them."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frames = sum(1 for _ in container.decode(stream))
            return (stream.width, stream.height), frames, container.duration / 1e6
    image = Image.open(path)
    seconds = 0.0
    count: int = getattr(image, "n_frames", 1)
    for number in range(count):
        image.seek(number)
        image.load()
        seconds += image.info["duration"] / 1000
    assert image.info["loop"] == 0
    return image.size, count, seconds


@pytest.mark.parametrize("format", ["mp4", "gif", "webp"])
def test_nothing_is_lost_without_a_limit(master: Master, tmp_path: Path, format: ClipFormat) -> None:
    path = tmp_path / f"clip.{format}"
    written = write(master, path, format)
    size, frames, seconds = shown(path)
    assert (size, frames) == ((224, 128), 30)
    assert seconds == pytest.approx(master.seconds, abs=0.011)
    assert (written.width, written.height, written.frames, written.fitted) == (224, 128, 30, None)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")
async def test_a_browser_shows_each_format_as_long_and_as_often(master: Master, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.async_api")
    types: dict[ClipFormat, str] = {"mp4": "video/mp4", "gif": "image/gif", "webp": "image/webp"}
    for format in types:
        write(master, tmp_path / f"clip.{format}", format)

    async def serve(route: Any) -> None:
        name = route.request.url.rpartition("/")[2]
        if name:
            await route.fulfill(path=tmp_path / name, content_type=types[name.rpartition(".")[2]])
        else:
            await route.fulfill(body="<p>clips</p>", content_type="text/html")

    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.route("**/*", serve)
        await page.goto("http://localhost/")  # pages of this machine may use ImageDecoder
        film = await page.evaluate(PLAY)
        images = {format: await page.evaluate(DECODE, [format, types[format]]) for format in ("gif", "webp")}
        await browser.close()
    assert film == {"size": [224, 128], "seconds": pytest.approx(master.seconds, abs=0.05), "frames": 30}
    for name, image in images.items():
        step = 10 if name == "gif" else 1
        assert (image["size"], image["loops"]) == ([224, 128], True)
        assert image["milliseconds"] == pytest.approx([80 if i % 5 else 160 for i in range(30)], abs=step)


PLAY = """async () => {
    const video = document.createElement("video")
    video.muted = true
    video.src = "/clip.mp4"
    await video.play()
    await new Promise((done, failed) => { video.onended = done; video.onerror = failed })
    return {
        size: [video.videoWidth, video.videoHeight],
        seconds: video.duration,
        frames: video.getVideoPlaybackQuality().totalVideoFrames,
    }
}"""
DECODE = """async ([format, type]) => {
    const data = await (await fetch("/clip." + format)).arrayBuffer()
    const decoder = new ImageDecoder({data, type})
    await decoder.tracks.ready
    await decoder.completed
    const track = decoder.tracks.selectedTrack
    const milliseconds = []
    let size
    for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
        const {image} = await decoder.decode({frameIndex})
        milliseconds.push(image.duration / 1000)
        size = [image.displayWidth, image.displayHeight]
        image.close()
    }
    return {size, milliseconds, loops: track.repetitionCount === Infinity}
}"""


@pytest.mark.parametrize("format", ["mp4", "gif", "webp"])
def test_a_clip_is_made_smaller_before_it_is_made_shorter(
    master: Master, tmp_path: Path, format: ClipFormat
) -> None:
    path = tmp_path / f"clip.{format}"
    limits = {"mp4": 10_000, "gif": 500_000, "webp": 100_000}
    written = write(master, path, format, max_bytes=limits[format])
    size, frames, seconds = shown(path)
    assert path.stat().st_size <= limits[format]
    assert 64 <= size[0] < 224
    assert frames == 30
    assert seconds == pytest.approx(master.seconds, abs=0.011)
    assert f"Made smaller, {size[0]} × {size[1]} instead of 224 × 128 pixels" in str(
        Text.load(written.fitted)
    )


def test_shorter_is_the_last_resort(master: Master, tmp_path: Path) -> None:
    path = tmp_path / "clip.gif"
    written = write(master, path, "gif", max_bytes=120_000)
    size, frames, _ = shown(path)
    assert path.stat().st_size <= 120_000
    assert size[0] == 160
    assert 1 <= frames < 30
    assert "shorter" in str(Text.load(written.fitted))


@pytest.mark.parametrize("format", ["mp4", "gif", "webp"])
def test_even_noise_fits(tmp_path: Path, format: ClipFormat) -> None:
    with Master(tmp_path, (128, 128)) as noise:
        for frame in np.random.default_rng(1).random((36, 128, 128, 3), np.float32):
            noise.add(frame, 0.04)
    written = write(noise, tmp_path / f"noise.{format}", format, max_bytes=150_000)
    assert (tmp_path / f"noise.{format}").stat().st_size <= 150_000
    assert written.width <= 128, "what is small already is not enlarged"


def test_colours_of_a_gif_are_near_the_frames(samples: dict[str, bytes], tmp_path: Path) -> None:
    frames = pan(decode(samples["chelsea"]), 6, (160, 96))
    with Master(tmp_path, (160, 96)) as master:
        for frame in frames:
            master.add(frame, 0.1)
    write(master, tmp_path / "clip.gif", "gif")
    image = Image.open(io.BytesIO((tmp_path / "clip.gif").read_bytes()))
    error = np.abs(np.asarray(image.convert("RGB"), np.float32) / 255 - frames[0])
    assert error.mean() < 0.03
    assert abs(float((np.asarray(image.convert("RGB")) / 255).mean() - frames[0].mean())) < 0.01


def test_a_film_keeps_its_sound(master: Master, tmp_path: Path) -> None:
    tone = (np.sin(np.arange(48_000 * 4) / 20) * 9000).astype(np.int16).repeat(2).tobytes()
    pieces = (tone[i : i + 5000] for i in range(0, len(tone), 5000))
    write(master, tmp_path / "clip.mp4", "mp4", sound=pieces)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        (voice,) = container.streams.audio
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(voice)], axis=1)
    assert voice.codec_context.name == "aac"
    assert heard.shape[1] / 48_000 == pytest.approx(master.seconds, abs=0.05)
    assert np.abs(heard).mean() > 0.1
    assert not (tmp_path / "clip.pcm").exists()
