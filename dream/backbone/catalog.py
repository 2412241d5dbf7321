"""The networks, their layers, and the bundled substitutes for layers whose weights are absent.

Pure data: every layer's name is known without loading a network. Three networks are always known; an
operator's settings, a program or a job may `add` others, to the process that they are in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dream.backbone.preprocessing import PREPROCESSINGS, Preprocessing
from dream.backbone.sources import Application, Bundled, Source
from dream.backbone.weights_file import WeightsFile
from dream.texts import Text

NetworkName = str

BETWEEN = "/"
"""What stands between the name of a network that was added and that of its layer."""

BYTES_PER_PIXEL = 1000
"""An upper bound of the GPU memory that a bundled network's gradient takes for each pixel; on a CPU 350 were
measured in bfloat16, 500 in float32."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network: all that is known of it without loading it.

    `layers` maps each layer, shallow to deep, to its number of channels. `preprocessing` converts a tensor of
    RGB pixels in [0, 1] to what the network takes. `classifier` is the layer after these whose channels are
    the 1000 ImageNet classes, if there is one, and `class_weight` what a term of `class` weighs in it: less
    where gradients are mostly texture, chosen by eye. `stand_ins` are the bundled layers that dream most like
    its own. `pace` is the seconds of two CPU cores for each pixel of a step, before any was measured.
    """

    name: NetworkName
    title: str
    layers: Mapping[str, int] = field(hash=False)
    source: Source
    preprocessing: Callable[[Any], Any] = PREPROCESSINGS["tf"]
    classifier: str = ""
    class_weight: float = 1.0
    stand_ins: Mapping[str, str] = field(default_factory=dict, hash=False)
    description: Text | str = ""
    pace: float = 3e-6
    bytes_per_pixel: int = BYTES_PER_PIXEL

    @property
    def ships(self) -> bool:
        """Whether its weights come with the project."""
        return isinstance(self.source, Bundled)

    def depth(self, layer: str) -> int:
        """How deep a layer lies in the network, counted from 0."""
        return [*self.layers, self.classifier].index(layer)

    def stand_in(self, layer: str) -> str:
        """The bundled layer that dreams in place of `layer` while the weights are absent.

        Where none is known to be like it, the one that lies as deep in its network.
        """
        if layer in self.stand_ins:
            return self.stand_ins[layer]
        bundled = list(NETWORKS["efficientnet_lite0"].layers)
        return bundled[(len(bundled) - 1) * (self.depth(layer) + 1) // len(self.layers)]

    def spread(self, most: int) -> list[str]:
        """At most so many of its layers, spread evenly over the network; the deepest is one of them."""
        names = list(self.layers)
        count = min(most, len(names))
        return [names[(i + 1) * len(names) // count - 1] for i in range(count)]


def bare(layer: str) -> str:
    """A layer's name without its network's."""
    return layer.rpartition(BETWEEN)[2]


def _layers(prefix: str, first: int, channels: tuple[int, ...]) -> Mapping[str, int]:
    return {f"{prefix}{first + i}": count for i, count in enumerate(channels)}


_IMAGENET_MEAN = (-104.006, -116.669, -122.679)
_INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"

BUILT_IN = (
    Network(
        "efficientnet_lite0",
        "EfficientNet-Lite0",
        _layers("block", 0, (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320)),
        Bundled("dream.backbone.efficientnet_lite0"),
        classifier="classifier",
        class_weight=0.7,
        description=Text(
            "The house network. Low blocks draw grain and weave, the middle coils and eyes, "
            "the last ones furred faces and whole beasts."
        ),
        pace=0.8e-6,
    ),
    Network(
        "squeezenet",
        "SqueezeNet 1.1",
        _layers("fire", 2, (128, 128, 256, 256, 384, 384, 512, 512)),
        Bundled("dream.backbone.squeezenet"),
        Preprocessing((2, 1, 0), 255.0, _IMAGENET_MEAN),
        classifier="conv10",
        description=Text("Quick and cheerful: dogs, birds and eyes wherever it looks."),
        pace=0.6e-6,
    ),
    Network(
        "inception_v3",
        "InceptionV3",
        _layers("mixed", 0, (256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048)),
        Application(
            "InceptionV3",
            WeightsFile(
                _INCEPTION_FILE,
                f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{_INCEPTION_FILE}",
                "bcbd6486424b2319ff4ef7d526e38f63",
                megabytes=88,
            ),
            setting="weights.inception_v3",
        ),
        stand_ins={
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
        },
        description=Text(
            "The classic of 2015: spirals and arches at first, then eyes, then animals growing into "
            "each other."
        ),
        pace=3e-6,
    ),
)
"""The networks that are always known: two that ship, and the classic, whose weights are fetched."""

CLASS = "class"
"""The name for the classifiers of all networks that have one, together."""

CLASSIFIERS: Mapping[NetworkName, str] = MappingProxyType(
    {network.name: network.classifier for network in BUILT_IN if network.classifier}
)
"""The networks that know the ImageNet classes, and their layer whose channels these are."""

_networks: dict[NetworkName, Network] = {}
_by_layer: dict[str, Network] = {}
_short: dict[str, list[str]] = {}

NETWORKS: Mapping[NetworkName, Network] = MappingProxyType(_networks)
"""Every network that is known now, by its name."""

LAYERS: Mapping[str, Network] = MappingProxyType(_by_layer)
"""Every layer of these, classifiers included, and the network it belongs to."""


def add(*networks: Network) -> None:
    """Make networks known to this process, in place of earlier ones of these names."""
    for network in networks:
        if _networks.get(network.name) == network:
            continue
        remove(network.name)
        _networks[network.name] = network
        for layer in (*network.layers, network.classifier):
            if layer:
                _by_layer[layer] = network
                _short.setdefault(bare(layer), []).append(layer)


def remove(name: NetworkName) -> None:
    """Forget a network, if it is known."""
    network = _networks.pop(name, None)
    for layer in (*network.layers, network.classifier) if network else ():
        if layer:
            del _by_layer[layer]
            _short[bare(layer)].remove(layer)


def layers_called(name: str, first: NetworkName = "") -> list[str]:
    """The layers that `name` can mean, by the names that recipes write; none if it is no layer.

    A layer of the network `first` goes before all others, and a layer's whole name before the part of it that
    follows the network's.
    """
    own = f"{first}{BETWEEN}{name}"
    if own in _by_layer:
        return [own]
    return [name] if name in _by_layer else list(_short.get(name, ()))


def is_layer(name: str) -> bool:
    """Whether `name` is a layer's, or the part of one's after its network's."""
    return name in _by_layer or bool(_short.get(name))


add(*BUILT_IN)
