"""A Keras model as the flat list of operations that it consists of, models within it included.

Layers keep their names in lower case, as a recipe writes them. A model whose graph is not known, such as one
of a class of one's own with a `call` method, has no layers to dream of.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dream.backbone.catalog import bare
from dream.backbone.errors import WeightsError

_FOLDED = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU, keras.layers.Dropout)
"""Layers that take little memory of their own when they are dreamt with."""

_SIZES = ((128, 160), (160, 192))
"""The (height, width) of two pictures that tell which layers' activations grow with the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One call of a Keras layer or operation: `outputs` are keys of the values that it makes of `inputs`."""

    layer: Any
    node: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __call__(self, values: dict[int, Any]) -> None:
        """Compute the outputs from the inputs in `values`, and put them there."""
        given = {
            id(tensor): values[key] for tensor, key in zip(self.node.input_tensors, self.inputs, strict=True)
        }
        args, kwargs = self.node.arguments.fill_in(given)
        if isinstance(self.layer, keras.Layer):
            kwargs = kwargs | {"training": False}
        results = tf.nest.flatten(self.layer(*args, **kwargs))
        values.update(zip(self.outputs, results, strict=True))


@dataclass(frozen=True, slots=True)
class Measured:
    """What dreaming of a network involves, for each pixel of the picture.

    `layers` are those whose rows and columns grow with the picture, shallow to deep, with their channels.
    `floats` is the size of the activations that a gradient needs, `multiplications` the multiply-adds up to
    the last layer.
    """

    layers: dict[str, int]
    floats: float
    multiplications: float


class Graph:
    """The operations of `model`, in an order in which each comes after those that it needs.

    `outputs` maps the name of each layer to the key of its value, `input` is the key of the picture. Where
    the model's outputs are a dictionary, its keys are the layers. With `renumbered`, names that Keras made up
    are numbered from the model's start, as they are where it is the first one that a process builds. Raises
    WeightsError for a model that cannot be dreamt of.
    """

    def __init__(self, model: Any, *, renumbered: bool = False) -> None:
        name = getattr(model, "name", type(model).__name__)
        try:
            inputs = model.inputs
            outputs = model.outputs
        except (AttributeError, ValueError):  # a Sequential that was never built
            inputs = outputs = None
        if not isinstance(model, keras.Model) or not inputs or not outputs:
            raise WeightsError(
                f"The model {name} has no graph of layers: build it with keras.Input, or as a Sequential "
                "that begins with one."
            )
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
            shapes = ", ".join(str(each.shape) for each in inputs)
            raise WeightsError(
                f"The model {name} takes {shapes}: to dream, it has to take pictures of three colours, "
                "(None, height, width, 3)."
            )
        self.input = 0
        self._keys = itertools.count(1)
        self.operations: list[Operation] = []
        self._channels: dict[int, int] = {}
        last = self._add(model, [self.input])
        self.outputs: dict[str, int] = {}
        if isinstance(getattr(model, "output", None), dict):
            by_tensor = {id(tensor): key for tensor, key in zip(model.outputs, last, strict=True)}
            self.outputs = {layer: by_tensor[id(tensor)] for layer, tensor in model.output.items()}
            return
        names = _renumbered(self.operations) if renumbered else {}
        for operation in self.operations:
            if len(operation.outputs) == 1:
                layer = names.get(id(operation.layer), operation.layer.name)
                self.outputs[_unique(_recipe_name(layer), self.outputs)] = operation.outputs[0]

    def _add(self, model: Any, inputs: list[int]) -> list[int]:
        """Add the operations of a model called with `inputs`; the keys of its outputs."""
        keys = {id(tensor): key for tensor, key in zip(model.inputs, inputs, strict=True)}
        for node in _nodes(model.outputs, keys):
            given = tuple(keys[id(tensor)] for tensor in node.input_tensors)
            layer = node.operation
            if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
                made = self._add(layer, list(given))
            else:
                made = [next(self._keys) for _ in node.outputs]
                self._channels |= {
                    key: tensor.shape[-1] or 0
                    for key, tensor in zip(made, node.outputs, strict=True)
                    if tensor.shape
                }
                self.operations.append(Operation(layer, node, given, tuple(made)))
            keys |= {id(tensor): key for tensor, key in zip(node.outputs, made, strict=True)}
        return [keys[id(tensor)] for tensor in model.outputs]

    def channels(self, layer: str) -> int:
        """How many channels a layer has, named with or without its network; 0 where there is none such."""
        return self._channels.get(self.outputs.get(bare(layer), -1), 0)

    def needed(self, wanted: Iterable[int]) -> list[Operation]:
        """The operations without which the values of the keys `wanted` cannot be computed, in order."""
        keys = set(wanted)
        found = []
        for operation in reversed(self.operations):
            if keys.intersection(operation.outputs):
                keys.update(operation.inputs)
                found.append(operation)
        return found[::-1]

    def measured(self) -> Measured:
        """Compute every operation on pictures of two sizes, and tell which can be dreamt of.

        Left out is what does not grow with the picture, such as a classifier's vectors, and what only works
        at the size that the model was built for.
        """
        shapes: list[dict[int, tuple[int, ...]]] = []
        users = Counter(key for operation in self.operations for key in operation.inputs)
        for height, width in _SIZES:
            values: dict[int, Any] = {self.input: tf.zeros((1, height, width, 3))}
            left = users.copy()
            known: dict[int, tuple[int, ...]] = {}
            for operation in self.operations:
                if all(key in values for key in operation.inputs):
                    try:
                        operation(values)
                    except Exception:  # whatever a layer raises for a size that it was not built for
                        continue
                    known |= {key: tuple(values[key].shape) for key in operation.outputs}
                for key in operation.inputs:
                    left[key] -= 1
                    if not left[key]:
                        values.pop(key, None)
            shapes.append(known)
        small, large = shapes
        pixels = _SIZES[0][0] * _SIZES[0][1]
        layers = {
            name: small[key][-1]
            for name, key in self.outputs.items()
            if _is_spatial(small.get(key), large.get(key))
        }
        operations = self.needed(self.outputs[name] for name in layers)
        floats = multiplications = 0.0
        for operation in operations:
            shape = small.get(operation.outputs[0], ())
            if not isinstance(operation.layer, _FOLDED):
                floats += float(np.prod(shape)) / pixels
            kernels = [w for w in getattr(operation.layer, "weights", ()) if len(w.shape) > 1]
            size = sum(float(np.prod(kernel.shape)) for kernel in kernels)
            multiplications += size * float(np.prod(shape[:-1])) / pixels
        return Measured(layers, floats, multiplications)


