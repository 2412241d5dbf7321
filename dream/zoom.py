"""Dream videos: an endless zoom into a picture, or the transition from the photograph to its dream.

A zoom loops because its target does: a Droste image, in which the dreamt picture contains smaller copies of
itself. Enlarged by one period, that image is the same again. In a morph the picture in it is a film, of its
dream as it changes, and the video loops only if the morph ends as it began. Each frame is the previous one
enlarged by the zoom factor, blended towards the target at that frame, and changed by a few steps of gradient
ascent. The weight of the target is larger where its copy is sharp, and smaller where it is enlarged beyond
the frame and blurred. After one period nothing of the first frame is left but the target, and the last frames
are cross-faded into the first.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dream.clip_writer import Master, write
from dream.coherence import FrameDreamer
from dream.dreamer import Dreamer, Picture, Progress, Report
from dream.formats import ClipFormat, clip_format
from dream.octaves import FRAMES_PER_SECOND, SMALLEST, closing, frames, writing_work, zoom_work
from dream.picture import Pixels, resize, to_bytes
from dream.recipe import Recipe

SHARP_WEIGHT, BLURRED_WEIGHT = 0.1, 0.04
"""The weight of the target in a frame: where its copy is sharp, and where it is enlarged far beyond."""

MEAN_COLOR = 0.5
"""How far a copy enlarged far beyond the frame is replaced by its mean colour. Without this, a bright middle
saturates over many frames."""

STEP_SIZE = 0.48
"""The step size at each frame, relative to the recipe's strength."""

MIN_PERIOD_ZOOM = 4.0
"""The least enlargement over one period, however slow the recipe's zoom: it separates the nested copies."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, the last two outside."""

FRAME = 1 / FRAMES_PER_SECOND
"""For how many seconds a frame is shown."""

FIRST_SCALE = 1.15
"""The scale of the largest copy at the first frame, relative to the frame: its soft edge lies outside."""


