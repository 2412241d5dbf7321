"""How a pixel enters a network: the conventions that published networks were trained with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A pixel of RGB in [0, 1] enters as `pixel[order] * scale + offset`."""

    order: tuple[int, int, int] = (0, 1, 2)
    scale: float | Color = 2.0
    offset: Color = (-1.0, -1.0, -1.0)

    def __call__(self, pixels: Any) -> Any:
        """Convert a tensor of RGB pixels in [0, 1], shape (..., 3), to the network's input range."""
        import tensorflow as tf

        if self.order != (0, 1, 2):
            pixels = tf.gather(pixels, self.order, axis=-1)
        return pixels * tf.constant(self.scale) + tf.constant(self.offset)


PREPROCESSINGS: Mapping[str, Preprocessing] = {
    "tf": Preprocessing(),
    "caffe": Preprocessing((2, 1, 0), 255.0, (-103.939, -116.779, -123.68)),
    "torch": Preprocessing(
        scale=(1 / 0.229, 1 / 0.224, 1 / 0.225), offset=(-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)
    ),
    "unit": Preprocessing(scale=1.0, offset=(0.0, 0.0, 0.0)),
    "none": Preprocessing(scale=255.0, offset=(0.0, 0.0, 0.0)),
}
"""Conventions by name, the first three Keras' own: tf is RGB in [-1, 1]; caffe is BGR in [0, 255] minus
ImageNet's mean; torch is RGB in units of ImageNet's standard deviation; unit is RGB in [0, 1]; none is RGB in
[0, 255], for networks that scale it themselves."""