def _nodes(outputs: Iterable[Any], known: dict[int, int]) -> Iterator[Any]:
    """The nodes that make `outputs` of the tensors whose ids are `known`, each after those it needs."""
    done: set[int] = set()
    stack = [(_node(tensor), False) for tensor in reversed(list(outputs)) if id(tensor) not in known]
    while stack:
        node, is_ready = stack.pop()
        if id(node) in done:
            continue
        if is_ready:
            done.add(id(node))
            yield node
            continue
        stack.append((node, True))
        stack += [
            (_node(tensor), False) for tensor in reversed(node.input_tensors) if id(tensor) not in known
        ]


def _node(tensor: Any) -> Any:
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]


def _is_spatial(small: tuple[int, ...] | None, large: tuple[int, ...] | None) -> bool:
    """Whether two shapes are of activations whose rows and columns grow with the picture."""
    if small is None or large is None or len(small) != 4 or len(large) != 4:
        return False
    return small[1] < large[1] and small[2] < large[2] and small[0] == large[0] and small[3] == large[3]


def _recipe_name(name: str) -> str:
    """A layer's name as a recipe writes it: small letters, digits and underscores, with a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"layer_{plain}".rstrip("_")


def _unique(name: str, taken: Iterable[str]) -> str:
    """`name`, or with the first number that makes it another than those `taken`."""
    if name not in taken:
        return name
    return next(new for number in itertools.count(2) if (new := f"{name}_{number}") not in taken)


def _renumbered(operations: Iterable[Operation]) -> dict[int, str]:
    """The names by layers' ids where names that Keras numbered begin at the model's start."""
    numbered: dict[str, list[tuple[int, int]]] = {}
    for operation in operations:
        words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(operation.layer).__name__)
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
        if match := re.fullmatch(rf"{kind}(?:_(\d+))?", operation.layer.name):
            numbered.setdefault(kind, []).append((int(match[1] or 0), id(operation.layer)))
    return {
        layer: f"{kind}_{i}" if i else kind
        for kind, layers in numbered.items()
        for i, (_, layer) in enumerate(sorted(set(layers)))
    }
