"""Loading the network of a recipe, or its bundled substitute where the weights are missing."""

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dream.backbone import inception_v3
from dream.backbone.catalog import NETWORKS, STAND_INS, NetworkName
from dream.backbone.errors import WeightsError
from dream.recipe import Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """A loaded network: a Keras `model` whose outputs are the catalog's layers by name.

    `weights` says where they came from: "imagenet" (Keras' own file), "bundled", or a path. A pixel of RGB in
    [0, 1] enters it as `pixel[order] * scale + offset`.
    """

    name: NetworkName
    weights: str
    model: Any
    order: tuple[int, int, int] = (0, 1, 2)
    scale: float = 2.0
    offset: tuple[float, float, float] = (-1.0, -1.0, -1.0)

    def preprocess(self, pixels: Any) -> Any:
        """Convert a tensor of RGB pixels in [0, 1], shape (..., 3), to the network's input range."""
        import tensorflow as tf

        if self.order != (0, 1, 2):
            pixels = tf.gather(pixels, self.order, axis=-1)
        return pixels * self.scale + tf.constant(self.offset)


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a network's weights are available, where from, or why not."""

    network: NetworkName
    ready: bool
    weights: str
    detail: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What dreams a recipe: its networks by name, and the recipe that they can dream.

    `fallback` is None, or the layers of InceptionV3 asked for that bundled ones stand in for, such as
    "mixed3+mixed5".
    """

    backbones: dict[NetworkName, Backbone]
    recipe: Recipe
    fallback: str | None

    @property
    def weights(self) -> str:
        """Where the networks' weights came from."""
        return "+".join(dict.fromkeys(backbone.weights for backbone in self.backbones.values()))


def load(recipe: Recipe, file: Path | None = None) -> Loaded:
    """The networks for `recipe`. `file` is the operator's weights for InceptionV3.

    Without it and without Keras' own file, the nearest bundled layers are used instead, never random weights.
    """
    inception = _inception(file) if "inception_v3" in recipe.networks else None
    fallback = None
    if "inception_v3" in recipe.networks and inception is None:
        fallback = "+".join(layer for layer in recipe.layers if layer in STAND_INS)
        recipe = recipe.stand_in()
    backbones = {
        name: inception if name == "inception_v3" and inception else bundled(name) for name in recipe.networks
    }
    return Loaded(backbones, recipe, fallback)


def _inception(file: Path | None) -> Backbone | None:
    try:
        if file is not None:
            return _operators(file, file.stat().st_mtime_ns if file.is_file() else 0)
        found = inception_v3.imagenet_file()
        return _imagenet(found) if found is not None else None
    except WeightsError as error:
        log.error("%s", error)
        return None


@functools.cache
def bundled(network: NetworkName) -> Backbone:
    """A network whose weights ship with the project, loaded once a process."""
    if network == "squeezenet":
        from dream.backbone import squeezenet

        mean = (-104.006, -116.669, -122.679)
        return Backbone(network, "bundled", squeezenet.build(), order=(2, 1, 0), scale=255.0, offset=mean)
    from dream.backbone import efficientnet_lite0

    return Backbone("efficientnet_lite0", "bundled", efficientnet_lite0.build())


def statuses(file: Path | None = None) -> list[Status]:
    """Every network and its weights, without loading any. `file` is the operator's for InceptionV3."""
    found = [
        Status(name, True, "bundled", "ships with Dreambot") for name in NETWORKS if name != "inception_v3"
    ]
    if file is not None:
        fault = inception_v3.fault(file)
        return [*found, Status("inception_v3", not fault, str(file), fault or "named by the operator")]
    path = inception_v3.imagenet_file()
    detail = str(path) if path else "not here yet: `dreambot weights fetch` brings them (88 MB)"
    return [*found, Status("inception_v3", path is not None, "imagenet", detail)]


@functools.lru_cache(maxsize=1)
def _operators(file: Path, modified: int) -> Backbone:
    return Backbone("inception_v3", str(file), inception_v3.build(file))


@functools.lru_cache(maxsize=1)
def _imagenet(file: Path) -> Backbone:
    return Backbone("inception_v3", "imagenet", inception_v3.build(file))
