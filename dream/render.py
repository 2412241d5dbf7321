"""Dreaming from file to file, as a worker does it: arguments and results are bytes and can be pickled.

TensorFlow is imported when the first dream begins.
"""

import contextlib
import io
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import platformdirs
from PIL import Image

from dream import dreamer
from dream.backbone import runtime
from dream.backbone.catalog import Network, add
from dream.dreamer import Report
from dream.formats import FILMS, ClipFormat, format_of
from dream.picture import (
    DEFAULT_LIMITS,
    Limits,
    Pixels,
    Probe,
    contents,
    decode,
    encode,
    probe,
    resize,
    to_bytes,
)
from dream.recipe import Recipe

PREVIEW_SECONDS = 1.0
"""The least time between two previews of one dream."""

KEPT_SECONDS = 3600.0
"""For how long what a dead process left of an unfinished clip is kept for another to go on with."""

PREVIEW_FRAMES = 6
"""The frames of a clip's preview, which moves."""


@dataclass(frozen=True, slots=True)
class Work:
    """One dream to be rendered.

    `source` is the picture, as a file's contents or as its path on the worker's machine, None for a dream
    from nothing; `guide` a second picture whose features are to appear. A `sheet` of labels and recipes is
    dreamt in place of `recipe`. To `compare`, nothing is dreamt: `source` is shown with `guide`, its dream,
    beside it ("sides"), or as a loop ("wipe", "back"). `networks` dream, as the operator has them.
    Previews have a longer side of `preview_size` pixels (0: none). The result is at most `max_bytes` large. A
    dream that its worker has not done after `deadline` seconds is stopped. A clip with a `key` goes on where
    an earlier process that died had come with this key.
    """

    source: bytes | Path | None
    recipe: Recipe
    guide: bytes | Path | None = None
    sheet: tuple[tuple[str, Recipe], ...] = ()
    compare: str = ""
    limits: Limits = DEFAULT_LIMITS
    networks: tuple[Network, ...] = ()
    preview_size: int = 320
    max_bytes: int = 10_000_000
    deadline: float = 86_400.0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """A step that was taken, as in `dream.dreamer`; `preview` is a small JPEG, or GIF of a clip, or None."""

    step: int
    steps: int
    octave: int
    octaves: int
    objective: float
    done: float
    preview: bytes | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished dream as a file to post: a picture, a video, or a moving picture.

    A comparison has no `report`, as nothing was dreamt.
    """

    data: bytes
    filename: str
    report: Report | None
    seconds: float = 0.0
    """What it took in its worker, from the first byte read to the last byte written; 0 where not measured."""
    is_cold: bool = False
    """Whether its network or layers were loaded and compiled for it, which later dreams need not wait for."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A class that the networks see in a picture: its canonical name, its title, and how sure, in [0, 1]."""

    name: str
    title: str
    share: float


@dataclass(frozen=True, slots=True)
class Sights:
    """What the networks see in a picture, surest first, and where: a JPEG that shows the picture for each."""

    things: tuple[Sight, ...]
    sheet: bytes


def see(picture: bytes | Path, most: int, limits: Limits) -> Sights:
    """What is seen in a picture file, at most so many things. Raises PictureError."""
    runtime.start()
    from dream.seeing import see, sheet

    pixels = decode(contents(picture), limits, (1024, 1024))
    seen = see(pixels, most)
    image, _ = encode(np.clip(sheet(pixels, seen), 0, 1), format="jpg", quality=85)
    return Sights(tuple(Sight(each.name, each.title, each.share) for each in seen), image)


_warm: set[tuple[object, ...]] = set()
"""What this process has dreamt of before, as far as loading and compiling depend on it."""


