"""Activations to the one number that is climbed.

An objective is a weighted sum of terms, one per layer of the recipe. Each is measured in one of three ways:

- `square`: the mean square of the activations, which favours what is already seen strongly;
- `mean`: their mean, as in the classic;
- `guided`: the mean over all places of the best match, by dot product, with any place of a second picture,
  after the guided dreams of google/deepdream's notebook (2015).

While climbing, each term is divided by its own current size, so that layers of very different scale add as
equals.
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone.loading import Backbone
from dream.backbone.trunk import Trunk
from dream.picture import Pixels, resize
from dream.recipe import Recipe

Measure = Literal["square", "mean", "guided"]

_GUIDE_SIZE = 224
_TOP_SIZE = 320


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """The terms of one dream as tensors, for functions traced once for all dreams of the same layers.

    `weights` has shape (terms,). `masks` has one vector per term that is 1 for the channels looked at.
    `guides` has one matrix per term, (channels, places), of what a second picture shows; without one it is
    empty.
    """

    measure: Measure
    layers: tuple[str, ...]
    weights: tf.Tensor
    masks: tuple[tf.Tensor, ...]
    guides: tuple[tf.Tensor, ...] = ()

    def value(self, values: Any) -> float:
        """The objective, from the terms' values."""
        return float(np.dot(self.weights.numpy(), values))


def objective(recipe: Recipe, backbone: Backbone, picture: Pixels, guide: Pixels | None = None) -> Objective:
    """The objective of `recipe` on `picture`, led by `guide` if there is one."""
    layers = tuple(term.layer for term in recipe.terms)
    see = functools.partial(_seen, backbone, layers)
    shown = see(picture, _TOP_SIZE) if any(term.top for term in recipe.terms) else []
    masks = []
    for i, term in enumerate(recipe.terms):
        mask = np.zeros(term.network.layers[term.layer], np.float32)
        if term.top:
            mask[np.argsort(-np.square(shown[i]).mean(axis=0), kind="stable")[: term.top]] = 1
        else:
            mask[list(term.channels) or slice(None)] = 1
        masks.append(tf.constant(mask))
    measure: Measure = "guided" if guide is not None else "mean" if recipe.objective == "mean" else "square"
    guides = (
        [tf.constant(activations.T) for activations in see(guide, _GUIDE_SIZE)] if guide is not None else []
    )
    weights = tf.constant([term.weight for term in recipe.terms])
    return Objective(measure, layers, weights, tuple(masks), tuple(guides))


def measured(
    measure: Measure,
    activations: list[tf.Tensor],
    masks: tuple[tf.Tensor, ...],
    guides: tuple[tf.Tensor, ...],
) -> tuple[tf.Tensor, tf.Tensor]:
    """The terms' values, which are climbed, and their sizes, which divide them; both of shape (terms,)."""
    values, sizes = [], []
    for i, (activation, mask) in enumerate(zip(activations, masks, strict=True)):
        if measure == "guided":
            best = tf.reduce_max(tf.tensordot(activation * mask, guides[i], 1), axis=-1)
            values.append(tf.reduce_mean(best))
            sizes.append(tf.reduce_mean(tf.abs(best)))
            continue
        share = tf.reduce_mean(mask)
        seen = tf.square(activation) if measure == "square" else activation
        values.append(tf.reduce_mean(tf.reduce_mean(seen, axis=(0, 1, 2)) * mask) / share)
        sizes.append(tf.reduce_mean(tf.reduce_mean(tf.abs(seen), axis=(0, 1, 2)) * mask) / share)
    return tf.stack(values), tf.stack(sizes)


def _seen(
    backbone: Backbone, layers: tuple[str, ...], picture: Pixels, longer: int
) -> list[NDArray[np.float32]]:
    """What each layer sees, as (places, channels), in `picture` with a longer side of `longer` pixels."""
    height, width = picture.shape[:2]
    scale = longer / max(height, width)
    small = resize(picture, max(96, round(width * scale)), max(96, round(height * scale)))
    activations = Trunk(backbone.model, layers)(backbone.preprocess(tf.constant(small[None])))
    return [activation.numpy().reshape(-1, activation.shape[-1]) for activation in activations]
