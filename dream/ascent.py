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

from dream.backbone import runtime
from dream.backbone.loading import Backbone
from dream.backbone.trunk import Trunk
from dream.objective import Measure, Objective, measured
from dream.picture import Pixels
from dream.tiles import GRID, OVERLAP, Span, cut, paste, tiles

log = logging.getLogger(__name__)

LARGEST_TILE = 1088
"""A tile has at most this many pixels, squared, on a CPU; a GPU's are as large as its memory allows."""

BYTES_PER_PIXEL = 1000
"""What a gradient takes of a GPU's memory, generously: on a CPU it takes 350 in bfloat16, 500 in float32."""

BLURS = {0.85: 1, 1.7: 1, 3.4: 2}
"""The Gaussians whose sum smooths a gradient: their deviations in pixels, and their weights."""

CLIP = 3.0
"""No pixel moves more than this many deviations in a step."""

CACHED = 2**17
"""About how many numbers of a picture, and as many of its gradient, fit into a processor core's cache."""

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
        self.tile = largest_tile(runtime.free_gpu_memory())
        self._objective = objective
        self._colors = tf.constant(colors)
        self._smooth = smooth
        self._before_tile = before_tile
        self._look, self._climb = compiled(backbone, objective.layers, objective.measure)
        self._sizes: NDArray[np.float32] = np.zeros(0, np.float32)

    def measure(self, picture: Pixels) -> float:
        """The objective on all of `picture`."""
        values, _ = self._within_memory(lambda: self._survey(picture), picture)
        return self._objective.value(values)

    def step(self, picture: Pixels, strength: float, random: np.random.Generator) -> float:
        """Move `picture`, in place, by `strength` (a share of the range) up the objective.

        Returns the objective as it was before.
        """
        down, right = random.integers(GRID, size=2).tolist()
        if not self._sizes.size:
            _, self._sizes = self._within_memory(lambda: self._survey(picture), picture)
        gradient, values = self._within_memory(lambda: self._gradient(picture, (down, right)), picture)
        deviation = math.sqrt(np.vdot(gradient, gradient) / gradient.size) or 1.0
        _move(picture, gradient, strength / deviation, CLIP * strength)
        return self._objective.value(values)

    def _within_memory(
        self, look: Callable[[], tuple[NDArray[np.float32], NDArray[np.float32]]], picture: Pixels
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What `look` at `picture` returns, with tiles of half the side whenever memory runs out.

        Raises ResourceExhaustedError if it does with the smallest ones.
        """
        while True:
            try:
                return look()
            except tf.errors.ResourceExhaustedError:
                tile = min(self.tile, math.isqrt(picture.shape[0] * picture.shape[1])) // 2
                if tile < 2 * OVERLAP:
                    raise
                self.tile = tile
                log.warning("Out of memory: going on with tiles of %d pixels.", tile)

    def _gradient(
        self, picture: Pixels, shift: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The smoothed gradient on `picture` and the terms' values.

        The gradient has the shape (colours, height, width), and mean 0 in each colour. The network looks at
        the picture rolled by `shift`. Raises ResourceExhaustedError.
        """
        height, width, colors = picture.shape
        gradient = np.empty((colors, height, width), np.float32)
        values = np.zeros(len(self._sizes), np.float32)
        sizes = np.zeros_like(values)
        for rows, columns, share in self._tiles(picture):
            self._before_tile()
            seen, size, slope = self._climb(
                tf.constant(cut(picture, rows, columns, shift)[None]),
                self._objective.weights / tf.constant(self._sizes),
                self._objective.masks,
                self._objective.guides,
                self._colors,
                *_responses(rows.size, columns.size, self._smooth),
            )
            paste(slope.numpy(), gradient, rows, columns, shift)
            values += share * seen.numpy()
            sizes += share * size.numpy()
        gradient -= gradient.mean(axis=(1, 2), keepdims=True)
        self._sizes = np.maximum(sizes, 1e-9)
        return gradient, values

    def _survey(self, picture: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The terms' values and sizes on all of `picture`."""
        values = sizes = np.zeros(1, np.float32)
        for rows, columns, share in self._tiles(picture):
            self._before_tile()
            tile = tf.constant(cut(picture, rows, columns)[None])
            seen, size = self._look(tile, self._objective.masks, self._objective.guides)
            values, sizes = values + share * seen.numpy(), sizes + share * size.numpy()
        return values, np.maximum(sizes, 1e-9)

    def _tiles(self, picture: Pixels) -> Iterator[tuple[Span, Span, float]]:
        """The tiles that cover `picture`: their rows, their columns, and their share of the picture."""
        height, width = picture.shape[:2]
        for rows, columns in tiles(height, width, self.tile**2):
            yield rows, columns, rows.length * columns.length / (height * width)


def largest_tile(free: int | None) -> int:
    """The side of the largest square tile for `free` bytes of a GPU's memory, or for a CPU."""
    if free is None:
        return LARGEST_TILE
    side = math.isqrt(int(0.6 * free) // BYTES_PER_PIXEL)
    return min(max(side // GRID * GRID, 4 * OVERLAP), 4096)


def _move(picture: Pixels, gradient: NDArray[np.float32], scale: float, most: float) -> None:
    """Add `gradient` times `scale`, but nowhere more than `most`, to `picture`, in place; it stays in [0, 1].

    A few rows at a time, so that they stay in the processor's cache. `gradient` is used up.
    """
    rows = max(1, CACHED // picture[0].size)
    for top in range(0, len(picture), rows):
        change, part = gradient[:, top : top + rows], picture[top : top + rows]
        change *= scale
        np.clip(change, -most, most, out=change)
        part += change.transpose(1, 2, 0)
        np.clip(part, 0, 1, out=part)


@functools.lru_cache(maxsize=64)
def _responses(height: int, width: int, smooth: float) -> tuple[tf.Tensor, tf.Tensor]:
    """How much of each spatial frequency each of the blurs keeps, down a picture and across it."""
    deviations = np.pi * smooth * np.array(list(BLURS))[:, None]
    down = np.exp(-2 * (deviations * np.fft.fftfreq(height)) ** 2)
    across = np.exp(-2 * (deviations * np.fft.rfftfreq(width)) ** 2) * np.array(list(BLURS.values()))[:, None]
    return tf.constant(down, tf.float32), tf.constant(across, tf.float32)


@functools.lru_cache(maxsize=6)
def compiled(backbone: Backbone, layers: tuple[str, ...], measure: Measure) -> tuple[Any, Any]:
    """The functions that look at and climb `layers`, each traced once for pictures of every size."""
    trunk = Trunk(backbone.model, layers, runtime.fast_dtype())
    channels = [backbone.model.output[layer].shape[-1] for layer in layers]
    picture = tf.TensorSpec((1, None, None, 3))
    weights = tf.TensorSpec((len(layers),))
    masks = tuple(tf.TensorSpec((c,)) for c in channels)
    guides = tuple(tf.TensorSpec((c, None)) for c in channels) if measure == "guided" else ()

    @tf.function(input_signature=(picture, masks, guides), autograph=False)
    def look(picture: Any, masks: Any, guides: Any) -> Any:
        return measured(measure, trunk(backbone.preprocess(picture)), masks, guides)

    colors, response = tf.TensorSpec((3, 3)), tf.TensorSpec((len(BLURS), None))

    @tf.function(
        input_signature=(picture, weights, masks, guides, colors, response, response), autograph=False
    )
    def climb(
        picture: Any, weights: Any, masks: Any, guides: Any, colors: Any, down: Any, across: Any
    ) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            values, sizes = measured(measure, trunk(backbone.preprocess(picture)), masks, guides)
            total = tf.reduce_sum(weights * values) * tf.cast(tf.size(picture), tf.float32)
        shape = tf.shape(picture)[1:3]
        gradient = tf.reshape(tape.gradient(total, picture), (-1, 3))
        planes = tf.reshape(tf.matmul(colors, gradient, transpose_b=True), (3, shape[0], shape[1]))
        kept = tf.cast(tf.matmul(down, across, transpose_a=True), tf.complex64)
        return values, sizes, tf.signal.irfft2d(tf.signal.rfft2d(planes) * kept, shape)

    return look, climb
