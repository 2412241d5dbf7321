"""A Keras model reduced to the layers whose activations are wanted, optimised for gradients of its input.

The model becomes a plain function of pictures: only the layers below those asked for, weights as constants,
batch normalisation folded into the convolution before it, and each convolution's gradient with respect to its
input expressed as a forward convolution, which on a CPU is faster than TensorFlow's own. Weights get no
gradient.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from dream.backbone.catalog import bare
from dream.backbone.graph import Graph, Operation

_ACTIVATIONS: dict[Any, tuple[Callable[..., Any] | None, Callable[..., Any] | None]] = {
    keras.activations.linear: (None, None),
    keras.activations.relu: (tf.nn.relu, tf.raw_ops.ReluGrad),
    keras.activations.relu6: (tf.nn.relu6, tf.raw_ops.Relu6Grad),
}


MOST_CONSTANTS = 10_000_000
"""The most weights of a network that are constants in the functions traced of it."""


class FeatureExtractor:
    """The function from pictures to the activations of the layers `names` of a network.

    It takes float32 pictures of shape (n, height, width, 3), preprocessed as the model expects, and returns a
    list of float32 activations of shape (n, rows, columns, channels) in the order of `names`. Everything
    between is computed in `dtype`. The gradient that enters the branches of residual blocks, not their skip
    connections, is multiplied by `branch_gradient`.
    """

    def __init__(
        self,
        network: keras.Model | Graph,
        names: Iterable[str],
        dtype: tf.DType = tf.float32,
        *,
        branch_gradient: float = 1.0,
    ) -> None:
        graph = network if isinstance(network, Graph) else Graph(network)
        self._dtype = dtype
        self._input = graph.input
        self._outputs = [graph.outputs[bare(name)] for name in names]
        self._steps: list[Callable[[dict[int, Any]], None]] = []
        operations = graph.needed(self._outputs)
        users: dict[int, list[Operation]] = {}
        for operation in operations:
            for key in operation.inputs:
                users.setdefault(key, []).append(operation)
        is_large = _weights(operations) > MOST_CONSTANTS
        done: set[int] = set()
        for operation in operations:
            if operation.outputs[0] in done:
                continue  # folded into the convolution before it
            layer = operation.layer
            if type(layer) in (layers.Conv2D, layers.DepthwiseConv2D) and _is_plain(layer):
                followers = self._followers(operation, users)
                done.update(follower.outputs[0] for follower in followers)
                output = (followers or [operation])[-1].outputs[0]
                function = _Convolution(layer, [each.layer for each in followers], dtype, is_large)
                self._steps.append(_step(function, operation.inputs[0], output))
            elif isinstance(layer, layers.Add) and branch_gradient != 1:
                self._steps.append(partial(_add_residual, operation, branch_gradient))
            else:
                self._steps.append(_keras_step(operation, dtype))

    def _followers(self, operation: Operation, users: dict[int, list[Operation]]) -> list[Operation]:
        """The batch normalisation and activation after a convolution that can be folded into it.

        Their inputs are used by no other operation and are none of the outputs.
        """
        followers: list[Operation] = []
        for kind in (layers.BatchNormalization, layers.Activation):
            output = operation.outputs[0]
            after = users.get(output, [])
            if (
                getattr(operation.layer, "activation", keras.activations.linear)
                is not keras.activations.linear
            ):
                break
            if len(after) == 1 and type(after[0].layer) is kind and output not in self._outputs:
                if kind is layers.Activation and after[0].layer.activation not in _ACTIVATIONS:
                    break
                operation = after[0]
                followers.append(operation)
        return followers

    def __call__(self, x: tf.Tensor) -> list[tf.Tensor]:  # noqa: D102 (the class says it)
        values = {self._input: tf.cast(x, self._dtype)}
        for step in self._steps:
            step(values)
        return [tf.cast(values[output], tf.float32) for output in self._outputs]


class _Convolution:
    """A convolution with the batch normalisation and activation that follow it, folded into one operation.

    At stride 1 its gradient is a convolution with the flipped kernel. Weights are constants of the functions
    traced, which is quickest; those of a network that is large are tensors that all of them share, because
    TensorFlow keeps some thirty copies of constants.
    """

    def __init__(
        self, layer: keras.Layer, followers: Iterable[keras.Layer], dtype: tf.DType, is_large: bool
    ) -> None:
        self._dtype = dtype
        self._depthwise = isinstance(layer, layers.DepthwiseConv2D)
        self._stride, self._padding = layer.strides[0], layer.padding.upper()
        kernel = layer.kernel.numpy()
        bias = layer.bias.numpy() if layer.use_bias else np.zeros(layer.output.shape[-1], np.float32)
        activation = layer.activation
        for follower in followers:
            if isinstance(follower, layers.Activation):
                activation = follower.activation
            else:
                gain, offset = _normalisation(follower)
                kernel = kernel * (gain[:, None] if self._depthwise else gain)
                bias = bias * gain + offset
        flipped = kernel[::-1, ::-1] if self._depthwise else kernel[::-1, ::-1].transpose(0, 1, 3, 2)
        self._exact, self._kernel, self._flipped, self._bias = kernel, kernel, flipped, bias
        if is_large:
            with tf.init_scope():  # outside of any traced function
                self._kernel, self._bias = tf.constant(kernel, dtype), tf.constant(bias, dtype)
                self._flipped = tf.constant(flipped, dtype) if self._stride == 1 else None
                self._exact = tf.constant(kernel) if self._depthwise else None
        self._activate, self._activation_gradient = _ACTIVATIONS[activation]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def fused(x: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tf.Tensor]]:
            y = self._forward(x)

            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                if self._activation_gradient:
                    upstream = self._activation_gradient(gradients=upstream, features=y)
                return self._backward(upstream, x)

            return y, gradient

        return fused(x)

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        y = tf.nn.bias_add(
            self._convolve(x, self._kernel, self._padding), tf.convert_to_tensor(self._bias, self._dtype)
        )
        return self._activate(y) if self._activate else y

    def _backward(self, upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The gradient with respect to `x`, from the one with respect to the convolution's output."""
        if self._stride == 1:
            rows, columns = (size - 1 for size in self._kernel.shape[:2])
            full = [(0, 0), (rows, rows), (columns, columns), (0, 0)]
            return self._convolve(upstream, self._flipped, "SAME" if self._padding == "SAME" else full)
        strides = (1, self._stride, self._stride, 1)
        if self._depthwise:  # always in float32: TensorFlow's bfloat16 is ten times slower here
            exact, kernel = tf.cast(upstream, tf.float32), tf.convert_to_tensor(self._exact)
            gradient = tf.nn.depthwise_conv2d_backprop_input(
                tf.shape(x), kernel, exact, strides, self._padding
            )
            return tf.cast(gradient, self._dtype)
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(x),
            filter=tf.convert_to_tensor(self._kernel, self._dtype),
            out_backprop=upstream,
            strides=strides,
            padding=self._padding,
        )

    def _convolve(self, x: tf.Tensor, kernel: np.ndarray | tf.Tensor, padding: Any) -> tf.Tensor:
        weights = tf.convert_to_tensor(kernel, self._dtype)
        if self._depthwise:
            return tf.nn.depthwise_conv2d(x, weights, (1, self._stride, self._stride, 1), padding)
        return tf.nn.conv2d(x, weights, self._stride, padding)


