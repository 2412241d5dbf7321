"""Writing moving pictures: MP4, GIF and animated WebP, each as large as a limit in bytes allows.

Frames go to a `Master` first, one by one, whatever becomes of them: an all but lossless film on the disk.
From that, `write` makes the file, smaller if it has to be, and shorter only where that does not help.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import av
import av.filter

from dream.formats import ClipFormat
from dream.picture import Pixels, to_bytes
from dream.texts import Text

TICK = Fraction(1, 1000)
"""The unit of a master's times, in seconds."""

SOUND_RATE = 48_000

VOICE_BITS = 128_000
"""The bits a second of a film's sound."""

SMALLEST_SIDE = 160
"""The longer side, in pixels, below which a clip is not made smaller to fit, but shorter."""

SAMPLE = 24
"""Frames from which the size of a longer clip's file is estimated."""

LEAST_BITS = 0.12
"""The bits a pixel of a film below which it is made smaller instead."""

_MASTER = {"crf": "6", "preset": "veryfast", "x264-params": "mbtree=0"}
_FILM = {"crf": "19", "preset": "medium", "x264-params": "mbtree=0"}
"""libx264's macroblock tree differs from run to run; without it the same frames give the same file."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a clip: its width and height in pixels, and frames.

    `fitted` is a sentence for people that says what was done to make it small enough, None where nothing was.
    """

    width: int
    height: int
    frames: int
    fitted: str | None = None


class Master:
    """The frames of a clip and the seconds for which each is shown, in files in `folder`: a context manager.

    `size` is the frames' (width, height), both even. `files` are finished; `seconds` is its length so far.
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.folder, self.size = folder, size
        self.files, self.frames, self.seconds = 0, 0, 0.0
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.split()

    def go_on(self, files: int, frames: int, seconds: float) -> None:
        """Go on after what an earlier process has put into as many files."""
        self.files, self.frames, self.seconds = files, frames, seconds

    def add(self, frame: Pixels, seconds: float) -> None:
        """Append a frame, in [0, 1], which is shown for `seconds`."""
        if self._container is None:
            self._container = av.open(str(self._path(self.files)), "w", format="matroska")
            self._stream = self._container.add_stream("libx264", rate=25, options=_MASTER)
            self._stream.width, self._stream.height = self.size
            self._stream.pix_fmt = "yuv444p"
            self._stream.codec_context.time_base = TICK
        picture = av.VideoFrame.from_ndarray(to_bytes(frame), format="rgb24")
        picture.pts, picture.time_base = round(self.seconds / TICK), TICK
        self._container.mux(self._stream.encode(picture))
        self.frames += 1
        self.seconds += max(float(TICK), seconds)

    def split(self) -> None:
        """Finish the file, if one is being written; what is added later goes into another."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._container = None
            self.files += 1

    def read(self, seconds: float = math.inf) -> Iterator[av.VideoFrame]:
        """The frames that begin in the first `seconds`; their `pts` and `duration` are in units of `TICK`."""
        waiting: Any = None
        for frame in self._decoded():
            if frame.pts * TICK >= seconds:
                break
            if waiting is not None:
                waiting.duration = frame.pts - waiting.pts
                yield waiting
            waiting = frame
        if waiting is not None:
            waiting.duration = max(1, round(min(seconds, self.seconds) / TICK) - waiting.pts)
            yield waiting

    def _decoded(self) -> Iterator[Any]:
        for number in range(self.files):
            with av.open(str(self._path(number))) as container:
                for frame in container.decode(video=0):
                    frame.pts, frame.time_base = round((frame.time or 0.0) / TICK), TICK
                    yield frame

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.mkv"


def write(
    master: Master,
    path: Path,
    format: ClipFormat,
    *,
    max_bytes: int = 0,
    recipe: str = "",
    sound: Iterator[bytes] | None = None,
) -> Written:
    """Write the frames of `master`, which is closed, to `path`: no more than `max_bytes` (0: no limit).

    `sound` has 48 000 samples a second of two channels of 16 bits; only an MP4 keeps it. GIF and WebP loop.
    """
    scale, seconds, budget = 1.0, master.seconds, max_bytes
    sample = seconds * SAMPLE / max(master.frames, 1)
    least = min(1.0, SMALLEST_SIDE / max(master.size))
    spool = _spooled(sound, path.with_suffix(".pcm")) if sound and format == "mp4" else None
    if max_bytes and format == "mp4":
        bits = max_bytes * 8 * 0.92 / (master.frames * master.size[0] * master.size[1])
        scale = min(1.0, math.sqrt(bits / LEAST_BITS))
    try:
        if max_bytes and format != "mp4" and master.frames > 2 * SAMPLE:
            frames = _encode(master, path, format, master.size, sample, 0, recipe, None)
            scale = min(1.0, math.sqrt(0.9 * max_bytes * frames / (path.stat().st_size * master.frames)))
            scale = max(scale, least)
        while True:
            size = _scaled(master.size, scale)
            frames = _encode(master, path, format, size, seconds, budget, recipe, spool)
            length = path.stat().st_size
            if not max_bytes or length <= max_bytes or frames <= 1:
                return Written(*size, frames, _fitted(master, size, seconds, max_bytes))
            over = 0.95 * max_bytes / length
            budget = round(budget * over)
            if max(size) > SMALLEST_SIDE:
                scale = max(min(scale * math.sqrt(over), scale - 0.02), least)
            else:
                seconds *= min(over, 0.95)
    finally:
        if spool:
            spool.unlink(missing_ok=True)


