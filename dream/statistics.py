"""The statistics of activations that an objective is a weighted sum of, and an objective's terms as tensors.

A statistic is a function in `STATISTICS`. For the gradient each term is divided by its own magnitude, so that
layers of very different scale contribute equally.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone.catalog import NetworkName
from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.loading import Backbone
from dream.objective import Function
from dream.picture import Pixels, resize
from dream.recipe import Recipe

_GUIDE_SIZE = 224
"""The longer side, in pixels, at which a guide's activations are taken."""

_TOP_SIZE = 320
"""The longer side, in pixels, at which the strongest channels are found."""

Measured = tuple[tf.Tensor, tf.Tensor]
"""A term's value and its magnitude, both scalars."""

Statistic = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Measured]
"""From a layer's activations, (1, rows, columns, channels), the mask of the channels used, (channels,), and a
guide's activations, (channels, locations), to a value and the magnitude that its gradient is divided by."""


def square(activation: tf.Tensor, mask: tf.Tensor, guide: tf.Tensor) -> Measured:
    """The mean square, which favours features that are already strong."""
    return _mean(tf.square(activation), mask)


def mean(activation: tf.Tensor, mask: tf.Tensor, guide: tf.Tensor) -> Measured:
    """The mean, as in the original DeepDream."""
    return _mean(activation, mask)


def guided(activation: tf.Tensor, mask: tf.Tensor, guide: tf.Tensor) -> Measured:
    """The mean over all locations of the largest dot product with any location of the guide's activations.

    After the guided dreams of google/deepdream's notebook (2015).
    """
    best = tf.reduce_max(tf.tensordot(activation * mask, guide, 1), axis=-1)
    return tf.reduce_mean(best), tf.reduce_mean(tf.abs(best))


def evidence(activation: tf.Tensor, mask: tf.Tensor, guide: tf.Tensor) -> Measured:
    """How much more evidence there is for some classes than for all on average; the mean over all locations.

    Its magnitude is the standard deviation of all classes' evidence.
    """
    beyond = activation - tf.reduce_mean(activation, axis=-1, keepdims=True)
    value, _ = _mean(beyond, mask)
    return value, tf.math.reduce_std(beyond)


STATISTICS: Mapping[str, Statistic] = {
    "square": square,
    "mean": mean,
    "guided": guided,
    "evidence": evidence,
}
"""The statistics by name: those that a recipe's option `objective` names, and those of guides and classes."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkObjective:
    """The terms of a dream that one network computes, as tensors: the arguments of functions traced once.

    `statistics` and `layers` name each term's. `weights` has shape (terms,). `masks` has one vector per term,
    (channels,): 1 for each channel used, 0 for others. `guides` has one matrix per term, (channels,
    locations): the second picture's activations; without one it has no locations. `stages` has the number of
    the recipe of a morph that each term belongs to.
    """

    backbone: Backbone
    statistics: tuple[str | Function, ...]
    layers: tuple[str, ...]
    weights: tf.Tensor
    masks: tuple[tf.Tensor, ...]
    guides: tuple[tf.Tensor, ...]
    stages: tuple[int, ...]

    @property
    def weight(self) -> float:
        """The network's weight among others: the sum of its terms' weights, whatever their sign."""
        return float(np.abs(self.weights.numpy()).sum())

    def value(self, values: Any) -> float:
        """The objective, given the terms' values, shape (terms,)."""
        return float(np.dot(self.weights.numpy(), values))

    def mixed(self, shares: Sequence[float]) -> "NetworkObjective":
        """The same with each term's weight times the share of its recipe in a morph."""
        each = tf.constant([shares[stage] for stage in self.stages], tf.float32)
        return dataclasses.replace(self, weights=self.weights * each)


def network_objectives(
    recipe: Recipe, backbones: Mapping[NetworkName, Backbone], picture: Pixels, guide: Pixels | None = None
) -> tuple[NetworkObjective, ...]:
    """The objective of `recipe` for `picture`, guided by the pixels `guide` if given: a part per network.

    That of a morph has the terms of all its recipes, which `NetworkObjective.mixed` weighs.
    """
    return tuple(_on_network(backbone, recipe.stages, picture, guide) for backbone in backbones.values())


def _on_network(
    backbone: Backbone, recipes: Sequence[Recipe], picture: Pixels, guide: Pixels | None
) -> NetworkObjective:
    found = [(number, term) for number, each in enumerate(recipes) for term in each.on(backbone.name)]
    stages, terms = [number for number, _ in found], [term for _, term in found]
    layers = tuple(term.layer for term in terms)
    features = activations(backbone, layers, picture, _TOP_SIZE) if any(term.top for term in terms) else []
    guiding = activations(backbone, layers, guide, _GUIDE_SIZE) if guide is not None else []
    statistics: list[str | Function] = []
    masks, guides = [], []
    for i, term in enumerate(terms):
        channels = backbone.channels(term.layer)
        mask = np.zeros(channels, np.float32)
        if term.top:
            mask[np.argsort(-np.square(features[i]).mean(axis=0), kind="stable")[: term.top]] = 1
        else:
            mask[list(term.channels) or slice(None)] = 1
        statistic = recipes[stages[i]].objective or "square"
        usual = "evidence" if term.is_classes else statistic if guide is None else "guided"
        statistics.append(term.function or usual)
        masks.append(tf.constant(mask))
        guides.append(tf.constant(guiding[i].T if guiding else np.zeros((channels, 0), np.float32)))
    weights = tf.constant([term.weight for term in terms])
    return NetworkObjective(
        backbone, tuple(statistics), layers, weights, tuple(masks), tuple(guides), tuple(stages)
    )


def term_values(
    statistics: tuple[str | Function, ...],
    activations: list[tf.Tensor],
    masks: tuple[tf.Tensor, ...],
    guides: tuple[tf.Tensor, ...],
) -> Measured:
    """The terms' values, and the magnitudes that their gradients are divided by; both of shape (terms,).

    `activations` has one tensor per term, (1, rows, columns, channels); the others are as in
    `NetworkObjective`.
    """
    measured = [
        STATISTICS[statistic](activation, mask, guide)
        if isinstance(statistic, str)
        else _own(statistic, activation, mask)
        for statistic, activation, mask, guide in zip(statistics, activations, masks, guides, strict=True)
    ]
    return tf.stack([value for value, _ in measured]), tf.stack([magnitude for _, magnitude in measured])


def _mean(each: tf.Tensor, mask: tf.Tensor) -> Measured:
    used = tf.reduce_mean(mask)
    return (
        tf.reduce_mean(tf.reduce_mean(each, axis=(0, 1, 2)) * mask) / used,
        tf.reduce_mean(tf.reduce_mean(tf.abs(each), axis=(0, 1, 2)) * mask) / used,
    )


def _own(function: Function, activation: tf.Tensor, mask: tf.Tensor) -> Measured:
    """The same of a caller's function, which gets the channels used."""
    result = function(tf.boolean_mask(activation, mask > 0, axis=3))
    return tf.reduce_mean(result), tf.reduce_mean(tf.abs(result))


def activations(
    backbone: Backbone, layers: tuple[str, ...], picture: Pixels, longer: int
) -> list[NDArray[np.float32]]:
    """Each layer's activations, (locations, channels), for `picture` scaled to a longer side of `longer`."""
    height, width = picture.shape[:2]
    scale = longer / max(height, width)
    small = resize(picture, max(96, round(width * scale)), max(96, round(height * scale)))
    found = FeatureExtractor(backbone.graph, layers)(backbone.preprocess(tf.constant(small[None])))
    return [activation.numpy().reshape(-1, activation.shape[-1]) for activation in found]
