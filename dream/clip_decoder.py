"""From a moving picture's bytes to upright 8-bit RGB frames and their times, one by one, and to its sound.

Animated pictures are Pillow's, films FFmpeg's, by way of PyAV. Runs in the processes of `dream.quarantine`,
which limit what a hostile file can do. Imports neither NumPy nor TensorFlow.
"""

import dataclasses
import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
import av.logging
import av.subtitles.stream  # which PyAV imports when it first opens a file
from PIL import Image

from dream.decoder import Decoder
from dream.formats import FILMS, MAX_SIDE, Limits, PictureError, Probe, format_of
from dream.structure import Data, too_large, too_many_frames
from dream.texts import Text

CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores", "mjpeg")
"""The codecs of films that are decoded, by FFmpeg's names."""

SOUND_CODECS = ("aac", "mp3", "opus", "vorbis", "pcm_s16le", "pcm_s16be", "alac", "flac")
"""Those of their sound. A clip with another is silent."""

_DECODERS = ("libdav1d", "libopus", "libvorbis", "mp3float")

SOUND_RATE = 48_000
"""Samples of sound a second, each of two channels of 16 bits."""

MOST_PIXELS = 4096 * 2304
"""The largest frame of a clip, in pixels, whatever a still may have."""

DAMAGED = Text("That clip is damaged or cut short; please save it again and resend it.")

av.logging.set_level(None)


class Animation:
    """The frames of an animated picture."""

    def __init__(self, data: Data, limits: Limits) -> None:
        self._decoder = Decoder(data, dataclasses.replace(limits, pixels=min(limits.pixels, MOST_PIXELS)))
        self.probe = self._decoder.probe

    def frames(self, size: tuple[int, int] | None) -> Iterator[tuple[Image.Image, float]]:
        """Each frame, scaled to `size`, and for how many seconds it is shown."""
        for number in range(self.probe.frames):
            seconds = self._decoder.seek(number)
            image, mode = self._decoder.decode(size)
            if mode not in ("RGB", "RGBA"):
                raise PictureError(DAMAGED)
            yield _exactly(image.convert("RGB"), size), seconds

    def sound(self) -> Iterator[bytes]:
        """Nothing."""
        yield from ()


