"""The classic: Keras' own InceptionV3, with its ImageNet weights or an operator's file.

The weights are too large to ship. `imagenet_file` finds Keras' file in Keras' cache, `fetch` puts it there.
"""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

from dream.backbone import runtime
from dream.backbone.catalog import NETWORKS
from dream.backbone.errors import WeightsError

FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
ORIGIN = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{FILE}"
MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
KINDS = (".h5", ".weights.h5", ".keras")
_STARTS = (b"\x89HDF\r\n\x1a\n", b"PK\x03\x04")
"""How HDF5 files, and the zip files that `.keras` are, begin."""


def imagenet_file(md5: str = MD5) -> Path | None:
    """Keras' ImageNet weights in Keras' cache, or None if they are not there or not whole."""
    path = _cache() / FILE
    return path if path.is_file() and _md5(path, path.stat().st_mtime_ns) == md5 else None


def fetch(origin: str = ORIGIN, md5: str = MD5) -> Path:
    """Fetch the ImageNet weights (88 MB) into Keras' cache, unless they are there, and say where they are.

    A file that does not arrive whole, or has another hash, is never left in the cache. This takes as long as
    the network does: call it from a process in which nobody waits. Raises WeightsError.
    """
    if (found := imagenet_file(md5)) is not None:
        return found
    runtime.start()
    import keras

    try:
        _cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_cache()) as folder:
            arrived = keras.utils.get_file(FILE, origin, cache_subdir=folder, file_hash=md5)
            return Path(arrived).replace(_cache() / FILE)
    except Exception as error:  # get_file raises bare Exceptions
        raise WeightsError(f"InceptionV3's weights could not be fetched from {origin}: {error}") from error


def build(path: Path):  # type: ignore[no-untyped-def]  # -> keras.Model, imported only when used
    """InceptionV3 with the weights in `path`, one output per layer of the catalog, taking RGB in [-1, 1].

    `path` is a weights file of Keras' InceptionV3 with or without its classifier (`.h5`, `.weights.h5`), or a
    saved model of it (`.keras`). Raises WeightsError.
    """
    import keras

    if not path.is_file():
        raise WeightsError(f"weights.inception_v3: there is no file {path}.")
    try:
        model = (
            keras.models.load_model(path, compile=False) if path.suffix == ".keras" else _with_weights(path)
        )
        outputs = {name: model.get_layer(name).output for name in NETWORKS["inception_v3"].layers}
    except Exception as error:  # whatever h5py, zipfile and Keras raise for a file they cannot use
        raise WeightsError(
            f"weights.inception_v3: {path} does not hold weights of Keras' InceptionV3 "
            f"({', '.join(KINDS)} are read): {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error
    return keras.Model(model.input, outputs, name="inception_v3")


def fault(path: Path) -> str | None:
    """What is plainly wrong with an operator's file, or None; whether it fits, only `build` finds out."""
    if not path.is_file():
        return "weights.inception_v3 names no file"
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        return f"weights.inception_v3 names a file that cannot be read: {error.strerror}"
    if not start.startswith(_STARTS):
        return f"weights.inception_v3 names a file that holds no weights ({', '.join(KINDS)} are read)"
    return None


def _with_weights(path: Path):  # type: ignore[no-untyped-def]
    import h5py
    import keras

    h5py.File(path).close()  # what is no HDF5 at all is refused before a network is built for it
    try:
        model = keras.applications.InceptionV3(include_top=False, weights=None)
        model.load_weights(path)
    except ValueError:  # not without its classifier, then
        model = keras.applications.InceptionV3(include_top=True, weights=None)
        model.load_weights(path)
    return model


def _cache() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


@functools.lru_cache(maxsize=4)
def _md5(path: Path, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
