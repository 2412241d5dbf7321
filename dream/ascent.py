"""Gradient ascent on the pixels of one picture of any size: jitter, tiles, smoothing, steps.

Each step rolls the picture by a random offset (jitter, which hides the network's stride), computes the
objective's gradient, tile by tile if the picture is larger than one, blurs it, scales it to unit standard
deviation over the whole picture, and adds it times the step size to the picture. The gradients of several
networks are each scaled to unit standard deviation first, then weighted and added.
"""

import functools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone import runtime
from dream.backbone.catalog import BYTES_PER_PIXEL
from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.loading import Backbone
from dream.objective import Function
from dream.picture import Pixels, resize
from dream.statistics import NetworkObjective, term_values
from dream.tiles import GRID, OVERLAP, Span, cut, paste, tiles

log = logging.getLogger(__name__)

LARGEST_TILE = 1088
"""The side, in pixels, of a bundled network's largest square tile on a CPU; on a GPU its memory decides."""

BLURS = {0.85: 1, 1.7: 1, 3.4: 2}
"""The Gaussian kernels whose weighted sum blurs a gradient: standard deviations in pixels, and weights."""

CLIP = 3.0
"""The most that one step changes a pixel, in standard deviations of the gradient."""

MOMENTUM = 0.8
"""How much of the earlier steps' sum of gradients is kept in each step with momentum."""

BRANCH_GRADIENT = 0.1
"""The factor of the gradients that enter branches of residual blocks in dreams of classes.

Gradients that mostly take skip connections are what several networks have in common (Wu et al., "Skip
Connections Matter", 2020): they draw shapes where whole ones draw one network's private textures.
"""

SCALES = (0.86, 0.93, 1.0, 1.07, 1.15)
"""The scales at which networks see pictures of classes, after lucid's transformations (Olah et al., 2017)."""

CACHE_FLOATS = 2**17
"""About how many floats of a picture, and as many of its gradient, fit into a processor core's cache."""

IDENTITY = np.eye(3, dtype=np.float32)

_NATURAL_COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""A square root of the covariance of natural photographs' colours, after lucid (Olah et al., 2017)."""


