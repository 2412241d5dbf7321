"""The networks, their layers, and the bundled substitutes for InceptionV3's layers.

Pure data: every layer's name is known without loading a network.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

NetworkName = Literal["efficientnet_lite0", "squeezenet", "inception_v3"]


@dataclass(frozen=True, slots=True)
class Network:
    """A network: `layers` maps each layer, shallow to deep, to its number of channels.

    `classifier` is the layer after these whose channels are the 1000 ImageNet classes, if there is one.
    """

    name: NetworkName
    title: str
    layers: MappingProxyType[str, int]
    classifier: str = ""

    def depth(self, layer: str) -> int:
        """How deep a layer lies in the network, counted from 0."""
        return [*self.layers, self.classifier].index(layer)


def _network(
    name: NetworkName, title: str, prefix: str, first: int, channels: tuple[int, ...], classifier: str = ""
) -> Network:
    layers = {f"{prefix}{first + i}": count for i, count in enumerate(channels)}
    return Network(name, title, MappingProxyType(layers), classifier)


_NETWORKS = (
    _network(
        "efficientnet_lite0",
        "EfficientNet-Lite0",
        "block",
        0,
        (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320),
        classifier="classifier",
    ),
    _network(
        "squeezenet",
        "SqueezeNet 1.1",
        "fire",
        2,
        (128, 128, 256, 256, 384, 384, 512, 512),
        classifier="conv10",
    ),
    _network(
        "inception_v3",
        "InceptionV3",
        "mixed",
        0,
        (256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048),
    ),
)

NETWORKS: MappingProxyType[NetworkName, Network] = MappingProxyType({n.name: n for n in _NETWORKS})

CLASS = "class"
"""The name for the classifiers of all networks that have one, together."""

CLASSIFIERS: MappingProxyType[NetworkName, str] = MappingProxyType(
    {network.name: network.classifier for network in _NETWORKS if network.classifier}
)
"""The networks that know the ImageNet classes, and their layer whose channels these are."""

CLASS_WEIGHTS: MappingProxyType[NetworkName, float] = MappingProxyType(
    {"efficientnet_lite0": 0.7, "squeezenet": 1.0}
)
"""What a term of `class` weighs in each network: less where gradients are mostly texture, chosen by eye."""

LAYERS: MappingProxyType[str, Network] = MappingProxyType(
    {layer: network for network in _NETWORKS for layer in (*network.layers, network.classifier) if layer}
)
"""Every layer of every network, classifiers included, and the network it belongs to."""

STAND_INS: MappingProxyType[str, str] = MappingProxyType(
    {
        "mixed0": "block2",
        "mixed1": "block4",
        "mixed2": "block5",
        "mixed3": "block7",
        "mixed4": "block8",
        "mixed5": "block9",
        "mixed6": "block10",
        "mixed7": "block11",
        "mixed8": "block12",
        "mixed9": "block14",
        "mixed10": "block15",
    }
)
"""The bundled layer that dreams most like each layer of InceptionV3, for when its weights are absent."""
