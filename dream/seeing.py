"""What the networks see in a picture: the shares of the ImageNet classes."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone.catalog import CLASS, CLASSIFIERS, NetworkName
from dream.backbone.loading import Backbone
from dream.picture import Pixels
from dream.recipe import Recipe
from dream.statistics import activations

_SIZE = 320
"""The longer side, in pixels, at which a picture is looked at."""


def class_shares(picture: Pixels, backbones: Mapping[NetworkName, Backbone]) -> NDArray[np.float32]:
    """How sure the networks are, on average, that each class is in `picture`: (1000,), which sum to 1."""
    shares = []
    for network, layer in CLASSIFIERS.items():
        if network in backbones:
            (evidence,) = activations(backbones[network], (layer,), picture, _SIZE)
            shares.append(tf.nn.softmax(evidence.mean(axis=0)).numpy())
    return np.asarray(np.mean(shares, axis=0), np.float32)


def with_seen_classes(recipe: Recipe, picture: Pixels, backbones: Mapping[NetworkName, Backbone]) -> Recipe:
    """`recipe` with each `class:topN` replaced by the N classes that the networks are surest of."""
    if not any(term.layer == CLASS and term.top for term in recipe.terms):
        return recipe
    best = np.argsort(-class_shares(picture, backbones), kind="stable")
    terms = (
        dataclasses.replace(term, channels=tuple(best[: term.top].tolist()), top=0)
        if term.layer == CLASS and term.top
        else term
        for term in recipe.terms
    )
    return dataclasses.replace(recipe, terms=tuple(terms))
