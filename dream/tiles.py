"""Cutting a picture too large for a network's memory into overlapping tiles, and assembling their results.

A tile is a `Span` of rows and one of columns, in the coordinates of the picture rolled by a shift. The
picture itself is never rolled, which would take the memory of a second one.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dream.picture import Pixels

GRID = 32
"""The networks' coarsest stride in pixels: tiles start on multiples of it."""

OVERLAP = 64
"""How many pixels neighbouring tiles share, at least."""

SMALLEST = 96
"""The shortest side, in pixels, that a network accepts."""


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis: it reads `size` pixels from `start` and contributes those in `kept`.

    On an axis too short for a network, it repeats the axis up to `size` pixels.
    """

    start: int
    size: int
    kept: slice

    @property
    def length(self) -> int:
        """How many pixels the tile contributes."""
        return int(self.kept.stop - self.kept.start)


MARGIN = 96
"""How many pixels of an axis that goes on at the other side are read beyond each of its ends."""


@functools.lru_cache(maxsize=64)
def tiles(
    height: int, width: int, most: int, wrap: tuple[bool, bool] = (False, False)
) -> tuple[tuple[Span, Span], ...]:
    """The tiles, each of at most `most` pixels, that cover a picture with the least overlap.

    With `wrap`, rows or columns go on at the other side, and tiles read what is beyond the ends there. Where
    that many pixels are too few for the overlap, tiles are larger: as small as the overlap allows.
    """
    if any(wrap):
        beyond = tuple(MARGIN if each else 0 for each in wrap)
        inner = tiles(height + 2 * beyond[0], width + 2 * beyond[1], most)
        return tuple(
            (_wrapped(rows, height, beyond[0]), _wrapped(columns, width, beyond[1]))
            for rows, columns in inner
        )
    found = []
    for down in range(1, _most_tiles(height) + 1):
        for across in range(1, _most_tiles(width) + 1):
            tile = _tile_length(height, down) * _tile_length(width, across)
            if tile <= most:
                found.append((tile * down * across, down, across))
                break
    _, down, across = min(found, default=(0, _most_tiles(height), _most_tiles(width)))
    return tuple(itertools.product(spans(height, down), spans(width, across)))


def spans(length: int, count: int) -> Iterator[Span]:
    """Cut an axis of `length` pixels into `count` equal, overlapping tiles.

    All start on the networks' grid and leave the same rest on it as the whole axis does, so that a network's
    layers fall on the same pixels as they would without tiles. An axis too short for a network is repeated.
    """
    size = _tile_length(length, count)
    if count == 1:
        yield Span(0, size, slice(0, length))
        return
    starts = [round(k * (length - size) / (count - 1) / GRID) * GRID for k in range(count)]
    cuts = [0, *((start + end + size) // 2 for end, start in itertools.pairwise(starts)), length]
    for start, (first, last) in zip(starts, itertools.pairwise(cuts), strict=True):
        yield Span(start, size, slice(first, last))


def _wrapped(span: Span, length: int, margin: int) -> Span:
    """A span of an axis with a margin at each end, in the coordinates of the axis without."""
    kept = slice(*(min(max(end - margin, 0), length) for end in (span.kept.start, span.kept.stop)))
    return Span(span.start - margin, span.size, kept)


def _tile_length(length: int, count: int) -> int:
    if count == 1:
        return max(length, SMALLEST)
    size = math.ceil((length - OVERLAP) / count) + OVERLAP
    return size + (length - size) % GRID


def _most_tiles(length: int) -> int:
    """The most tiles of an axis: each is at least twice as long as the overlap."""
    return max(1, length // OVERLAP - 1)


def cut(picture: Pixels, rows: Span, columns: Span, shift: tuple[int, int] = (0, 0)) -> Pixels:
    """One tile of `picture` rolled by `shift`."""
    height, width, colors = picture.shape
    tile = np.empty((rows.size, columns.size, colors), picture.dtype)
    for to_rows, from_rows in _around(rows.start - shift[0], rows.size, height):
        for to_columns, from_columns in _around(columns.start - shift[1], columns.size, width):
            tile[to_rows, to_columns] = picture[from_rows, from_columns]
    return tile


def paste(
    tile: NDArray[np.float32],
    planes: NDArray[np.float32],
    rows: Span,
    columns: Span,
    shift: tuple[int, int] = (0, 0),
) -> None:
    """Write the pixels that `tile` contributes to `planes`; both have the shape (colours, height, width).

    `shift` is the roll of the picture that the tile was cut from.
    """
    _, height, width = planes.shape
    tile = tile[:, rows.kept.start - rows.start :, columns.kept.start - columns.start :]
    for from_rows, to_rows in _around(rows.kept.start - shift[0], rows.length, height):
        for from_columns, to_columns in _around(columns.kept.start - shift[1], columns.length, width):
            planes[:, to_rows, to_columns] = tile[:, from_rows, from_columns]


def _around(start: int, count: int, length: int) -> Iterator[tuple[slice, slice]]:
    """`count` pixels from `start` on, on a cyclic axis of `length`, as contiguous runs.

    Yields, for each run, its slice of the pixels counted from `start` and its slice of the axis.
    """
    done = 0
    while done < count:
        first = (start + done) % length
        run = min(length - first, count - done)
        yield slice(done, done + run), slice(first, first + run)
        done += run
