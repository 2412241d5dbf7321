"""A Keras model reduced to the layers whose activations are wanted, optimised for gradients of its input.

The model becomes a plain function of pictures: only the layers below those asked for, weights as constants,
batch normalisation folded into the convolution before it, and each convolution's gradient with respect to its
input expressed as a forward convolution, which on a CPU is faster than TensorFlow's own. Weights get no
gradient.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

_ACTIVATIONS: dict[Any, tuple[Callable[..., Any] | None, Callable[..., Any] | None]] = {
    keras.activations.linear: (None, None),
    keras.activations.relu: (tf.nn.relu, tf.raw_ops.ReluGrad),
    keras.activations.relu6: (tf.nn.relu6, tf.raw_ops.Relu6Grad),
}


class FeatureExtractor:
    """The function from pictures to the activations of the layers `names` of `model`.

    It takes float32 pictures of shape (n, height, width, 3), preprocessed as the model expects, and returns a
    list of float32 activations of shape (n, rows, columns, channels) in the order of `names`. Everything
    between is computed in `dtype`.
    """

    def __init__(self, model: keras.Model, names: Iterable[str], dtype: tf.DType = tf.float32) -> None:
        self._dtype = dtype
        outputs = [model.output[name] for name in names]
        model = keras.Model(model.input, outputs)
        self._input = id(model.inputs[0])
        self._outputs = [id(output) for output in outputs]
        self._steps: list[tuple[Callable[..., tf.Tensor], list[int], int]] = []
        users: dict[int, list[keras.Layer]] = {}
        for layer in model.layers:
            for tensor in _inputs(layer):
                users.setdefault(id(tensor), []).append(layer)
        done = {self._input}
        for layer in model.layers:
            if id(layer.output) in done:
                continue  # folded into the convolution before it
            function = _keras_layer(layer, dtype)
            output = layer.output
            if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D) and _is_plain(layer):
                followers = self._followers(layer, users)
                output = followers[-1].output if followers else output
                done |= {id(follower.output) for follower in followers}
                function = _Convolution(layer, followers, dtype)
            self._steps.append((function, [id(tensor) for tensor in _inputs(layer)], id(output)))

    def _followers(self, layer: keras.Layer, users: dict[int, list[keras.Layer]]) -> list[keras.Layer]:
        """The batch normalisation and activation after a convolution that can be folded into it.

        Their inputs are used by no other layer and are none of the outputs.
        """
        followers: list[keras.Layer] = []
        for kind in (layers.BatchNormalization, layers.Activation):
            after = users.get(id(layer.output), [])
            if getattr(layer, "activation", keras.activations.linear) is not keras.activations.linear:
                break
            if len(after) == 1 and isinstance(after[0], kind) and id(layer.output) not in self._outputs:
                layer = after[0]
                followers.append(layer)
        return followers

    def __call__(self, x: tf.Tensor) -> list[tf.Tensor]:  # noqa: D102 (the class says it)
        values = {self._input: tf.cast(x, self._dtype)}
        for function, inputs, output in self._steps:
            arguments = [values[tensor] for tensor in inputs]
            values[output] = function(arguments[0] if len(arguments) == 1 else arguments)
        return [tf.cast(values[output], tf.float32) for output in self._outputs]


class _Convolution:
    """A convolution with the batch normalisation and activation that follow it, folded into one operation.

    At stride 1 its gradient is a convolution with the flipped kernel.
    """

    def __init__(self, layer: keras.Layer, followers: Iterable[keras.Layer], dtype: tf.DType) -> None:
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
        self._kernel, self._bias = kernel, bias
        self._flipped = kernel[::-1, ::-1] if self._depthwise else kernel[::-1, ::-1].transpose(0, 1, 3, 2)
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
            self._convolve(x, self._kernel, self._padding), tf.constant(self._bias, self._dtype)
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
            exact, kernel = tf.cast(upstream, tf.float32), tf.constant(self._kernel)
            gradient = tf.nn.depthwise_conv2d_backprop_input(
                tf.shape(x), kernel, exact, strides, self._padding
            )
            return tf.cast(gradient, self._dtype)
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(x),
            filter=tf.constant(self._kernel, self._dtype),
            out_backprop=upstream,
            strides=strides,
            padding=self._padding,
        )

    def _convolve(self, x: tf.Tensor, kernel: np.ndarray, padding: Any) -> tf.Tensor:
        weights = tf.constant(kernel, self._dtype)
        if self._depthwise:
            return tf.nn.depthwise_conv2d(x, weights, (1, self._stride, self._stride, 1), padding)
        return tf.nn.conv2d(x, weights, self._stride, padding)


def _keras_layer(layer: keras.Layer, dtype: tf.DType) -> Callable[..., tf.Tensor]:
    """Any other layer as a function of tensors of `dtype`; Keras computes it in float32."""
    if dtype != tf.float32 and isinstance(layer, layers.Add):
        return tf.add_n  # type: ignore[no-any-return]
    if dtype != tf.float32 and isinstance(layer, layers.Concatenate):
        return functools.partial(tf.concat, axis=-1)

    def function(x: Any) -> tf.Tensor:
        exact = tf.nest.map_structure(lambda tensor: tf.cast(tensor, tf.float32), x)
        return tf.cast(layer(exact, training=False), dtype)

    return function


def _inputs(layer: keras.Layer) -> list[Any]:
    return [] if isinstance(layer, layers.InputLayer) else tf.nest.flatten(layer.input)


def _is_plain(layer: keras.Layer) -> bool:
    """Whether `_Convolution` can compute a convolution: equal strides, not dilated, not grouped."""
    return (
        layer.activation in _ACTIVATIONS
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
