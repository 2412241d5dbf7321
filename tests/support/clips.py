"""Small clips for tests: made of the sample photographs, and written by Pillow and FFmpeg."""

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from PIL import Image

from dream.picture import Pixels, resize, to_bytes


def pan(picture: Pixels, frames: int, size: tuple[int, int] = (160, 96), step: int = 4) -> list[Pixels]:
    """A window of `size` that moves over `picture`, `step` pixels a frame."""
    width = size[0] + step * frames
    height = max(size[1], round(width * picture.shape[0] / picture.shape[1]))
    wide = np.clip(resize(picture, width, height), 0, 1)
    return [wide[: size[1], step * i : step * i + size[0]] for i in range(frames)]


def animation(
    frames: Sequence[Pixels], format: str = "GIF", durations: int | Sequence[int] = 50, **options: Any
) -> bytes:
    """An animated picture, each frame shown for some milliseconds."""
    images = [Image.fromarray(to_bytes(frame)) for frame in frames]
    file = io.BytesIO()
    given = list(durations) if isinstance(durations, Sequence) else durations
    images[0].save(file, format, save_all=True, append_images=images[1:], duration=given, loop=0, **options)
    return file.getvalue()


def film(
    frames: Sequence[Pixels],
    format: str = "mp4",
    codec: str = "libx264",
    durations: int | Sequence[int] = 40,
    *,
    sound: str | None = None,
    turned: bool = False,
) -> bytes:
    """A film, each frame shown for some milliseconds, with a tone of codec `sound`; `turned` by 90 °."""
    each = list(durations) if isinstance(durations, Sequence) else [durations] * len(frames)
    file = io.BytesIO()
    with av.open(file, "w", format=format) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        voice: Any = container.add_stream(sound, rate=48_000, layout="stereo") if sound else None
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(to_bytes(frame), format="rgb24")
            picture.pts, picture.time_base, picture.duration = sum(each[:i]), Fraction(1, 1000), each[i]
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if voice:
            samples = 48 * sum(each)
            tone = np.sin(np.arange(samples) * 2 * np.pi * 440 / 48_000) * 8000
            for start in range(0, samples, 960):
                part = np.repeat(tone[start : start + 960].astype(np.int16), 2)[None]
                heard = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
                heard.sample_rate, heard.pts, heard.time_base = 48_000, start, Fraction(1, 48_000)
                container.mux(voice.encode(heard))
            container.mux(voice.encode())
    data = bytearray(file.getvalue())
    if (
        turned
    ):  # as a telephone that was held upright does: by the matrix in the track's header (ISO 14496-12)
        matrix = data.index(b"tkhd") + 44
        data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 96 << 16, 0, 1 << 30)
    return bytes(data)
