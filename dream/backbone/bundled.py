"""The weights that ship with the project: `weights/*.npz`, made and described by `weights/convert.py`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "weights"


def read(name: str) -> tuple[Mapping[str, NDArray[Any]], Callable[[keras.Layer, str], Callable[..., Any]]]:
    """The arrays of `weights/{name}.npz`, and a function that gives a Keras layer its weights.

    That function takes a layer and the prefix of its arrays' names, and returns a callable that applies the
    layer and sets its weights right after the layer is built.
    """
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}

    def put(layer: keras.Layer, key: str) -> Callable[..., Any]:
        def call(x: Any) -> Any:
            y = layer(x)
            layer.set_weights([arrays[f"{key}/kernel"].astype(np.float32), arrays[f"{key}/bias"]])
            return y

        return call

    return arrays, put