class Film:
    """The frames and the sound of a film, whose packets were counted before any is decoded.

    Raises PictureError for what has no picture, a codec that is not on the list, or more than `limits` allow.
    """

    def __init__(self, data: Data, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._name = format_of(data[:64]) or ""
        container, stream = self._open()
        with container:
            context = stream.codec_context
            width, height = context.width, context.height
            most = min(limits.pixels, MOST_PIXELS)
            if width * height > most:
                raise too_large(dataclasses.replace(limits, pixels=most), width, height)
            if not width or not height or max(width, height) > MAX_SIDE:
                raise PictureError(DAMAGED)
            frames, announced = self._count(container, stream), stream.frames
            if frames < 0.9 * announced:
                raise PictureError(DAMAGED)
            sound = any(_decodes(each, SOUND_CODECS) for each in container.streams.audio)
        first, _ = next(self.frames(None), (None, 0))
        if first is None:
            raise PictureError(DAMAGED)
        self.probe = Probe(first.width, first.height, self._name, frames > 1, frames, sound)

    def frames(self, size: tuple[int, int] | None) -> Iterator[tuple[Image.Image, float]]:
        """Each frame, scaled to `size`, and for how many seconds it is shown."""
        container, stream = self._open()
        with container:
            stream.codec_context.thread_count = 1
            ratio = stream.sample_aspect_ratio or Fraction(1)
            waiting: tuple[Image.Image, float] | None = None
            usual = float(1 / (stream.average_rate or 25))
            end = 0.0
            for number, frame in enumerate(container.decode(stream)):
                at = frame.time if frame.time is not None else end
                if waiting is not None:
                    usual = min(max(at - waiting[1], 0.001), 10.0)
                    yield waiting[0], usual
                end = at + usual
                if number >= self._limits.frames:
                    raise too_many_frames(self._limits)
                if frame.width * frame.height > min(self._limits.pixels, MOST_PIXELS):
                    raise PictureError(DAMAGED)
                waiting = _upright(frame, ratio, size), at
            if waiting is not None:
                yield waiting[0], usual

    def sound(self) -> Iterator[bytes]:
        """The sound from the first frame's time on, in pieces of 16-bit samples of two channels."""
        container, film = self._open()
        with container:
            stream = next((each for each in container.streams.audio if _decodes(each, SOUND_CODECS)), None)
            if stream is None:
                return
            resampler = av.AudioResampler("s16", "stereo", SOUND_RATE)
            begins = float((film.start_time or 0) * (film.time_base or 0))
            left: int | None = None
            for frame in container.decode(stream):
                if left is None:  # bytes to skip until the picture begins
                    offset = round(((frame.time or 0.0) - begins) * SOUND_RATE) * 4
                    left = max(-offset, 0)
                    if offset > 0:
                        yield bytes(min(offset, 4 * SOUND_RATE * round(self._limits.length)))
                for piece in resampler.resample(frame):
                    samples = bytes(piece.planes[0])[: 4 * piece.samples]
                    if len(samples) > left:
                        yield samples[left:]
                    left = max(0, left - len(samples))

    def _open(self) -> tuple[Any, Any]:
        formats = {"MP4": "mov", "WEBM": "matroska"}
        options = {"codec_whitelist": ",".join((*CODECS, *SOUND_CODECS, *_DECODERS))}
        container = av.open(_File(self._data), format=formats[self._name], options=options)
        if not container.streams.video:
            is_sound = bool(container.streams.audio)
            container.close()
            if not is_sound:
                raise PictureError(DAMAGED)
            raise PictureError(Text("That file has no picture, only sound; please send a clip or a picture."))
        stream = container.streams.video[0]
        if not _decodes(stream, CODECS):
            container.close()
            raise PictureError(
                Text("I can't decode that clip's format; please save it as an MP4 with H.264 and send that.")
            )
        return container, stream

    def _count(self, container: Any, stream: Any) -> int:
        """How many frames a film has, by its packets. Raises PictureError if it is too long."""
        frames, first, last = 0, None, None
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            frames += 1
            if frames > self._limits.frames:
                raise too_many_frames(self._limits)
            if packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = packet.pts if last is None else max(last, packet.pts)
        if first is not None and last is not None:
            seconds = float((last - first) * (stream.time_base or 0))
            if seconds > self._limits.length:
                raise PictureError(
                    Text(
                        "That clip takes {seconds} s; please send one of at most {most} s.",
                        seconds=f"{seconds:.0f}",
                        most=f"{self._limits.length:g}",
                    )
                )
        return frames


def open_clip(data: Data, limits: Limits) -> Animation | Film:
    """The moving picture in `data`. Raises PictureError."""
    return Film(data, limits) if format_of(data[:64]) in FILMS else Animation(data, limits)


class _File(io.RawIOBase):
    """A file in memory, without a copy."""

    def __init__(self, data: Data) -> None:
        self._data, self._position = data, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else self._position + size
        piece = bytes(self._data[self._position : end])
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._data)}[whence]
        self._position = min(max(start + offset, 0), len(self._data))
        return self._position

    def tell(self) -> int:
        return self._position


def _decodes(stream: Any, codecs: tuple[str, ...]) -> bool:
    """Whether a stream is of a codec on the list."""
    return stream.codec_context is not None and stream.codec_context.codec.canonical_name in codecs


def _upright(frame: Any, ratio: Fraction, size: tuple[int, int] | None) -> Image.Image:
    """A film's frame as it is to be shown, scaled to `size`."""
    turned = frame.rotation % 180 != 0
    if size is None:
        width, height = frame.width, frame.height
        if 0.1 < ratio < 10:
            width = max(1, round(width * ratio))
    else:
        width, height = size[::-1] if turned else size
    image: Image.Image = frame.to_image(width=width, height=height, interpolation="AREA")
    turn = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
    transposition = turn.get(round(frame.rotation) % 360)
    return image.transpose(transposition) if transposition else image


def _exactly(image: Image.Image, size: tuple[int, int] | None) -> Image.Image:
    """`image` at `size`, also where that is larger."""
    return image if size is None or image.size == size else image.resize(size, Image.Resampling.LANCZOS)