def _fitted(master: Master, size: tuple[int, int], seconds: float, max_bytes: int) -> str | None:
    """What was done to a clip for a file of `max_bytes`: a sentence to be stored."""
    sizes = {"new": f"{size[0]} × {size[1]}", "old": f"{master.size[0]} × {master.size[1]}"}
    lengths = {"short": f"{seconds:.1f}", "long": f"{master.seconds:.1f}"}
    most = f"{max_bytes / 1e6:.3g}"
    is_smaller, is_shorter = size != master.size, seconds < master.seconds
    if is_smaller and is_shorter:
        text = Text(
            "Made smaller, {new} instead of {old} pixels and shorter, {short} s instead of {long} s, to fit "
            "into {most} MB.",
            **sizes,
            **lengths,
            most=most,
        )
    elif is_smaller:
        text = Text("Made smaller, {new} instead of {old} pixels, to fit into {most} MB.", **sizes, most=most)
    elif is_shorter:
        text = Text(
            "Made shorter, {short} s instead of {long} s, to fit into {most} MB.", **lengths, most=most
        )
    else:
        return None
    return text.dump()


def _spooled(sound: Iterator[bytes], path: Path) -> Path | None:
    """The sound in a file, because a clip may be written more than once; None where there is none."""
    with path.open("wb") as file:
        for piece in sound:
            file.write(piece)
    if path.stat().st_size:
        return path
    path.unlink()
    return None


def _encode(
    master: Master,
    path: Path,
    format: ClipFormat,
    size: tuple[int, int],
    seconds: float,
    max_bytes: int,
    recipe: str,
    sound: Path | None,
) -> int:
    """Write one file; returns the number of its frames."""
    match format:
        case "mp4":
            return _encode_mp4(master, path, size, seconds, max_bytes, recipe, sound)
        case "gif":
            return _encode_gif(master, path, size, seconds)
        case "webp":
            return _encode_webp(master, path, size, seconds)


