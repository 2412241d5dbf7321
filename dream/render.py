"""Dreaming from file to file, as a worker does it: arguments and results are bytes and can be pickled.

TensorFlow is imported when the first dream begins.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dream import dreamer
from dream.backbone import runtime
from dream.dreamer import Report
from dream.picture import DEFAULT_LIMITS, Limits, Pixels, contents, decode, encode, resize
from dream.recipe import Recipe

PREVIEW_SECONDS = 1.0
"""The least time between two previews of one dream."""


@dataclass(frozen=True, slots=True)
class Work:
    """One dream to be rendered.

    `source` is the picture, as a file's contents or as its path on the worker's machine, None for a dream
    from nothing; `guide` a second picture whose features are to appear. A `sheet` of labels and recipes is
    dreamt in place of `recipe`. To `compare`, nothing is dreamt: `source` is shown with `guide`, its dream,
    beside it ("sides"), or as a loop ("wipe"). `inception_v3` is the operator's weights file. Previews have a
    longer side of `preview_size` pixels (0: none). The result is at most `max_bytes` large. A dream that its
    worker has not done after `deadline` seconds is stopped.
    """

    source: bytes | Path | None
    recipe: Recipe
    guide: bytes | Path | None = None
    sheet: tuple[tuple[str, Recipe], ...] = ()
    compare: str = ""
    limits: Limits = DEFAULT_LIMITS
    inception_v3: str | None = None
    preview_size: int = 320
    max_bytes: int = 10_000_000
    deadline: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A step that was taken, as in `dream.dreamer`; `preview` is a small JPEG, or most of the time None."""

    step: int
    steps: int
    octave: int
    octaves: int
    objective: float
    preview: bytes | None = None

    @property
    def done(self) -> float:
        """The share of the steps taken, in [0, 1]."""
        return self.step / self.steps


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished dream as a file to post: a picture, or an MP4 if the recipe dreams a video.

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
    compiled = (work.recipe.layers, work.recipe.settled().objective, work.guide is None)
    is_cold = compiled not in _warm

    def report(progress: dreamer.Progress) -> None:
        nonlocal last_preview
        preview = None
        if work.preview_size and time.monotonic() - last_preview >= PREVIEW_SECONDS:
            preview = _small(progress.preview(), work.preview_size)
            last_preview = time.monotonic()
        on_progress(
            Progress(
                progress.step, progress.steps, progress.octave, progress.octaves, progress.objective, preview
            )
        )

    options: dict[str, Any] = {
        "guide": work.guide,
        "inception_v3": work.inception_v3,
        "limits": work.limits,
        "on_progress": report,
        "cancelled": cancelled,
    }
    if work.sheet:
        from dream.compare import sheet

        pixels, made = sheet(work.source, work.sheet, **options)
        data, extension = encode(pixels, recipe="", max_bytes=work.max_bytes)
        filename = f"dreams.{extension}"
    elif work.recipe.is_video:
        from dream.zoom import zoom

        with TemporaryDirectory(prefix="dreambot-") as folder:
            path = Path(folder, "dream.mp4")
            video = zoom(work.source, work.recipe, path, max_bytes=work.max_bytes, **options)
            data, filename, made = path.read_bytes(), path.name, video
    else:
        result = dreamer.dream(work.source, work.recipe, **options)
        data, extension = encode(result.pixels, recipe=result.report.recipe, max_bytes=work.max_bytes)
        filename, made = f"dream.{extension}", result.report
    _warm.add(compiled)
    return Rendered(data, filename, made, time.monotonic() - began, is_cold)


def _compared(work: Work) -> tuple[bytes, str]:
    """A picture and its dream as one file, and the file's name."""
    from dream.compare import sides, wipe

    assert work.source is not None and work.guide is not None
    pictures = contents(work.source), contents(work.guide)
    if work.compare == "wipe":
        return wipe(*pictures, work.limits, work.max_bytes), "wipe.gif"
    data, extension = encode(sides(*pictures, work.limits), max_bytes=work.max_bytes)
    return data, f"before-and-after.{extension}"


def warm() -> None:
    """Load the default network and dream a few pixels, so that the first dream of this process is quick."""
    dreamer.dream(None, "block8+block11 octaves=1 steps=1 size=96 seed=0")


def _small(pixels: Pixels, longer: int) -> bytes:
    height, width = pixels.shape[:2]
    scale = min(1, longer / max(height, width))
    small = resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
    return encode(small, format="jpg", quality=80)[0]
