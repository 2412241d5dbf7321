"""Gradient ascent on one picture of any size: jitter, tiles, smoothing, steps.

Each step rolls the picture by a random few pixels (so that the network's grid never shows), takes the
objective's gradient, tile by tile if the picture is larger than one, smooths it, scales it to unit deviation
over the whole picture, and moves the picture along it.
"""

import functools
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone.loading import Backbone
from dream.backbone.trunk import Trunk
from dream.objective import Measure, Objective, measured
from dream.picture import Pixels

log = logging.getLogger(__name__)

GRID = 32
"""The networks' coarsest stride in pixels: jitter is less than this, and tiles start on multiples of it."""

MARGIN = 32
"""What a tile sees beyond its own pixels on each side."""

SMALLEST_TILE = 96
LARGEST_TILE = 1152

BLURS = (0.7, 1.4, 2.8)
"""The deviations, in pixels, of the Gaussians whose sum smooths a gradient."""

CLIP = 4.0
"""No pixel moves more than this many deviations in a step."""


PLAIN_COLORS = np.eye(3, dtype=np.float32)

_NATURAL_COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""A square root of the covariance of natural photographs' colours, after lucid (Olah et al., 2017)."""


def palette(picture: Pixels) -> NDArray[np.float32]:
    """The (3, 3) matrix that leads a dream's colours towards those of `picture`.

    A gradient multiplied by the covariance of a picture's colours moves mostly along the colours that vary in
    it. This is a mixture of that, of the same for natural photographs, and of plain colours.
    """
    colors = picture.reshape(-1, 3)[:: max(1, picture.size // 300_000)]
    parts = (np.cov(colors, rowvar=False, bias=True), _NATURAL_COLORS @ _NATURAL_COLORS.T, PLAIN_COLORS)
    shares = (0.5, 0.2, 0.3)
    units = (part / (np.linalg.norm(part) + 1e-9) for part in parts)
    mixed = np.sum([share * unit for share, unit in zip(shares, units, strict=True)], axis=0)
    return np.asarray(mixed, np.float32)


class Ascent:
    """Climbs an objective of a network on pictures of any size.

    `colors` is a (3, 3) matrix that the colours of every gradient are multiplied by, see `palette`. `smooth`
    scales the blur of the gradient: 1 is normal, 0 none. `before_tile` is called before every gradient and
    may raise to stop.
    """

    def __init__(
        self,
        backbone: Backbone,
        objective: Objective,
        *,
        colors: NDArray[np.float32] = PLAIN_COLORS,
        smooth: float = 1.0,
        before_tile: Callable[[], None] = lambda: None,
    ) -> None:
        self.tile = LARGEST_TILE
        self._objective = objective
        self._colors = tf.constant(colors)
        self._smooth = smooth
        self._before_tile = before_tile
        self._look, self._climb = compiled(backbone, objective.layers, objective.measure)
        self._sizes: NDArray[np.float32] = np.zeros(0, np.float32)

    def measure(self, picture: Pixels) -> float:
        """The objective on all of `picture`."""
        return self._objective.value(self._survey(picture)[0])

    def step(self, picture: Pixels, strength: float, random: np.random.Generator) -> float:
        """Move `picture`, in place, by `strength` (a share of the range) up the objective.

        Returns the objective as it was before.
        """
        shift = tuple(random.integers(GRID, size=2))
        turn = tuple(random.integers(1 << 16, size=2) * GRID)
        if not self._sizes.size:
            self._sizes = self._survey(picture)[1]
        while True:
            try:
                moved = shift if self._fits(picture) else tuple(np.add(shift, turn))
                gradient, values = self._gradient(np.roll(picture, moved, (0, 1)))
                break
            except tf.errors.ResourceExhaustedError:
                tile = min(self.tile, *picture.shape[:2]) // 2
                if tile < SMALLEST_TILE:
                    raise
                self.tile = tile
                log.warning("Out of memory: going on with tiles of %d pixels.", tile)
        gradient = np.roll(gradient, tuple(np.negative(moved)), (0, 1))
        gradient -= gradient.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        deviation = math.sqrt(np.vdot(gradient, gradient) / gradient.size) or 1.0
        gradient *= strength / deviation
        np.clip(gradient, -CLIP * strength, CLIP * strength, out=gradient)
        picture += gradient
        np.clip(picture, 0, 1, out=picture)
        return self._objective.value(values)

    def _fits(self, picture: Pixels) -> bool:
        return bool(max(picture.shape[:2]) <= self.tile)

    def _gradient(self, picture: Pixels) -> tuple[Pixels, NDArray[np.float32]]:
        """The smoothed gradient on `picture` and the terms' values. Raises ResourceExhaustedError."""
        gradient = np.empty_like(picture)
        values = np.zeros(len(self._sizes), np.float32)
        sizes = np.zeros_like(values)
        for window, core, share in self._windows(picture):
            self._before_tile()
            tile = picture[np.ix_(*window)][None]
            shape = tile.shape[1:3]
            seen, size, slope = self._climb(
                tf.constant(tile),
                self._objective.weights / tf.constant(self._sizes),
                self._objective.masks,
                self._objective.guides,
                self._colors,
                _response(shape, self._smooth),
            )
            rows, columns = core
            top, left = (0, 0) if self._fits(picture) else (MARGIN, MARGIN)
            height, width = rows.stop - rows.start, columns.stop - columns.start
            gradient[rows, columns] = slope.numpy()[top : top + height, left : left + width]
            values += share * seen.numpy()
            sizes += share * size.numpy()
        self._sizes = np.maximum(sizes, 1e-9)
        return gradient, values

    def _survey(self, picture: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The terms' values and sizes on all of `picture`."""
        values = sizes = np.zeros(1, np.float32)
        for window, _, share in self._windows(picture):
            self._before_tile()
            tile = tf.constant(picture[np.ix_(*window)][None])
            seen, size = self._look(tile, self._objective.masks, self._objective.guides)
            values, sizes = values + share * seen.numpy(), sizes + share * size.numpy()
        return values, np.maximum(sizes, 1e-9)

    def _windows(self, picture: Pixels) -> Iterator[tuple[Any, tuple[slice, slice], float]]:
        """The tiles that cover `picture`: the rows and columns to look at, those to keep, and their share."""
        height, width = picture.shape[:2]
        one = self._fits(picture)
        margin = 0 if one else MARGIN
        for rows, kept_rows in _spans(height, self.tile, margin):
            for columns, kept_columns in _spans(width, self.tile, margin):
                area = (kept_rows.stop - kept_rows.start) * (kept_columns.stop - kept_columns.start)
                yield (rows, columns), (kept_rows, kept_columns), area / (height * width)


def _spans(length: int, tile: int, margin: int) -> Iterator[tuple[NDArray[np.intp], slice]]:
    """Cut an axis into equal tiles: the indices each looks at, wrapping around, and the slice each keeps."""
    count = math.ceil(length / (tile - 2 * margin))
    core = length if count == 1 else math.ceil(length / count / GRID) * GRID
    for start in range(0, length, core):
        looked = np.arange(start - margin, start + max(core, SMALLEST_TILE) + margin)
        yield looked % length, slice(start, min(start + core, length))


@functools.lru_cache(maxsize=32)
def _response(shape: tuple[int, int], smooth: float) -> tf.Tensor:
    """How much of each spatial frequency of a tile's gradient is kept: a sum of Gaussians' spectra."""
    rows = np.fft.fftfreq(shape[0])[:, None]
    columns = np.fft.rfftfreq(shape[1])[None]
    squared = -2 * np.pi**2 * smooth**2 * (rows**2 + columns**2)
    return tf.constant(sum(np.exp(squared * blur**2) for blur in BLURS), tf.float32)


@functools.lru_cache(maxsize=6)
def compiled(backbone: Backbone, layers: tuple[str, ...], measure: Measure) -> tuple[Any, Any]:
    """The functions that look at and climb `layers`, each traced once for pictures of every size."""
    trunk = Trunk(backbone.model, layers)
    channels = [backbone.model.output[layer].shape[-1] for layer in layers]
    picture = tf.TensorSpec((1, None, None, 3))
    weights = tf.TensorSpec((len(layers),))
    masks = tuple(tf.TensorSpec((c,)) for c in channels)
    guides = tuple(tf.TensorSpec((c, None)) for c in channels) if measure == "guided" else ()

    @tf.function(input_signature=(picture, masks, guides), autograph=False)
    def look(picture: Any, masks: Any, guides: Any) -> Any:
        return measured(measure, trunk(backbone.preprocess(picture)), masks, guides)

    colors, response = tf.TensorSpec((3, 3)), tf.TensorSpec((None, None))

    @tf.function(input_signature=(picture, weights, masks, guides, colors, response), autograph=False)
    def climb(picture: Any, weights: Any, masks: Any, guides: Any, colors: Any, response: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            values, sizes = measured(measure, trunk(backbone.preprocess(picture)), masks, guides)
            total = tf.reduce_sum(weights * values)
        gradient = tf.transpose(tape.gradient(total, picture)[0], (2, 0, 1))
        gradient = tf.tensordot(colors, gradient, 1)
        spectrum = tf.signal.rfft2d(gradient) * tf.cast(response, tf.complex64)
        smoothed = tf.signal.irfft2d(spectrum, tf.shape(gradient)[1:])
        return values, sizes, tf.transpose(smoothed, (1, 2, 0))

    return look, climb