def _encode_mp4(
    master: Master,
    path: Path,
    size: tuple[int, int],
    seconds: float,
    max_bytes: int,
    recipe: str,
    sound: Path | None,
) -> int:
    options = dict(_FILM)
    if max_bytes:
        rate = int(max_bytes * 8 * 0.92 / (min(seconds, master.seconds) + 1))
        rate = max(rate - (VOICE_BITS if sound else 0), rate // 4)
        options |= {"maxrate": str(rate), "bufsize": str(rate)}
    frames, last, lasting = 0, 0, 0
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = recipe
        film: Any = container.add_stream("libx264", rate=25, options=options)
        film.width, film.height = size
        film.pix_fmt = "yuv420p"
        film.codec_context.time_base = TICK
        voice: Any = container.add_stream("aac", rate=SOUND_RATE, layout="stereo") if sound else None
        if voice:
            voice.bit_rate = VOICE_BITS
        pcm = sound.open("rb") if sound else None
        heard = 0
        for frame in master.read(seconds):
            picture = frame.reformat(*size, "yuv420p", interpolation="LANCZOS")
            picture.pts, picture.time_base, picture.pict_type = frame.pts, TICK, 0
            container.mux(film.encode(picture))
            last, lasting = frame.pts or 0, frame.duration
            frames += 1
            while pcm and heard < (frame.time or 0.0) * SOUND_RATE:
                heard = _add_sound(container, voice, pcm.read(4 * 1024), heard) or SOUND_RATE * 10**6
        for packet in film.encode():
            if packet.pts == last:
                packet.duration = lasting
            container.mux(packet)
        if pcm:
            end = round(min(seconds, master.seconds) * SOUND_RATE)
            while heard < end and (piece := pcm.read(4 * min(1024, end - heard))):
                heard = _add_sound(container, voice, piece, heard)
            container.mux(voice.encode())
            pcm.close()
    return frames


def _add_sound(container: Any, voice: Any, piece: bytes, heard: int) -> int:
    """Append samples, which begin at the sample `heard`; returns where they end, 0 where there are none."""
    samples = len(piece) // 4
    if not samples:
        return 0
    frame = av.AudioFrame(format="s16", layout="stereo", samples=samples)
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, heard, Fraction(1, SOUND_RATE)
    frame.planes[0].update(piece[: 4 * samples].ljust(frame.planes[0].buffer_size, b"\0"))
    container.mux(voice.encode(frame))
    return heard + samples


def _encode_gif(master: Master, path: Path, size: tuple[int, int], seconds: float) -> int:
    """FFmpeg's palettegen chooses 255 colours for the whole clip; paletteuse dithers in a fixed pattern.

    Such a pattern stands still where the picture does, which error diffusion does not. Browsers show a frame
    of less than two hundredths of a second for ten, so that frames that are too fast are left out.
    """
    palette = _filtered(master, size, seconds, ("palettegen", "stats_mode=full:reserve_transparent=0"))
    colors = next(palette)
    frames, due = 0, 0
    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as container:
        film: Any = container.add_stream("gif", rate=100)
        film.width, film.height = size
        film.pix_fmt = "pal8"
        film.codec_context.time_base = Fraction(1, 100)
        for frame in _filtered(
            master, size, seconds, ("paletteuse", "dither=bayer:bayer_scale=3:diff_mode=rectangle"), colors
        ):
            start = frame.pts or 0
            begin, end = (round(time * TICK * 100) for time in (start, start + frame.duration))
            if begin < due:
                continue
            due = begin + 2
            frame.pts, frame.time_base = begin, Fraction(1, 100)
            for packet in film.encode(frame):
                packet.duration = max(end - begin, 2)
                container.mux(packet)
            frames += 1
        container.mux(film.encode())
    return frames


def _encode_webp(master: Master, path: Path, size: tuple[int, int], seconds: float) -> int:
    frames, lasting = 0, 0
    options = {"quality": "78", "compression_level": "3", "loop": "0"}
    with av.open(str(path), "w", format="webp", options={"loop": "0"}) as container:
        film: Any = container.add_stream("libwebp_anim", rate=25, options=options)
        film.width, film.height = size
        film.pix_fmt = "yuv420p"
        film.codec_context.time_base = TICK
        for frame in master.read(seconds):
            picture = frame.reformat(*size, "yuv420p", interpolation="LANCZOS")
            picture.pts, picture.time_base = frame.pts, TICK
            container.mux(film.encode(picture))
            lasting = frame.duration
            frames += 1
        container.mux(film.encode())
    _set_last_duration(path, lasting)
    return frames


def _set_last_duration(path: Path, milliseconds: int) -> None:
    """Correct how long the last frame of an animated WebP is shown, for which its encoder takes the mean."""
    with path.open("r+b") as file:
        position, last = 12, 0
        while len(header := _at(file, position, 8)) == 8:
            if header[:4] == b"ANMF":
                last = position
            length = int.from_bytes(header[4:], "little")
            position += 8 + length + length % 2
        if last:
            file.seek(last + 8 + 12)
            file.write(milliseconds.to_bytes(3, "little"))


def _at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def _filtered(
    master: Master,
    size: tuple[int, int],
    seconds: float,
    last: tuple[str, str],
    palette: av.VideoFrame | None = None,
) -> Iterator[av.VideoFrame]:
    """The master's frames scaled to `size`, through FFmpeg's filter `last` with its arguments."""
    graph = av.filter.Graph()
    width, height = master.size
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("yuv444p"), time_base=TICK)
    scale = graph.add("scale", f"{size[0]}:{size[1]}:flags=lanczos")
    rgb = graph.add("format", "rgb32")
    end = graph.add(*last)
    sink = graph.add("buffersink")
    source.link_to(scale)
    scale.link_to(rgb)
    rgb.link_to(end)
    end.link_to(sink)
    if palette is not None:
        colors = graph.add_buffer(
            width=palette.width, height=palette.height, format=palette.format, time_base=TICK
        )
        colors.link_to(end, 0, 1)
    graph.configure()
    if palette is not None:
        colors.push(palette)
        colors.push(None)
    for frame in master.read(seconds):
        source.push(frame)
        yield from _pulled(sink)
    source.push(None)
    yield from _pulled(sink)


def _pulled(sink: Any) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield sink.pull()
        except (BlockingIOError, EOFError):
            return


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height