def color_transform(picture: Pixels) -> NDArray[np.float32]:
    """The (3, 3) matrix by which each pixel's gradient is multiplied, so that colours stay near `picture`'s.

    A gradient multiplied by the covariance of a picture's colours points mostly along the colours that vary
    in it. The matrix is a weighted sum of that covariance, of natural photographs' and of the identity.
    """
    colors = picture.reshape(-1, 3)[:: max(1, picture.size // 300_000)]
    parts = (np.cov(colors, rowvar=False, bias=True), _NATURAL_COLORS @ _NATURAL_COLORS.T, IDENTITY)
    weights = (0.5, 0.2, 0.3)
    units = (part / (np.linalg.norm(part) + 1e-9) for part in parts)
    total = np.sum([weight * unit for weight, unit in zip(weights, units, strict=True)], axis=0)
    return np.asarray(total, np.float32)


class Ascent:
    """Gradient ascent of an objective, a part of which each network computes, on pictures of any size.

    `colors` is a (3, 3) matrix that multiplies each pixel's gradient, see `color_transform`. `smooth` scales
    the blur of the gradient: 1 is normal, 0 none. `wrap` says whether rows and columns of pictures go on at
    the other side. `plain` leaves out what the original loop has not: jitter, the terms' own magnitudes, and
    the limit of a pixel's change. `of_classes` is the share of the steps that bring out whole shapes in place
    of textures: their gradients mostly take the networks' skip connections (`BRANCH_GRADIENT`), and the
    networks see a picture of up to a megapixel at another of `SCALES`.
    `before_tile` is called before a network is run on a tile and may raise to stop.
    """

    def __init__(
        self,
        objectives: Iterable[NetworkObjective],
        *,
        colors: NDArray[np.float32] = IDENTITY,
        smooth: float = 1.0,
        wrap: tuple[bool, bool] = (False, False),
        plain: bool = False,
        of_classes: float = 0.0,
        before_tile: Callable[[], None] = lambda: None,
    ) -> None:
        self._colors = tf.constant(colors)
        self._smooth = smooth
        self._wrap = wrap
        self._of_classes = of_classes
        self._plain, self._clip = plain, math.inf if plain else CLIP
        self._before_tile = before_tile
        self._parts = self._all_parts = [_Part(objective) for objective in objectives]
        most = max(part.objective.backbone.network.bytes_per_pixel for part in self._parts)
        self.tile = largest_tile(runtime.free_gpu_memory(), most)

    def mix(self, shares: Sequence[float], *, smooth: float, of_classes: float) -> None:
        """From now on dream of so much of each of a morph's recipes. The others are as for a new ascent."""
        for part in self._all_parts:
            part.objective = part.whole.mixed(shares)
        self._parts = [part for part in self._all_parts if part.objective.weight]
        self._smooth, self._of_classes = smooth, of_classes

    def velocity(self, width: int, height: int) -> NDArray[np.float32] | None:
        """Where `step` keeps its momentum on a picture of this size: zeros, of shape (3, height, width).

        None, for no momentum, where networks don't see the picture at other scales: layers, larger pictures.
        """
        if not self._of_classes or width * height > LARGEST_TILE**2:
            return None
        return np.zeros((3, height, width), np.float32)

    def evaluate(self, picture: Pixels) -> float:
        """The objective on all of `picture`."""
        return sum(part.objective.value(self._evaluate(part, picture)[0]) for part in self._parts)

    def step(
        self,
        picture: Pixels,
        step_size: float,
        random: np.random.Generator,
        mask: NDArray[np.float32] | None = None,
        velocity: NDArray[np.float32] | None = None,
    ) -> float:
        """Take one step of gradient ascent on `picture`, in place; returns the objective before it.

        `step_size` is the standard deviation of the change, in units of the pixels' range. `random` decides
        the jitter. `mask`, (height, width) in [0, 1], scales the change of each pixel. `velocity` holds
        the sum of earlier steps' gradients, to which this one's is added: the step follows that sum (Dong et
        al., "Boosting Adversarial Attacks with Momentum", 2018), and so what all scales have in common.
        """
        seen, scale = picture, 1.0
        of_classes = self._of_classes == 1 or (self._of_classes > 0 and random.random() < self._of_classes)
        if of_classes and picture.size <= 3 * LARGEST_TILE**2:
            scale = float(random.choice(SCALES))
            height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
            seen = resize(picture, width, height, wrap=self._wrap)
        shift = (0, 0) if self._plain else self._jitter(seen, random)
        objective, total = 0.0, None
        for part in self._parts:
            if part.magnitudes is None:
                _, part.magnitudes = self._evaluate(part, seen)
            differentiate = partial(self._gradient, part, seen, shift, scale * self._smooth, of_classes)
            gradient, values = self._within_memory(differentiate, seen)
            objective += part.objective.value(values)
            if len(self._parts) > 1:
                gradient *= part.objective.weight / _deviation(gradient)
            if total is None:
                total = gradient
            else:
                total += gradient
        assert total is not None
        if seen is not picture:
            total = resize(total.transpose(1, 2, 0), picture.shape[1], picture.shape[0], wrap=self._wrap)
            total = np.ascontiguousarray(total.transpose(2, 0, 1))
        if velocity is not None:
            total /= _deviation(total)
            velocity *= MOMENTUM
            velocity += total
            np.copyto(total, velocity)
        masked = 1.0
        if mask is not None:
            total *= mask
            masked = math.sqrt(np.vdot(mask, mask) / mask.size)
        _add_clipped(picture, total, step_size * masked / _deviation(total), self._clip * step_size)
        return objective

    def _jitter(self, picture: Pixels, random: np.random.Generator) -> tuple[int, int]:
        """A random offset of rows and columns: within the networks' stride, or any if it wraps."""
        down, right = random.integers(picture.shape[:2] if any(self._wrap) else GRID, size=2).tolist()
        return down, right

    def _evaluate(self, part: "_Part", picture: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self._within_memory(lambda: self._evaluate_terms(part, picture), picture)

    def _within_memory(
        self, compute: Callable[[], tuple[NDArray[np.float32], NDArray[np.float32]]], picture: Pixels
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The result of `compute` on `picture`; whenever memory runs out, again with tiles of half the side.

        Raises ResourceExhaustedError if memory runs out with the smallest tiles, too.
        """
        while True:
            try:
                return compute()
            except tf.errors.ResourceExhaustedError:
                tile = min(self.tile, math.isqrt(picture.shape[0] * picture.shape[1])) // 2
                if tile < 2 * OVERLAP:
                    raise
                self.tile = tile
                log.warning("Out of memory: going on with tiles of %d pixels.", tile)

    def _gradient(
        self, part: "_Part", picture: Pixels, shift: tuple[int, int], smooth: float, of_classes: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A part's blurred gradient on `picture` rolled by `shift` (rows, columns), and the terms' values.

        The gradient is that of `picture` itself, not rolled, of shape (colours, height, width), and has mean
        0 in each colour. `smooth` scales its blur; `of_classes` says whether it mostly takes skip
        connections. Raises ResourceExhaustedError.
        """
        height, width, colors = picture.shape
        objective = part.objective
        assert part.magnitudes is not None
        gradient = np.empty((colors, height, width), np.float32)
        differentiate_tile = part.differentiate_by_skips if of_classes else part.differentiate_tile
        values = np.zeros(len(objective.layers), np.float32)
        magnitudes = np.zeros_like(values)
        for rows, columns, share in self._tiles(picture):
            self._before_tile()
            tile_values, tile_magnitudes, tile_gradient = differentiate_tile(
                tf.constant(cut(picture, rows, columns, shift)[None]),
                objective.weights if self._plain else objective.weights / tf.constant(part.magnitudes),
                objective.masks,
                objective.guides,
                self._colors,
                *_responses(rows.size, columns.size, smooth),
            )
            paste(tile_gradient.numpy(), gradient, rows, columns, shift)
            values += share * tile_values.numpy()
            magnitudes += share * tile_magnitudes.numpy()
        gradient -= gradient.mean(axis=(1, 2), keepdims=True)
        part.magnitudes = np.maximum(magnitudes, 1e-9)
        return gradient, values

    def _evaluate_terms(
        self, part: "_Part", picture: Pixels
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The values and magnitudes of a part's terms on all of `picture`; both of shape (terms,)."""
        values = magnitudes = np.zeros(1, np.float32)
        for rows, columns, share in self._tiles(picture):
            self._before_tile()
            tile = tf.constant(cut(picture, rows, columns)[None])
            tile_values, tile_magnitudes = part.evaluate_tile(
                tile, part.objective.masks, part.objective.guides
            )
            values = values + share * tile_values.numpy()
            magnitudes = magnitudes + share * tile_magnitudes.numpy()
        return values, np.maximum(magnitudes, 1e-9)

    def _tiles(self, picture: Pixels) -> Iterator[tuple[Span, Span, float]]:
        """The tiles that cover `picture`: their rows, their columns, and their share of the picture."""
        height, width = picture.shape[:2]
        for rows, columns in tiles(height, width, self.tile**2, self._wrap):
            yield rows, columns, rows.length * columns.length / (height * width)


class _Part:
    """The part of an objective that one network computes, and its terms' last known magnitudes.

    `whole` is the objective before it is mixed, of a morph's recipes.
    """

    def __init__(self, objective: NetworkObjective) -> None:
        self.objective = self.whole = objective
        self._function = objective.backbone, objective.layers, objective.statistics
        self.evaluate_tile, self.differentiate_tile = compiled(*self._function)
        self.magnitudes: NDArray[np.float32] | None = None

    @functools.cached_property
    def differentiate_by_skips(self) -> Any:
        """As `differentiate_tile`, with a gradient that mostly takes skip connections."""
        return compiled(*self._function, BRANCH_GRADIENT)[1]


def _deviation(gradient: NDArray[np.float32]) -> float:
    """The standard deviation of a gradient of mean 0, or 1 where it is 0 everywhere."""
    return math.sqrt(np.vdot(gradient, gradient) / gradient.size) or 1.0


def largest_tile(free: int | None, bytes_per_pixel: int = BYTES_PER_PIXEL) -> int:
    """The side of the largest square tile for `free` bytes of a GPU's memory, or for a CPU."""
    if free is None and bytes_per_pixel <= BYTES_PER_PIXEL:
        return LARGEST_TILE
    most = LARGEST_TILE**2 * BYTES_PER_PIXEL if free is None else int(0.6 * free)
    side = math.isqrt(most // bytes_per_pixel)
    return min(max(side // GRID * GRID, 4 * OVERLAP), 4096)


def _add_clipped(picture: Pixels, gradient: NDArray[np.float32], scale: float, most: float) -> None:
    """Add `scale * gradient`, clipped to [-most, most], to `picture` in place, and clip that to [0, 1].

    Works on a few rows at a time, which fit into the processor's cache. `gradient` is overwritten.
    """
    rows = max(1, CACHE_FLOATS // picture[0].size)
    for top in range(0, len(picture), rows):
        change, part = gradient[:, top : top + rows], picture[top : top + rows]
        change *= scale
        np.clip(change, -most, most, out=change)
        part += change.transpose(1, 2, 0)
        np.clip(part, 0, 1, out=part)


@functools.lru_cache(maxsize=64)
def _responses(height: int, width: int, smooth: float) -> tuple[tf.Tensor, tf.Tensor]:
    """The frequency responses of the blurs, along rows and columns: (blurs, height) and (blurs, width//2+1).

    The weights of the blurs are contained in the second.
    """
    deviations = np.pi * smooth * np.array(list(BLURS))[:, None]
    down = np.exp(-2 * (deviations * np.fft.fftfreq(height)) ** 2)
    across = np.exp(-2 * (deviations * np.fft.rfftfreq(width)) ** 2) * np.array(list(BLURS.values()))[:, None]
    return tf.constant(down, tf.float32), tf.constant(across, tf.float32)


@functools.lru_cache(maxsize=12)
def compiled(
    backbone: Backbone,
    layers: tuple[str, ...],
    statistics: tuple[str | Function, ...],
    branch_gradient: float = 1.0,
) -> tuple[Any, Any]:
    """Two TensorFlow functions of one tile, each traced once for tiles of every size.

    The first evaluates the terms and returns values and magnitudes; the second returns these and the blurred
    gradient, of shape (colours, height, width), of the values' weighted sum. `branch_gradient` is as
    in `FeatureExtractor`.
    """
    extract = FeatureExtractor(backbone.graph, layers, runtime.fast_dtype(), branch_gradient=branch_gradient)
    channels = [backbone.channels(layer) for layer in layers]
    picture = tf.TensorSpec((1, None, None, 3))
    weights = tf.TensorSpec((len(layers),))
    masks = tuple(tf.TensorSpec((c,)) for c in channels)
    guides = tuple(tf.TensorSpec((c, None)) for c in channels)

    @tf.function(input_signature=(picture, masks, guides), autograph=False)
    def evaluate(picture: Any, masks: Any, guides: Any) -> Any:
        return term_values(statistics, extract(backbone.preprocess(picture)), masks, guides)

    colors, response = tf.TensorSpec((3, 3)), tf.TensorSpec((len(BLURS), None))

    @tf.function(
        input_signature=(picture, weights, masks, guides, colors, response, response), autograph=False
    )
    def differentiate(
        picture: Any, weights: Any, masks: Any, guides: Any, colors: Any, down: Any, across: Any
    ) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            activations = extract(backbone.preprocess(picture))
            values, magnitudes = term_values(statistics, activations, masks, guides)
            total = tf.reduce_sum(weights * values) * tf.cast(tf.size(picture), tf.float32)
        shape = tf.shape(picture)[1:3]
        gradient = tf.reshape(tape.gradient(total, picture), (-1, 3))
        planes = tf.reshape(tf.matmul(colors, gradient, transpose_b=True), (3, shape[0], shape[1]))
        kept = tf.cast(tf.matmul(down, across, transpose_a=True), tf.complex64)
        return values, magnitudes, tf.signal.irfft2d(tf.signal.rfft2d(planes) * kept, shape)

    return evaluate, differentiate
