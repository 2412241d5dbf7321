"""The networks of keras.applications: what dreaming of each takes, known without building it.

    python -m dream.backbone.applications

writes `applications.json` from the Keras that is installed.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dream.backbone.catalog import Network
from dream.backbone.description import Description
from dream.backbone.preprocessing import PREPROCESSINGS
from dream.backbone.sources import Application, without_weights
from dream.backbone.weights_file import WeightsFile
from dream.texts import Text

_TABLE = Path(__file__).with_name("applications.json")

_CONVENTIONS: Mapping[str, str] = {
    "VGG16": "caffe",
    "VGG19": "caffe",
    "ResNet50": "caffe",
    "ResNet101": "caffe",
    "ResNet152": "caffe",
    "ResNet50V2": "tf",
    "ResNet101V2": "tf",
    "ResNet152V2": "tf",
    "Xception": "tf",
    "InceptionResNetV2": "tf",
    "DenseNet121": "torch",
    "DenseNet169": "torch",
    "DenseNet201": "torch",
    "MobileNet": "tf",
    "MobileNetV2": "tf",
    "EfficientNetB0": "none",
    "EfficientNetV2B0": "none",
    "ConvNeXtTiny": "none",
}
"""How pixels enter each, by the names of `PREPROCESSINGS`: as its `preprocess_input` says."""

APPLICATIONS = tuple(_CONVENTIONS)
"""The names of the networks that can be dreamt of, as keras.applications spells them."""


def application(
    name: str,
    called: str,
    *,
    file: Path | None = None,
    setting: str = "",
    hash: str = "",
    only: Iterable[str] = (),
) -> Network:
    """The network `called` of keras.applications, with Keras' weights or those in `file`.

    `setting` is what names the file, `hash` that of Keras' weights if not the one that Keras publishes,
    `only` its layers to dream of, or all. Raises WeightsError.
    """
    published = WeightsFile(**stored(called)["weights"])
    if hash:
        published = dataclasses.replace(published, hash=hash)
    source = Application(called, published, file, setting)
    description = Description(**stored(called)["description"])
    return description.network(
        name,
        source,
        PREPROCESSINGS[_CONVENTIONS[called]],
        title=called if name == called.lower() else f"{called} ({name})",
        description=Text("{network} of keras.applications, as its weights saw ImageNet.", network=called),
        only=only,
    )


def published_hash(called: str) -> str:
    """The hash that Keras publishes of an application's weights, or "" if it publishes none."""
    return str(stored(called)["weights"]["hash"])


def stored(called: str) -> Mapping[str, Any]:
    """What the table says of an application."""
    return _table()[called]  # type: ignore[no-any-return]


@functools.cache
def _table() -> Mapping[str, Any]:
    return json.loads(_TABLE.read_text("utf-8"))  # type: ignore[no-any-return]


def entry(name: str) -> dict[str, Any]:
    """What the installed Keras says of an application, as it stands in the table."""
    description = Description.of(without_weights(name), renumbered=True)
    return {"weights": dataclasses.asdict(published(name)), "description": dataclasses.asdict(description)}


def published(name: str) -> WeightsFile:
    """The file that Keras would fetch for an application, by asking Keras to and stopping it there."""
    from unittest.mock import patch

    import keras
    from keras.src.utils import file_utils

    class Asked(Exception):  # noqa: N818
        pass

    def get_file(fname: str, origin: str, file_hash: str | None = None, **options: Any) -> None:
        raise Asked(fname, origin, file_hash)

    with patch.object(file_utils, "get_file", get_file):
        try:
            getattr(keras.applications, name)(include_top=False, weights="imagenet")
        except Asked as asked:
            file, origin, hash = asked.args
    size = sum(weight.shape.num_elements() for weight in without_weights(name).weights)
    return WeightsFile(file, origin, hash or "", round(size * 4 / 1e6))


def main() -> None:
    """Write the table, a line for each network."""
    lines = [f"{json.dumps(name)}: {json.dumps(entry(name), separators=(',', ':'))}" for name in APPLICATIONS]
    _TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
