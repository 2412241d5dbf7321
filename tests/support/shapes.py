"""A small Keras model that is trained, in seconds, to tell circles, squares and stripes."""

import keras
import numpy as np
from numpy.typing import NDArray

SIZE = 32


def shapes(count: int, seed: int, kind: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures, (count, 32, 32, 3) in [0, 1], and what each shows: 0 a circle, 1 a square, 2 stripes."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 3, count) if kind is None else np.full(count, kind)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    pictures = np.empty((count, SIZE, SIZE, 3), np.float32)
    for picture, one in zip(pictures, kinds, strict=True):
        right, down = random.uniform(-6, 6, 2)
        size = random.uniform(5, 9)
        inside = (
            np.hypot(x - right, y - down) < size,
            np.maximum(abs(x - right), abs(y - down)) < size,
            (x + right) % size < size / 2,
        )[one]
        ground, figure = random.uniform(0, 0.4, 3), random.uniform(0.6, 1, 3)
        picture[:] = np.where(inside[..., None], figure, ground) + random.normal(0, 0.03, (SIZE, SIZE, 1))
    return pictures, kinds


def shape_model() -> keras.Model:
    """The trained model, for RGB in [0, 1]: convolutions `conv1` to `conv3`, and a classifier of its size."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Conv2D(8, 5, 2, "same", activation="relu", name="conv1"),
            layers.Conv2D(16, 3, 2, "same", use_bias=False, name="conv2"),
            layers.BatchNormalization(momentum=0.8, name="norm2"),
            layers.ReLU(name="relu2"),
            layers.Conv2D(24, 3, 2, "same", activation="relu", name="conv3"),
            layers.Flatten(),
            layers.Dense(3, name="kinds"),
        ],
        name="shapes",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*shapes(600, seed=1), batch_size=60, epochs=12, verbose=0)
    return model