def zoom(
    picture: Picture,
    recipe: Recipe | str,
    path: Path,
    *,
    max_bytes: int = 0,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Report:
    """Dream a video of `picture` to `path`, an MP4, GIF or WebP of at most `max_bytes` (0: no bound).

    The recipe's `zoom`, `rotate` and `seconds` describe the motion; with `zoom=1` the video shows the
    transition from the photograph to its dream. `options` are those of `dream.dreamer.dream`, and so are the
    errors.
    """
    recipe = Recipe.parse(recipe) if isinstance(recipe, str) else recipe
    if not recipe.is_video:
        recipe = dataclasses.replace(recipe, **({"zoom": 1.02} if recipe.is_morph else {"seconds": 10}))
    dreamer = Dreamer(picture, recipe, **options)
    format = clip_format(path)
    write_frames: Callable[..., Report] = _transition
    if dreamer.recipe.is_morph:
        write_frames = partial(_endless_zoom, format=format, morph=FrameDreamer(dreamer.asked, **options))
    elif dreamer.recipe.zoom != 1:
        write_frames = partial(_endless_zoom, format=format)
    with TemporaryDirectory(prefix="dreambot-") as folder:
        with Master(Path(folder), dreamer.size) as video:
            report = write_frames(dreamer, video, on_progress)
        written = write(video, path, format, max_bytes=max_bytes, recipe=str(dreamer.asked))
    width, height = written.width, written.height
    return dataclasses.replace(report, width=width, height=height, fitted=written.fitted)


def _transition(dreamer: Dreamer, video: Master, on_progress: Callable[[Progress], None]) -> Report:
    """Write the photograph (a tenth of the frames), the steps of its dream, and the dream (a quarter)."""
    count = frames(dreamer.recipe)
    still, moving = count // 10, count - count // 10 - count // 4
    shown = resize(dreamer.source, *dreamer.size)
    for _ in range(still):
        video.add(shown, FRAME)

    def add_frames(progress: Progress) -> None:
        nonlocal shown
        now = dreamer.finished(progress.preview())
        before, after = (round(moving * step / progress.steps) for step in (progress.step - 1, progress.step))
        for frame in range(before, after):
            video.add(shown + (now - shown) * np.float32((frame + 1 - before) / (after - before)), FRAME)
        shown = now
        on_progress(progress)

    result = dreamer.dream(add_frames)
    for _ in range(count - still - moving):
        video.add(result.pixels, FRAME)
    return result.report


def _endless_zoom(
    dreamer: Dreamer,
    video: Master,
    on_progress: Callable[[Progress], None],
    *,
    format: ClipFormat,
    morph: FrameDreamer | None = None,
) -> Report:
    """Write one period of the zoom; `morph` dreams the picture in it anew for each frame.

    `overlap` more frames are computed than written: the first ones are kept and cross-faded with the last.
    """
    recipe = dreamer.recipe
    assert recipe.zoom and recipe.rotate is not None and recipe.strength and recipe.blend is not None
    count = frames(recipe)
    overlap = closing(count) if recipe.returns else 0
    total = count + overlap
    steps = dreamer.steps + total
    still, zooming = sum(octave.work for octave in dreamer.plan), zoom_work(recipe, *dreamer.size)
    work = still + zooming + writing_work(format, *dreamer.size, count)

    def report_progress(progress: Progress) -> None:
        done = progress.done * still / work
        on_progress(dataclasses.replace(progress, steps=steps, octaves=progress.octaves + 1, done=done))

    photograph = resize(dreamer.source, *dreamer.size)
    if morph is None:
        first = dreamer.dream(report_progress)
        shown, report = first.pixels, first.report
    else:
        shown = morph.finished(morph.dream(photograph))
        report = morph.report
    factor = max(recipe.zoom, MIN_PERIOD_ZOOM ** (1 / count))
    droste = _DrosteImage(shown, factor, recipe.rotate, count)
    frame, _ = droste.at(-overlap)
    opening: list[NDArray[np.uint8]] = []
    for number in range(total):
        if morph is not None:
            position = min(number / max(count - 1, 1), 1.0)
            dreamer.move_to(position)
            shown = morph.finished(morph.dream(photograph, position))
            droste = _DrosteImage(shown, factor, recipe.rotate, count)
        step_size = (dreamer.recipe.strength or 0) * STEP_SIZE * recipe.blend
        target, weight = droste.at(number - overlap)
        frame = _enlarged(frame, factor, recipe.rotate)
        frame += weight * (target - frame)
        random = np.random.default_rng((recipe.seed or 0, number % count))
        objective = _ascend(dreamer, frame, step_size, random)
        if number < overlap:
            opening.append(to_bytes(frame))
        elif number < count:
            video.add(frame, FRAME)
        else:
            earlier = opening[number - count].astype(np.float32) / np.float32(255)
            faded = frame + (earlier - frame) * np.float32((number - count + 1) / (overlap + 1))
            video.add(faded, FRAME)
        step, octaves = dreamer.steps + number + 1, len(dreamer.plan) + 1
        done = (still + zooming * (number + 1) / total) / work
        on_progress(Progress(step, steps, octaves, octaves, objective, done, frame.copy))
    return dreamer.report(steps, report.objective_before, report.objective_after)


def _ascend(dreamer: Dreamer, frame: Pixels, step_size: float, random: np.random.Generator) -> float:
    """Take a step at half the size of `frame` and one at its own, in place. Returns the objective."""
    height, width = frame.shape[:2]
    if min(height, width) >= 2 * SMALLEST:
        half = resize(frame, width // 2, height // 2)
        changed = half.copy()
        dreamer.ascent.step(changed, step_size, random)
        frame += resize(changed - half, width, height)
    np.clip(frame, 0, 1, out=frame)
    return dreamer.ascent.step(frame, step_size, random)


class _DrosteImage:
    """An image that contains a smaller copy of itself in its middle, without end (the Droste effect).

    From frame to frame it is enlarged by `factor` and rotated by `rotate` degrees. After `period` frames each
    copy has the scale and angle that the next larger one had. At frame 0 a copy is upright and `FIRST_SCALE`
    times the frame's size.
    """

    def __init__(self, picture: Pixels, factor: float, rotate: float, period: int) -> None:
        height, width = picture.shape[:2]
        x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        edge = np.clip((1 - (x**8 + y**8) ** (1 / 8)) / 0.2, 0, 1)
        alpha = edge * edge * (3 - 2 * edge)
        self._mean = picture.mean(axis=(0, 1))
        self._pyramid = [np.dstack([picture, alpha]).astype(np.float32)]
        while min(self._pyramid[-1].shape[:2]) > 8:
            height, width = self._pyramid[-1].shape[:2]
            self._pyramid.append(resize(self._pyramid[-1], width // 2, height // 2))
        self._factor, self._rotate, self._period = factor, rotate, period

    def at(self, frame: int) -> tuple[Pixels, NDArray[np.float32]]:
        """The image at `frame`, premultiplied by coverage, and its weight, of shape (height, width, 1)."""
        height, width = self._pyramid[0].shape[:2]
        target = np.zeros((height, width, 3), np.float32)
        weight = np.zeros((height, width, 1), np.float32)
        uncovered = np.ones((height, width, 1), np.float32)
        smallest = math.log(3 / min(height, width) / FIRST_SCALE, self._factor)  # a copy of three pixels
        age = smallest + (frame - smallest) % self._period
        while uncovered.max() > 0.004:  # from the smallest copy outwards
            scale = FIRST_SCALE * self._factor**age
            level = min(max(0, math.floor(-math.log2(scale))), len(self._pyramid) - 1)
            angle = self._rotate * age
            box = _bounding_box((width, height), scale, angle)
            here = np.s_[box[1] : box[3], box[0] : box[2]]
            copy = _placed(self._pyramid[level], (width, height), scale, angle, box)
            covered = uncovered[here] * np.clip(copy[..., 3:], 0, 1)
            sharpness = np.float32(min(1.0, (FIRST_SCALE / scale) ** 2))
            colors = copy[..., :3] + MEAN_COLOR * (1 - sharpness) * (self._mean - copy[..., :3])
            target[here] += covered * colors
            weight[here] += covered * (BLURRED_WEIGHT + (SHARP_WEIGHT - BLURRED_WEIGHT) * sharpness)
            uncovered[here] -= covered
            age += self._period
        return target, weight


def _enlarged(frame: Pixels, factor: float, rotate: float) -> Pixels:
    """`frame` enlarged by `factor` and rotated by `rotate` degrees about its centre."""
    height, width = frame.shape[:2]
    margin = math.ceil(max(height, width) / 2 * abs(math.sin(math.radians(rotate)))) + 1
    margin = min(margin, min(height, width) - 1)
    padded = np.pad(frame, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    return _placed(padded, (width, height), factor * padded.shape[1] / width, rotate, (0, 0, width, height))


def _bounding_box(size: tuple[int, int], scale: float, rotate: float) -> Box:
    """Where, on a canvas of `size` (width, height), a copy of it lies that is scaled and rotated about its
    middle.
    """
    width, height = size
    cosine, sine = (scale / 2 * abs(f(math.radians(rotate))) for f in (math.cos, math.sin))
    across, down = cosine * width + sine * height + 1, sine * width + cosine * height + 1
    left, top = max(0, math.floor(width / 2 - across)), max(0, math.floor(height / 2 - down))
    return left, top, min(width, math.ceil(width / 2 + across)), min(height, math.ceil(height / 2 + down))


def _placed(
    pixels: NDArray[np.float32], size: tuple[int, int], scale: float, rotate: float, box: Box
) -> Pixels:
    """What is in `box` of a black canvas of `size` (width, height), on which `pixels` lie centred, `scale`
    times as wide as the canvas.
    """
    height, width = pixels.shape[:2]
    step = width / (size[0] * scale)
    cosine, sine = (step * f(math.radians(rotate)) for f in (math.cos, math.sin))
    x, y = size[0] / 2 - box[0], size[1] / 2 - box[1]
    matrix = (
        cosine,
        -sine,
        width / 2 - cosine * x + sine * y,
        sine,
        cosine,
        height / 2 - sine * x - cosine * y,
    )
    size = box[2] - box[0], box[3] - box[1]
    result = np.empty((size[1], size[0], pixels.shape[2]), np.float32)
    for channel in range(pixels.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(pixels[..., channel]))
        placed = plane.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        result[..., channel] = np.asarray(placed)
    return result
