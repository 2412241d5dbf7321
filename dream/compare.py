"""Pictures to compare: several small dreams on one sheet, and a picture before and after its dream."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dream import dreamer
from dream.clip_writer import Master, write
from dream.dreamer import Picture, Progress, Report
from dream.octaves import on_sheet
from dream.picture import DEFAULT_LIMITS, Limits, Pixels, decode, resize, to_bytes
from dream.recipe import Recipe

GAP: Final = 8
BAR: Final = 34
"""The height of a tile's label, in pixels."""
BACKGROUND: Final = "#101014"
LABEL: Final = "#f2f2f5"
LOOP_SIZE: Final = 480
"""The longer side of a loop, in pixels: animations are stored uncompressed by viewers."""
LOOP_FRAMES: Final = 16
LOOP_SECONDS: Final = 0.06
HELD_SECONDS: Final = 0.9
"""How long a loop rests on either picture."""


def columns(count: int) -> int:
    """How many dreams stand beside each other on a sheet of so many."""
    return 2 if count <= 4 else 3


def sheet(
    picture: Picture,
    variants: Sequence[tuple[str, Recipe]],
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> tuple[Pixels, Report]:
    """Dream each variant, a label and its recipe, small, and lay them out in rows, numbered from 1.

    `options` are those of `dream.dream`. Progress counts the sheet's dreams as octaves. The report is the
    first dream's, with the size of the sheet and the seconds of all. Raises as `dream.dream` does.
    """
    count = len(variants)
    made: list[dreamer.Dream] = []
    for number, (_, recipe) in enumerate(variants, 1):

        def report(progress: Progress, number: int = number) -> None:
            done = (number - 1 + progress.done) / count
            on_progress(dataclasses.replace(progress, octave=number, octaves=count, done=done))

        made.append(dreamer.dream(picture, on_sheet(recipe, count), on_progress=report, **options))
    labels = [f"{number}  {label}" for number, (label, _) in enumerate(variants, 1)]
    image = laid_out([to_bytes(one.pixels) for one in made], labels, columns(count))
    pixels = np.asarray(image, np.float32) / np.float32(255)
    seconds = round(sum(one.report.seconds for one in made), 3)
    return pixels, dataclasses.replace(
        made[0].report, width=image.width, height=image.height, seconds=seconds
    )


def sides(before: bytes, after: bytes, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """A picture and its dream beside each other. Raises PictureError."""
    pictures = [to_bytes(one) for one in _same_size(before, after, 1024, limits)]
    return np.asarray(laid_out(pictures, ["before", "after"], 2), np.float32) / np.float32(255)


def wipe(before: bytes, after: bytes, limits: Limits = DEFAULT_LIMITS, max_bytes: int = 0) -> bytes:
    """A GIF that loops: the dream is drawn over its picture from the left, and away again.

    It is made smaller until it has at most `max_bytes` (0: no limit). Raises PictureError.
    """

    def drawn(first: Pixels, second: Pixels, share: float) -> Pixels:
        width = first.shape[1]
        edge = round(width * share)
        frame = first.copy()
        frame[:, :edge] = second[:, :edge]
        if 0 < edge < width:
            frame[:, max(edge - 1, 0) : edge + 1] = 1
        return frame

    return _loop(_same_size(before, after, LOOP_SIZE, limits), drawn, max_bytes)


def morph_back(before: bytes, after: bytes, limits: Limits = DEFAULT_LIMITS, max_bytes: int = 0) -> bytes:
    """A GIF that loops: the dream turns back into its picture, and comes again.

    It is made smaller until it has at most `max_bytes` (0: no limit). Raises PictureError.
    """

    def mixed(first: Pixels, second: Pixels, share: float) -> Pixels:
        return first + np.float32(share) * (second - first)

    picture, dream = _same_size(before, after, LOOP_SIZE, limits)
    return _loop((dream, picture), mixed, max_bytes)


def _loop(
    pictures: tuple[Pixels, Pixels], between: Callable[[Pixels, Pixels, float], Pixels], max_bytes: int
) -> bytes:
    """A GIF from the first picture to the second and back, of what is `between` at a share of the way."""
    width, height = (max(2, side - side % 2) for side in pictures[1].shape[1::-1])
    first, second = (resize(one, width, height) for one in pictures)
    with TemporaryDirectory() as folder:
        path = Path(folder, "loop.gif")
        with Master(Path(folder), (width, height)) as master:
            for number in (*range(LOOP_FRAMES + 1), *range(LOOP_FRAMES - 1, 0, -1)):
                share = (1 - math.cos(math.pi * number / LOOP_FRAMES)) / 2
                seconds = HELD_SECONDS if number in (0, LOOP_FRAMES) else LOOP_SECONDS
                master.add(between(first, second, share), seconds)
        write(master, path, "gif", max_bytes=max_bytes)
        return path.read_bytes()


def _same_size(before: bytes, after: bytes, longer: int, limits: Limits) -> tuple[Pixels, Pixels]:
    """Both pictures at the size of the second, or smaller where its longer side is more than `longer`."""
    second = decode(after, limits, (longer, longer))
    height, width = second.shape[:2]
    return np.clip(resize(decode(before, limits, (width, height)), width, height), 0, 1), second


def laid_out(tiles: Sequence[Any], labels: Sequence[str], columns: int) -> Image.Image:
    """Tiles of 8-bit pixels, each under its label, in rows."""
    width, height = max(tile.shape[1] for tile in tiles), max(tile.shape[0] for tile in tiles)
    rows = -(-len(tiles) // columns)
    across, down = width + GAP, height + BAR + GAP
    image = Image.new("RGB", (min(columns, len(tiles)) * across + GAP, rows * down + GAP), BACKGROUND)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(20)
    for index, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        x, y = GAP + index % columns * across, GAP + index // columns * down
        while draw.textlength(label, font) > width - 8 and len(label) > 4:
            label = f"{label.rstrip('…')[:-1]}…"
        draw.text((x + 4, y + 4), label, fill=LABEL, font=font)
        image.paste(Image.fromarray(tile), (x, y + BAR))
    return image
