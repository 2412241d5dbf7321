"""SqueezeNet 1.1 in Keras, from the bundled weights: eight fire modules and the classifier's convolution.

Architecture: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters" (2016).
"""

import keras
from keras import layers

from dream.backbone.bundled import read

_POOL_BEFORE = (2, 4, 6)


def build() -> keras.Model:
    """The network with one output per layer of the catalog, and `conv10`: the scores of the 1000
    ImageNet classes at each location.

    It takes BGR in [0, 255] minus ImageNet's mean.
    """
    weights, put = read("squeezenet1_1")
    inputs = keras.Input((None, None, 3))
    x = put(layers.Conv2D(64, 3, 2, "same", activation="relu"), "conv1")(inputs)
    outputs = {}
    for i in range(2, 10):
        if i in _POOL_BEFORE:
            x = layers.MaxPooling2D(3, 2, "same")(x)
        name = f"fire{i}"
        squeezed = weights[f"{name}/squeeze/kernel"].shape[3]
        expanded = weights[f"{name}/expand1x1/kernel"].shape[3]
        x = put(layers.Conv2D(squeezed, 1, activation="relu"), f"{name}/squeeze")(x)
        x = outputs[name] = layers.Concatenate()(
            [
                put(layers.Conv2D(expanded, 1, activation="relu"), f"{name}/expand1x1")(x),
                put(layers.Conv2D(expanded, 3, padding="same", activation="relu"), f"{name}/expand3x3")(x),
            ]
        )
    outputs["conv10"] = put(layers.Conv2D(1000, 1, activation="relu"), "conv10")(x)
    return keras.Model(inputs, outputs, name="squeezenet")
