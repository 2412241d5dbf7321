"""Dream videos: endlessly into a picture, or the way from the photograph to its dream.

A zoom falls into the dreamt picture, dreaming on at every frame, until the picture itself comes up from the
middle and is the first frame again. The loop is built in. The dreamt picture is nested in itself like the
nurse on the Droste cocoa tin; that nest, which looks the same each time it has grown by one turn, leads the
frames: each is the one before enlarged a little, drawn towards the nest, and dreamt on by a step. A picture
that is not yet larger than the frame leads firmly, one that has outgrown it hardly: there the dream is free.
So what a turn began with is forgotten by its end, and the last frames blend into the first.
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dream.dreamer import Dreamer, Progress, Report
from dream.film import Film
from dream.octaves import SMALLEST, frames
from dream.picture import Pixels, resize, to_bytes
from dream.recipe import Recipe

OVERLAP = 16
"""At most so many frames at the end of a loop blend into its start."""

FIRM, LOOSE = 0.1, 0.04
"""The share of a frame that the nest replaces: where its picture is sharp, and where it has long outgrown
the frame."""

FADE = 0.5
"""How far a picture that has long outgrown the frame leads towards its mean colour, not to what filled its
middle: white dreamt on for long burns out."""

STROKE = 0.48
"""The strength of a frame's steps, as a share of the recipe's."""

LEAST_TURN = 4.0
"""A turn enlarges at least this much, however slow the recipe's zoom, so that the nested pictures part."""

OPENING = 1.15
"""How much larger than the frame the picture is at the first frame: its soft rim lies outside."""


