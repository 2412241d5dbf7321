"""Loading networks, each once a process."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from dream.backbone import runtime
from dream.backbone.catalog import NETWORKS, Network, NetworkName, add
from dream.backbone.errors import WeightsError
from dream.backbone.sources import Application, InMemory, State

log = logging.getLogger(__name__)


class Backbone:
    """A loaded network: a Keras `model`, and its `graph`, which knows the network's layers.

    `weights` says where they came from: "imagenet" (Keras' own file), "bundled", "memory", or a path. Raises
    WeightsError where the model has not the network's layers.
    """

    def __init__(self, network: Network, weights: str, model: Any) -> None:
        from dream.backbone.graph import Graph

        self.network = network
        self.weights = weights
        self.model = model
        self.graph = Graph(model, renumbered=isinstance(network.source, Application))
        for layer, channels in network.layers.items():
            if self.graph.channels(layer) != channels:
                raise WeightsError(
                    f"{network.title} of {weights} has no layer {layer} of {channels} channels."
                )

    @property
    def name(self) -> NetworkName:
        """The network's name."""
        return self.network.name

    def preprocess(self, pixels: Any) -> Any:
        """Convert a tensor of RGB pixels in [0, 1], shape (..., 3), to the network's input range."""
        return self.network.preprocessing(pixels)

    def channels(self, layer: str) -> int:
        """How many channels a layer has."""
        return self.graph.channels(layer)


def load(network: Network) -> Backbone | None:
    """The network; None where its weights are missing, which is logged if only the operator can mend it."""
    state = network.source.state
    if not state.is_ready:
        if state.is_fault:
            log.error("%s", state.detail)
        return None
    try:
        return _loaded(network, state)
    except WeightsError as error:
        log.error("%s", error)
        return None


def bundled(name: NetworkName) -> Backbone:
    """A network whose weights ship with the project, loaded once a process."""
    backbone = load(NETWORKS[name])
    assert backbone is not None
    return backbone


def statuses() -> list[tuple[Network, State]]:
    """Every network and the state of its weights, without loading any."""
    return [(network, network.source.state) for network in NETWORKS.values()]


def add_network(name: str, model: Any, preprocess: Callable[[Any], Any] | None = None) -> Network:
    """Make a Keras model known to recipes in this process as the network `name`, and say what it has.

    Its layers are then written `name/layer`, and `layer` alone where no other network has one of that name.
    `preprocess` takes a tensor of RGB pixels in [0, 255], as the functions `preprocess_input` of
    keras.applications do; without it the model gets RGB in [-1, 1]. Add the model again after it has been
    trained further. Raises WeightsError where it cannot be dreamt of.
    """
    runtime.start()
    from dream.backbone.description import Description, check_name

    check_name(name)
    source = InMemory(model)
    if preprocess is None:
        network = Description.of(model).network(name, source)
    else:
        network = Description.of(model).network(name, source, lambda pixels: preprocess(pixels * 255.0))
    add(network)
    return network


@functools.lru_cache(maxsize=6)
def _loaded(network: Network, state: State) -> Backbone:
    return Backbone(network, state.weights, network.source.build())
