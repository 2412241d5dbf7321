"""The objective that gradient ascent maximises: a weighted sum of terms, one per layer of the recipe.

A term is one of three statistics of a layer's activations:

- `square`: their mean square, which favours features that are already strong;
- `mean`: their mean, as in the original DeepDream;
- `guided`: the mean over all locations of the largest dot product with any location of a second picture's
  activations, after the guided dreams of google/deepdream's notebook (2015).

For the gradient, each term is divided by its own magnitude, the mean absolute value of what it averages, so
that layers of very different scale contribute equally.
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.loading import Backbone
from dream.picture import Pixels, resize
from dream.recipe import Recipe

Statistic = Literal["square", "mean", "guided"]

_GUIDE_SIZE = 224
"""The longer side, in pixels, at which a guide's activations are taken."""

_TOP_SIZE = 320
"""The longer side, in pixels, at which the strongest channels are found."""


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """The terms of one dream as tensors: the arguments of functions that are traced once per set of layers.

    `weights` has shape (terms,). `masks` has one vector per term, (channels,): 1 for each channel used, 0
    for others. `guides` has one matrix per term, (channels, locations): the second picture's activations.
    Without a second picture it is empty.
    """

    statistic: Statistic
    layers: tuple[str, ...]
    weights: tf.Tensor
    masks: tuple[tf.Tensor, ...]
    guides: tuple[tf.Tensor, ...] = ()

    def value(self, values: Any) -> float:
        """The objective, given the terms' values, shape (terms,)."""
        return float(np.dot(self.weights.numpy(), values))


def objective(recipe: Recipe, backbone: Backbone, picture: Pixels, guide: Pixels | None = None) -> Objective:
    """The objective of `recipe` for `picture`, guided by the pixels `guide` if given."""
    layers = tuple(term.layer for term in recipe.terms)
    activations = functools.partial(_activations, backbone, layers)
    features = activations(picture, _TOP_SIZE) if any(term.top for term in recipe.terms) else []
    masks = []
    for i, term in enumerate(recipe.terms):
        mask = np.zeros(term.network.layers[term.layer], np.float32)
        if term.top:
            mask[np.argsort(-np.square(features[i]).mean(axis=0), kind="stable")[: term.top]] = 1
        else:
            mask[list(term.channels) or slice(None)] = 1
        masks.append(tf.constant(mask))
    statistic: Statistic = (
        "guided" if guide is not None else "mean" if recipe.objective == "mean" else "square"
    )
    guides = [] if guide is None else [tf.constant(found.T) for found in activations(guide, _GUIDE_SIZE)]
    weights = tf.constant([term.weight for term in recipe.terms])
    return Objective(statistic, layers, weights, tuple(masks), tuple(guides))


def term_values(
    statistic: Statistic,
    activations: list[tf.Tensor],
    masks: tuple[tf.Tensor, ...],
    guides: tuple[tf.Tensor, ...],
) -> tuple[tf.Tensor, tf.Tensor]:
    """The terms' values, and the magnitudes that their gradients are divided by; both of shape (terms,).

    `activations` has one tensor per term, (1, rows, columns, channels); `masks` and `guides` are as in
    `Objective`.
    """
    values, magnitudes = [], []
    for i, (activation, mask) in enumerate(zip(activations, masks, strict=True)):
        if statistic == "guided":
            best = tf.reduce_max(tf.tensordot(activation * mask, guides[i], 1), axis=-1)
            values.append(tf.reduce_mean(best))
            magnitudes.append(tf.reduce_mean(tf.abs(best)))
            continue
        used = tf.reduce_mean(mask)
        each = tf.square(activation) if statistic == "square" else activation
        values.append(tf.reduce_mean(tf.reduce_mean(each, axis=(0, 1, 2)) * mask) / used)
        magnitudes.append(tf.reduce_mean(tf.reduce_mean(tf.abs(each), axis=(0, 1, 2)) * mask) / used)
    return tf.stack(values), tf.stack(magnitudes)


def _activations(
    backbone: Backbone, layers: tuple[str, ...], picture: Pixels, longer: int
) -> list[NDArray[np.float32]]:
    """Each layer's activations, (locations, channels), for `picture` scaled to a longer side of `longer`."""
    height, width = picture.shape[:2]
    scale = longer / max(height, width)
    small = resize(picture, max(96, round(width * scale)), max(96, round(height * scale)))
    activations = FeatureExtractor(backbone.model, layers)(backbone.preprocess(tf.constant(small[None])))
    return [activation.numpy().reshape(-1, activation.shape[-1]) for activation in activations]
