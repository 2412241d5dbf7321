"""The weights that ship with the project: `weights/*.npz`, made and described by `weights/convert.py`."""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dream.backbone.errors import WeightsError

FOLDER = Path(__file__).parent / "weights"

SHA256 = {
    "efficientnet_lite0": "50b2abfe6ca6b21bde1ba100faecc62fbb84275d0634a7b73a600bcfa0c01700",
    "efficientnet_lite0_classes": "d01a9de2b31b220b65a5ed78628baa1ce26bed9f7ea5764eb74c8224b9b60c8e",
    "squeezenet1_1": "30abaa832f3865398a4ddca38c2d0dfafe1e0c5ddfc20fa650ddd32a46325840",
}
"""The files' hashes."""


def read(name: str) -> tuple[Mapping[str, NDArray[Any]], Callable[[keras.Layer, str], Callable[..., Any]]]:
    """The arrays of `weights/{name}.npz`, and a function that gives a Keras layer its weights.

    That function takes a layer and the prefix of its arrays' names, and returns a callable that applies the
    layer and sets its weights right after the layer is built. Raises WeightsError if the file is not the one
    that ships.
    """
    path = FOLDER / f"{name}.npz"
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise WeightsError(f"{path} is missing or damaged: please install Dreambot again.")
    with np.load(io.BytesIO(content)) as file:
        arrays = {key: file[key] for key in file.files}

    def put(layer: keras.Layer, key: str) -> Callable[..., Any]:
        def call(x: Any) -> Any:
            y = layer(x)
            layer.set_weights([arrays[f"{key}/kernel"].astype(np.float32), arrays[f"{key}/bias"]])
            return y

        return call

    return arrays, put