def render(
    work: Work,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Rendered:
    """Dream `work`. `on_progress` gets every step, with a preview now and then.

    Raises PictureError, Cancelled.
    """
    began = last_preview = time.monotonic()
    if work.compare:
        data, filename = _compared(work)
        return Rendered(data, filename, None, time.monotonic() - began)
    add(*work.networks)
    film = _film_format(work)
    latest: deque[Pixels] = deque(maxlen=PREVIEW_FRAMES)
    compiled = (work.recipe.layers, work.recipe.settled().objective, work.guide is None)
    is_cold = compiled not in _warm

    def report(progress: dreamer.Progress) -> None:
        nonlocal last_preview
        preview = None
        if film and work.preview_size and not work.recipe.is_video:
            latest.append(_shrunk(progress.preview(), work.preview_size // 2))
        if work.preview_size and time.monotonic() - last_preview >= PREVIEW_SECONDS:
            if latest:
                preview = _moving(latest)
            else:
                preview = encode(_shrunk(progress.preview(), work.preview_size), format="jpg", quality=80)[0]
            last_preview = time.monotonic()
        shown = progress.step, progress.steps, progress.octave, progress.octaves
        on_progress(Progress(*shown, progress.objective, progress.done, preview))

    options: dict[str, Any] = {
        "guide": work.guide,
        "limits": work.limits,
        "on_progress": report,
        "cancelled": cancelled,
    }
    if work.sheet:
        from dream.compare import sheet

        pixels, made = sheet(work.source, work.sheet, **options)
        data, extension = encode(pixels, recipe="", max_bytes=work.max_bytes)
        filename = f"dreams.{extension}"
    elif film:
        from dream.clip import dream_clip
        from dream.zoom import zoom

        with TemporaryDirectory(prefix="dreambot-") as folder:
            path = Path(folder, f"dream.{film}")
            options["max_bytes"] = work.max_bytes
            if work.recipe.is_video:
                made = zoom(work.source, work.recipe, path, **options)
            else:
                made = dream_clip(work.source, work.recipe, path, resume=_kept(work.key), **options)
            data, filename = path.read_bytes(), path.name
    else:
        result = dreamer.dream(work.source, work.recipe, **options)
        data, extension = encode(result.pixels, recipe=result.report.recipe, max_bytes=work.max_bytes)
        filename, made = f"dream.{extension}", result.report
    _warm.add(compiled)
    return Rendered(data, filename, made, time.monotonic() - began, is_cold)


def film_format(recipe: Recipe, source: Probe | None) -> ClipFormat | None:
    """What the dream of `recipe` becomes if it moves; None if it is a picture.

    A moving picture's dream moves, too, unless the recipe asks for a still or another motion, and so does a
    morph of any picture. It stays a GIF if it was one, and becomes an MP4 otherwise, unless the recipe says
    what.
    """
    is_clip = recipe.dreams_clip(source.frames if source else 1)
    if not is_clip and not recipe.is_video:
        return None
    formats: dict[str, ClipFormat] = {"gif": "gif", "webp": "webp", "mp4": "mp4"}
    stays_gif = is_clip and source is not None and source.format == "GIF"
    return formats.get(recipe.as_ or "", "gif" if stays_gif else "mp4")


def _film_format(work: Work) -> ClipFormat | None:
    """`film_format` of `work`, whose source is looked into only where it may move."""
    source = None
    if work.source and not work.recipe.is_video and work.recipe.as_ != "still":
        data = contents(work.source)
        if format_of(data[:64]) in ("GIF", "PNG", "WEBP", "AVIF", *FILMS):
            source = probe(data, work.limits)
    return film_format(work.recipe, source)


def _kept(key: str) -> Path | None:
    """The folder for what is kept of an unfinished clip, None without a key. Forgotten ones are removed."""
    if not key:
        return None
    folder = platformdirs.user_cache_path("dreambot", appauthor=False) / "clips"
    for other in folder.glob("*"):
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(other)
    return folder / key


def _compared(work: Work) -> tuple[bytes, str]:
    """A picture and its dream as one file, and the file's name."""
    from dream.compare import morph_back, sides, wipe

    assert work.source is not None and work.guide is not None
    pictures = contents(work.source), contents(work.guide)
    if work.compare == "wipe":
        return wipe(*pictures, work.limits, work.max_bytes), "wipe.gif"
    if work.compare == "back":
        return morph_back(*pictures, work.limits, work.max_bytes), "morph-back.gif"
    data, extension = encode(sides(*pictures, work.limits), max_bytes=work.max_bytes)
    return data, f"before-and-after.{extension}"


def warm() -> None:
    """Load the default network and dream a few pixels, so that the first dream of this process is quick."""
    dreamer.dream(None, "block8+block11 octaves=1 steps=1 size=96 seed=0")


def _shrunk(pixels: Pixels, longer: int) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1, longer / max(height, width))
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _moving(frames: Iterable[Pixels]) -> bytes:
    """A small GIF of some frames."""
    first, *others = (Image.fromarray(to_bytes(frame)).quantize() for frame in frames)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=80, loop=0)
    return file.getvalue()