def zoom(
    picture: bytes | Pixels | None,
    recipe: Recipe | str,
    path: Path,
    *,
    max_bytes: int = 0,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Report:
    """Dream a video of `picture` to `path`, an MP4 of at most `max_bytes` (0: no bound).

    The recipe's `zoom`, `rotate` and `seconds` say how it moves; `zoom=1` stands still and shows the way from
    the photograph to its dream. `options` are those of `dream.dreamer.dream`, and so are the errors raised.
    """
    recipe = Recipe.parse(recipe) if isinstance(recipe, str) else recipe
    if not recipe.is_video:
        recipe = dataclasses.replace(recipe, seconds=10)
    dreamer = Dreamer(picture, recipe, **options)
    shoot = _growth if dreamer.recipe.zoom == 1 else _fall
    with Film(path, dreamer.size, frames(recipe), max_bytes=max_bytes, recipe=str(dreamer.asked)) as film:
        return shoot(dreamer, film, on_progress)


def _growth(dreamer: Dreamer, film: Film, on_progress: Callable[[Progress], None]) -> Report:
    """The photograph, the steps of its dream, and for the last quarter the dream."""
    count = frames(dreamer.recipe)
    still, moving = count // 10, count - count // 10 - count // 4
    shown = resize(dreamer.source, *dreamer.size)
    for _ in range(still):
        film.add(shown)

    def grow(progress: Progress) -> None:
        nonlocal shown
        now = dreamer.finished(progress.preview())
        before, after = (round(moving * step / progress.steps) for step in (progress.step - 1, progress.step))
        for frame in range(before, after):
            film.add(shown + (now - shown) * np.float32((frame + 1 - before) / (after - before)))
        shown = now
        on_progress(progress)

    result = dreamer.dream(grow)
    for _ in range(count - still - moving):
        film.add(result.pixels)
    return result.report


def _fall(dreamer: Dreamer, film: Film, on_progress: Callable[[Progress], None]) -> Report:
    """One turn through the nest: frames `overlap` to `count + overlap`, the last `overlap` blended."""
    recipe = dreamer.recipe
    assert recipe.zoom and recipe.rotate is not None and recipe.strength and recipe.blend is not None
    count = frames(recipe)
    overlap = min(OVERLAP, count // 3)
    total = count + overlap
    steps = dreamer.steps + total

    def dreaming(progress: Progress) -> None:
        on_progress(dataclasses.replace(progress, steps=steps, octaves=progress.octaves + 1))

    first = dreamer.dream(dreaming)
    growth = max(recipe.zoom, LEAST_TURN ** (1 / count))
    nest = _Nest(first.pixels, growth, recipe.rotate, count)
    strength = recipe.strength * STROKE * recipe.blend
    frame, _ = nest.at(-overlap)
    opening: list[NDArray[np.uint8]] = []
    for number in range(total):
        lead, share = nest.at(number - overlap)
        frame = _moved(frame, growth, recipe.rotate)
        frame += share * (lead - frame)
        random = np.random.default_rng((recipe.seed or 0, number % count))
        climbed = _dream_on(dreamer, frame, strength, random)
        if number < overlap:
            opening.append(to_bytes(frame))
        elif number < count:
            film.add(frame)
        else:
            earlier = opening[number - count].astype(np.float32) / np.float32(255)
            film.add(frame + (earlier - frame) * np.float32((number - count + 1) / (overlap + 1)))
        octaves = len(dreamer.plan) + 1
        on_progress(Progress(dreamer.steps + number + 1, steps, octaves, octaves, climbed, frame.copy))
    return dreamer.report(steps, first.report.objective_before, first.report.objective_after)


def _dream_on(dreamer: Dreamer, frame: Pixels, strength: float, random: np.random.Generator) -> float:
    """Take one step at half the size of `frame` and one at its own, in place. Returns the objective."""
    height, width = frame.shape[:2]
    if min(height, width) >= 2 * SMALLEST:
        half = resize(frame, width // 2, height // 2)
        changed = half.copy()
        dreamer.ascent.step(changed, strength, random)
        frame += resize(changed - half, width, height)
    np.clip(frame, 0, 1, out=frame)
    return dreamer.ascent.step(frame, strength, random)


class _Nest:
    """A picture that has a small copy of itself in its middle, which has a smaller one in its middle.

    From frame to frame everything grows by `growth` and turns by `rotate` degrees; after `turn` frames each
    copy is where the next larger one was. At frame 0 one is upright and `OPENING` times the frame's size.
    """

    def __init__(self, picture: Pixels, growth: float, rotate: float, turn: int) -> None:
        height, width = picture.shape[:2]
        x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        rim = np.clip((1 - (x**8 + y**8) ** (1 / 8)) / 0.2, 0, 1)
        cover = rim * rim * (3 - 2 * rim)
        self._mean = picture.mean(axis=(0, 1))
        self._sizes = [np.dstack([picture, cover]).astype(np.float32)]
        while min(self._sizes[-1].shape[:2]) > 8:
            height, width = self._sizes[-1].shape[:2]
            self._sizes.append(resize(self._sizes[-1], width // 2, height // 2))
        self._growth, self._rotate, self._turn = growth, rotate, turn

    def at(self, frame: int) -> tuple[Pixels, NDArray[np.float32]]:
        """The nest at `frame`, and the share of each pixel that it replaces, of shape (height, width, 1)."""
        height, width = self._sizes[0].shape[:2]
        lead = np.zeros((height, width, 3), np.float32)
        share = np.zeros((height, width, 1), np.float32)
        unseen = np.ones((height, width, 1), np.float32)
        speck = math.log(3 / min(height, width) / OPENING, self._growth)
        age = speck + (frame - speck) % self._turn
        while unseen.max() > 0.004:  # from the smallest copy outwards
            size = OPENING * self._growth**age
            level = min(max(0, math.floor(-math.log2(size))), len(self._sizes) - 1)
            layer = _placed(self._sizes[level], (width, height), size, self._rotate * age)
            seen = unseen * np.clip(layer[..., 3:], 0, 1)
            sharp = np.float32(min(1.0, (OPENING / size) ** 2))
            lead += seen * (layer[..., :3] + FADE * (1 - sharp) * (self._mean - layer[..., :3]))
            share += seen * (LOOSE + (FIRM - LOOSE) * sharp)
            unseen -= seen
            age += self._turn
        return lead, share


def _moved(frame: Pixels, growth: float, rotate: float) -> Pixels:
    """`frame` enlarged by `growth` and turned by `rotate` degrees about its middle."""
    height, width = frame.shape[:2]
    rim = math.ceil(max(height, width) / 2 * abs(math.sin(math.radians(rotate)))) + 1
    rim = min(rim, min(height, width) - 1)
    wide = np.pad(frame, ((rim, rim), (rim, rim), (0, 0)), "reflect")
    return _placed(wide, (width, height), growth * wide.shape[1] / width, rotate)


def _placed(pixels: NDArray[np.float32], size: tuple[int, int], scale: float, rotate: float) -> Pixels:
    """`pixels` on an empty canvas of `size`, `scale` times as wide as it, about its middle."""
    height, width = pixels.shape[:2]
    step = width / (size[0] * scale)
    cosine, sine = (step * f(math.radians(rotate)) for f in (math.cos, math.sin))
    x, y = size[0] / 2, size[1] / 2
    matrix = (
        cosine,
        -sine,
        width / 2 - cosine * x + sine * y,
        sine,
        cosine,
        height / 2 - sine * x - cosine * y,
    )
    result = np.empty((size[1], size[0], pixels.shape[2]), np.float32)
    for channel in range(pixels.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(pixels[..., channel]))
        placed = plane.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        result[..., channel] = np.asarray(placed)
    return result
