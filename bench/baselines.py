"""The loops that everyone knows, in our own words, their numbers as arguments, to measure ours against.

- `notebook`: the loop of google/deepdream's notebook, which the first DeepDream article (2015) came with;
- `octave_loop` and `tile_loop`: the two loops of TensorFlow's DeepDream tutorial.

All climb the same objective of a Keras network as it comes, under a GradientTape, with no smoothing. They
take and give a picture of shape (height, width, 3) in [0, 1]; the originals count in bytes or in [-1, 1], so
that their step sizes are divided by 255, or halved, here. `watch` sees the picture after every step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

Gradient = Callable[[tf.Tensor], tf.Tensor]
Watch = Callable[[tf.Tensor], None]

TUTORIAL_OCTAVES = (-2, -1, 0, 1, 2)


def plain(model: keras.Model, preprocess: Callable[[Any], Any], layers: Sequence[str]) -> tuple[Any, Any]:
    """The objective of `layers`, the sum of their mean squares, and its gradient, both of one picture."""
    network = keras.Model(model.input, [model.output[layer] for layer in layers])
    picture = tf.TensorSpec((None, None, 3))

    def seen(picture: Any) -> Any:
        outputs = tf.nest.flatten(network(preprocess(picture[None]), training=False))
        return tf.add_n([tf.reduce_mean(tf.square(output)) for output in outputs])

    @tf.function(input_signature=(picture,), autograph=False)
    def gradient(picture: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            value = seen(picture)
        return tape.gradient(value, picture)

    return tf.function(seen, input_signature=(picture,), autograph=False), gradient


def notebook(
    gradient: Gradient,
    picture: tf.Tensor,
    *,
    steps: int = 10,
    octaves: int = 4,
    scale: float = 1.4,
    step: float = 1.5 / 255,
    jitter: int = 32,
    watch: Watch = lambda picture: None,
) -> tf.Tensor:
    """Small to large up to the picture's size; each octave adds the dream so far to the photograph."""
    detail = tf.zeros((1, 1, 3))
    for octave in reversed(range(octaves)):
        base = _resized(picture, scale**-octave)
        dream = base + tf.image.resize(detail, base.shape[:2])
        for _ in range(steps):
            shift = tf.random.uniform((2,), -jitter, jitter + 1, tf.int32)
            slope = tf.roll(gradient(tf.roll(dream, shift, (0, 1))), -shift, (0, 1))
            dream = tf.clip_by_value(dream + slope * (step / (tf.reduce_mean(tf.abs(slope)) + 1e-12)), 0, 1)
            watch(dream)
        detail = dream - base
    return dream


def octave_loop(
    gradient: Gradient,
    picture: tf.Tensor,
    *,
    steps: int = 50,
    octaves: Sequence[int] = TUTORIAL_OCTAVES,
    scale: float = 1.3,
    step: float = 0.005,
    watch: Watch = lambda picture: None,
) -> tf.Tensor:
    """The whole picture at once; each octave enlarges the dream so far."""
    dream = picture
    for octave in octaves:
        dream = tf.image.resize(dream, _resized(picture, scale**octave).shape[:2])
        for _ in range(steps):
            slope = gradient(dream)
            dream = tf.clip_by_value(dream + slope * (step / (tf.math.reduce_std(slope) + 1e-8)), 0, 1)
            watch(dream)
    return dream


def tile_loop(
    gradient: Gradient,
    picture: tf.Tensor,
    *,
    steps: int = 100,
    octaves: Sequence[int] = TUTORIAL_OCTAVES,
    scale: float = 1.3,
    step: float = 0.005,
    tile: int = 512,
    watch: Watch = lambda picture: None,
) -> tf.Tensor:
    """The same in tiles of a picture rolled at random; the last, cut one of each axis is left out."""
    dream = picture
    for octave in octaves:
        dream = tf.image.resize(dream, _resized(picture, scale**octave).shape[:2])
        height, width = dream.shape[:2]
        for _ in range(steps):
            shift = tf.random.uniform((2,), -tile, tile + 1, tf.int32)
            rolled = tf.roll(dream, shift, (0, 1))
            slope = tf.zeros_like(rolled)
            for top in range(0, height, tile)[:-1] or (0,):
                for left in range(0, width, tile)[:-1] or (0,):
                    part = gradient(rolled[top : top + tile, left : left + tile])
                    below, right = height - top - part.shape[0], width - left - part.shape[1]
                    slope += tf.pad(part, ((top, below), (left, right), (0, 0)))
            slope = tf.roll(slope, -shift, (0, 1))
            dream = tf.clip_by_value(dream + slope * (step / (tf.math.reduce_std(slope) + 1e-8)), 0, 1)
            watch(dream)
    return dream


def _resized(picture: tf.Tensor, scale: float) -> tf.Tensor:
    height, width = picture.shape[:2]
    return tf.image.resize(picture, (round(height * scale), round(width * scale)))