def _weights(operations: Iterable[Operation]) -> int:
    """How many weights these operations have."""
    layers = {id(operation.layer): operation.layer for operation in operations}
    return sum(w.shape.num_elements() for layer in layers.values() for w in getattr(layer, "weights", ()))


def _step(
    function: Callable[[tf.Tensor], tf.Tensor], given: int, output: int
) -> Callable[[dict[int, Any]], None]:
    def step(values: dict[int, Any]) -> None:
        values[output] = function(values[given])

    return step


def _add_residual(operation: Operation, branch_gradient: float, values: dict[int, Any]) -> None:
    """Add what a residual block began with and its branches, whose gradients are multiplied by a factor."""

    @tf.custom_gradient
    def branch(x: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tf.Tensor]]:
        return tf.identity(x), lambda upstream: upstream * tf.cast(branch_gradient, upstream.dtype)

    skip, *others = sorted(operation.inputs)  # keys are numbered in the order of computation
    values[operation.outputs[0]] = tf.add_n([values[skip], *(branch(values[key]) for key in others)])


def _keras_step(operation: Operation, dtype: tf.DType) -> Callable[[dict[int, Any]], None]:
    """Any other operation on values of `dtype`; Keras computes it in float32."""
    if dtype == tf.float32:
        return operation
    if isinstance(operation.layer, layers.Add):
        return lambda values: values.update(
            {operation.outputs[0]: tf.add_n([values[key] for key in operation.inputs])}
        )
    if isinstance(operation.layer, layers.Concatenate):
        return lambda values: values.update(
            {operation.outputs[0]: tf.concat([values[key] for key in operation.inputs], operation.layer.axis)}
        )

    def step(values: dict[int, Any]) -> None:
        exact = {key: tf.cast(values[key], tf.float32) for key in operation.inputs}
        operation(exact)
        values.update({key: tf.cast(exact[key], dtype) for key in operation.outputs})

    return step


def _is_plain(layer: keras.Layer) -> bool:
    """Whether `_Convolution` can compute a convolution: equal strides, not dilated, not grouped."""
    return (
        layer.activation in _ACTIVATIONS
        and layer.data_format == "channels_last"
        and layer.strides[0] == layer.strides[1]
        and set(layer.dilation_rate) == {1}
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "depth_multiplier", 1) in (1, None)
    )


def _normalisation(layer: keras.Layer) -> tuple[np.ndarray, np.ndarray]:
    """The factor and the offset of a batch normalisation, one each per channel."""
    gain = 1 / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    if layer.scale:
        gain = gain * layer.gamma.numpy()
    offset = -layer.moving_mean.numpy() * gain
    return gain, offset + layer.beta.numpy() if layer.center else offset
