"""What the networks see in a picture, and where: the shares and the maps of the ImageNet classes."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dream.backbone.catalog import CLASS, CLASSIFIERS, NetworkName
from dream.backbone.classes import names, titles
from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.loading import Backbone, bundled
from dream.picture import DEFAULT_LIMITS, Limits, PictureFile, Pixels, contents, decode, resize
from dream.recipe import Recipe
from dream.statistics import activations

_SIZE = 320
"""The longer side, in pixels, at which a picture is looked at."""

_MAP_SIZES = (320, 512)
"""The longer sides at which it is looked for where things are."""


def class_shares(picture: Pixels, backbones: Mapping[NetworkName, Backbone]) -> NDArray[np.float32]:
    """How sure the networks are, on average, that each class is in `picture`: (1000,), which sum to 1."""
    shares = []
    for network, layer in CLASSIFIERS.items():
        if network in backbones:
            (evidence,) = activations(backbones[network], (layer,), picture, _SIZE)
            shares.append(tf.nn.softmax(evidence.mean(axis=0)).numpy())
    return np.asarray(np.mean(shares, axis=0), np.float32)


@dataclass(frozen=True, slots=True)
class Seen:
    """A class that the networks see in a picture: its canonical name, its title, how sure they are of it, in
    [0, 1], and where, a map (height, width) in [0, 1]."""

    name: str
    title: str
    share: float
    map: NDArray[np.float32]


def see(picture: PictureFile | Pixels, most: int = 5, limits: Limits = DEFAULT_LIMITS) -> list[Seen]:
    """What both bundled networks see in `picture`, surest first: at most so many classes.

    Raises PictureError.
    """
    pixels = picture if isinstance(picture, np.ndarray) else decode(contents(picture), limits, (1024, 1024))
    backbones = {name: bundled(name) for name in CLASSIFIERS}
    shares = class_shares(pixels, backbones)
    best = np.argsort(-shares, kind="stable")[:most].tolist()
    return [
        Seen(names()[n], titles()[n], float(shares[n]), class_map(pixels, [n], backbones)[0]) for n in best
    ]


def sheet(picture: Pixels, seen: Iterable[Seen], width: int = 240) -> Pixels:
    """The picture once for each thing seen, side by side, darkened where that is not."""
    height = max(1, round(width * picture.shape[0] / picture.shape[1]))
    small = resize(picture, width, height)
    where = (np.clip(resize(each.map[..., None], width, height), 0, 1) for each in seen)
    return np.concatenate([small * (0.25 + 0.75 * lit) for lit in where], axis=1)


def class_map(
    picture: Pixels, classes: Iterable[int], backbones: Mapping[NetworkName, Backbone]
) -> tuple[NDArray[np.float32], float]:
    """Where `classes` are in `picture`, (height, width) in [0, 1], and how sure the networks are on average.

    The shares of the classes among all at each place, averaged over networks and sizes, in units of the
    largest.
    """
    height, width = picture.shape[:2]
    total = np.zeros((height, width), np.float32)
    chosen = list(classes)
    for network, layer in CLASSIFIERS.items():
        backbone = backbones[network]
        extract = FeatureExtractor(backbone.graph, (layer,))
        for longer in _MAP_SIZES:
            scale = longer / max(height, width)
            small = resize(picture, max(96, round(width * scale)), max(96, round(height * scale)))
            (evidence,) = extract(backbone.preprocess(tf.constant(small[None])))
            shares = tf.reduce_sum(tf.gather(tf.nn.softmax(evidence[0]), chosen, axis=-1), axis=-1)
            total += np.clip(resize(shares.numpy()[..., None], width, height)[..., 0], 0, 1)
    total /= len(CLASSIFIERS) * len(_MAP_SIZES)
    return total / max(float(total.max()), 1e-9), float(total.mean())


def with_seen_classes(recipe: Recipe, picture: Pixels, backbones: Mapping[NetworkName, Backbone]) -> Recipe:
    """`recipe` with each `class:topN` replaced by the N classes that the networks are surest of."""
    if not any(term.layer == CLASS and term.top for term in recipe.all_terms):
        return recipe
    best = np.argsort(-class_shares(picture, backbones), kind="stable")
    return recipe.with_terms(
        lambda term: (
            dataclasses.replace(term, channels=tuple(best[: term.top].tolist()), top=0)
            if term.layer == CLASS and term.top
            else term
        )
    )
