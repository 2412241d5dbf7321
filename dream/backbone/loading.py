"""Loading the network of a recipe, or its bundled substitute where the weights are missing."""

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dream.backbone import inception_v3
from dream.backbone.catalog import NETWORKS, NetworkName
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


def load(recipe: Recipe, file: Path | None = None) -> tuple[Backbone, Recipe, str | None]:
    """The network for `recipe`, the recipe it can dream, and the layers asked for if they are substituted.

    `file` is the operator's weights for InceptionV3. Without it and without Keras' own file, the nearest
    bundled layers are used instead, never random weights; the third value is then such as "mixed3+mixed5",
    and otherwise None.
    """
    if recipe.network != "inception_v3":
        return bundled(recipe.network), recipe, None
    try:
        if file is not None:
            return _operators(file, file.stat().st_mtime_ns if file.is_file() else 0), recipe, None
        if (found := inception_v3.imagenet_file()) is not None:
            return _imagenet(found), recipe, None
    except WeightsError as error:
        log.error("%s", error)
    other = recipe.stand_in()
    return bundled(other.network), other, "+".join(recipe.layers)


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
