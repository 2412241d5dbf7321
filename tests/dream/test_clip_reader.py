"""Every kind of clip is read frame by frame with its times; what is none, or too much, is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from dream.clip_reader import ClipReader
from dream.formats import Limits, PictureError
from dream.picture import Pixels, decode, probe
from tests.support.clips import animation, film, pan

TIMES = (40, 80, 40, 120, 200, 60)


@pytest.fixture(scope="module")
def frames(samples: dict[str, bytes]) -> list[Pixels]:
    return pan(decode(samples["coffee"]), len(TIMES), (96, 64))


def read(data: bytes, size: tuple[int, int] = (96, 64)) -> list[tuple[Pixels, float]]:
    with ClipReader(data) as clip:
        return list(clip.frames(size))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animated_pictures(frames: list[Pixels], format: str) -> None:
    data = animation(frames, format, TIMES)
    found = read(data)
    assert [round(1000 * seconds) for _, seconds in found] == list(TIMES)
    assert all(np.abs(one - other).mean() < 0.06 for (one, _), other in zip(found, frames, strict=True))
    assert (probe(data).frames, probe(data).format, probe(data).animated) == (len(TIMES), format, True)


@pytest.mark.parametrize(
    ("format", "codec", "sound", "is_a"),
    [
        ("mp4", "libx264", "aac", "MP4"),
        ("mov", "mpeg4", None, "MP4"),
        ("webm", "libvpx-vp9", "libopus", "WEBM"),
        ("matroska", "libx265", None, "WEBM"),
    ],
)
def test_films(frames: list[Pixels], format: str, codec: str, sound: str | None, is_a: str) -> None:
    data = film(frames, format, codec, TIMES, sound=sound)
    with ClipReader(data) as clip:
        found = list(clip.frames((48, 32)))
        heard = sum(map(len, clip.sound())) / 4 / 48_000
    assert [round(1000 * seconds) for _, seconds in found][:-1] == list(TIMES[:-1])
    assert {frame.shape for frame, _ in found} == {(32, 48, 3)}
    assert (clip.probe.format, clip.probe.frames, clip.probe.sound) == (is_a, len(TIMES), sound is not None)
    assert heard == pytest.approx(sum(TIMES) / 1000 if sound else 0, abs=0.06)


def test_a_film_of_a_telephone_held_upright_is_upright(frames: list[Pixels]) -> None:
    data = film(frames, turned=True)
    assert (probe(data).width, probe(data).height) == (64, 96)
    ((upright, _), *_) = read(data, (64, 96))
    assert np.abs(upright - np.rot90(frames[0], -1)).mean() < 0.06
    assert np.array_equal(decode(data), upright), "and so is its first frame as a still"


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 16, 32))
    other = image.rotate(90)
    file = io.BytesIO()
    image.save(file, "GIF", save_all=True, append_images=[other], duration=100, disposal=2)
    found = read(file.getvalue(), (32, 32))
    assert found[0][0][16, 24].min() > 0.98
    assert len(found) == 2


@pytest.mark.parametrize("cut", [0.3, 0.8])
def test_a_film_that_is_cut_short_is_refused(frames: list[Pixels], cut: float) -> None:
    data = film(frames)
    with pytest.raises(PictureError, match="clip is damaged or cut short"):
        read(data[: int(cut * len(data))])


def test_sound_alone_is_refused() -> None:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        voice = container.add_stream("aac", rate=48_000, layout="stereo")
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), format="s16", layout="stereo")
        heard.sample_rate = 48_000
        container.mux(voice.encode(heard))
        container.mux(voice.encode())
    with pytest.raises(PictureError, match="has no picture, only sound"):
        probe(file.getvalue())


def test_a_codec_that_is_not_on_the_list_is_refused(frames: list[Pixels]) -> None:
    with pytest.raises(PictureError, match="can't decode that clip's format"):
        probe(film(frames, "matroska", "ffv1"))


def test_too_much_is_refused_before_it_is_decoded(frames: list[Pixels]) -> None:
    data = film(frames)
    with pytest.raises(PictureError, match="more than 5 frames"):
        probe(data, Limits(frames=5))
    with pytest.raises(PictureError, match="please send one of at most"):
        probe(data, Limits(length=0.15))
    with pytest.raises(PictureError, match="96 × 64 pixels"):
        probe(data, Limits(pixels=1000))


def test_a_header_that_lies_about_its_frames_is_refused_and_about_its_size_not_believed(
    frames: list[Pixels],
) -> None:
    data = bytearray(film(frames))
    at = data.index(b"stsz") + 12  # the count of samples
    data[at : at + 4] = struct.pack(">I", 2**31)
    with pytest.raises(PictureError, match="damaged"):
        probe(bytes(data))
    wide = bytearray(film(frames))
    at = wide.index(b"avc1") + 28
    wide[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    assert (probe(bytes(wide)).width, probe(bytes(wide)).height) == (96, 64)
