"""EfficientNet-Lite0 in Keras, from the bundled weights: its sixteen blocks and the classifier.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019),
in the Lite variant for phones: no squeeze and excitation, ReLU6. BatchNorm is already folded into the
weights.
"""

import keras
from keras import layers

from dream.backbone.bundled import read

_DOWN = (1, 3, 5, 11)
"""The blocks that halve the resolution."""


def build() -> keras.Model:
    """The network with one output per layer of the catalog, taking RGB in [-1, 1].

    The last, `classifier`, is the evidence for each of the 1000 ImageNet classes at each place.
    """
    weights, put = read("efficientnet_lite0")
    inputs = keras.Input((None, None, 3))
    x = put(layers.Conv2D(32, 3, 2, "same", activation="relu6"), "stem")(inputs)
    outputs = {}
    for i in range(16):
        name = f"block{i}"
        wide = weights[f"{name}/depthwise/kernel"].shape[2]
        narrow = weights[f"{name}/project/kernel"].shape[3]
        size = weights[f"{name}/depthwise/kernel"].shape[0]
        y = x
        if i:
            y = put(layers.Conv2D(wide, 1, activation="relu6"), f"{name}/expand")(y)
        down = 2 if i in _DOWN else 1
        y = put(layers.DepthwiseConv2D(size, down, "same", activation="relu6"), f"{name}/depthwise")(y)
        y = put(layers.Conv2D(narrow, 1), f"{name}/project")(y)
        x = outputs[name] = layers.Add()([y, x]) if x.shape == y.shape else y
    _, put = read("efficientnet_lite0_classes")
    head = put(layers.Conv2D(1280, 1, activation="relu6"), "head")(x)
    outputs["classifier"] = put(layers.Conv2D(1000, 1), "classes")(head)
    return keras.Model(inputs, outputs, name="efficientnet_lite0")
