"""Where a network comes from: what ships, Keras' applications, an operator's file, or a model in memory.

A source is data, made without loading anything: `state` says whether its weights are here, and `build` loads
them.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dream.backbone.errors import WeightsError
from dream.backbone.weights_file import WeightsFile

KINDS = (".h5", ".weights.h5", ".keras")
_STARTS = (b"\x89HDF\r\n\x1a\n", b"PK\x03\x04")
"""How HDF5 files, and the zip files that `.keras` are, begin."""


class State(NamedTuple):
    """Whether a network's weights are here, where from, and a sentence that says so or why not.

    `version` differs wherever other weights would be loaded. `is_fault` tells that only the operator can
    mend it.
    """

    is_ready: bool
    weights: str
    detail: str
    version: int = 0
    is_fault: bool = False


class Source(Protocol):
    """What every source has."""

    @property
    def state(self) -> State:
        """Whether its weights are here."""

    @property
    def published(self) -> WeightsFile | None:
        """The file that may be fetched for it, if there is one."""

    def build(self) -> Any:
        """The network as a `keras.Model`. Raises WeightsError."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """A network that ships with the project; the function `build` of `module` builds it."""

    module: str
    published: None = None

    @property
    def state(self) -> State:
        """It is always here."""
        return State(True, "bundled", "ships with Dreambot")

    def build(self) -> Any:
        """Build it from its file."""
        return importlib.import_module(self.module).build()


@dataclass(frozen=True, slots=True)
class Application:
    """The network of keras.applications that is called `application`, with ImageNet's weights.

    They are in Keras' cache, where `published` comes to be fetched, or in `file`: weights with or without the
    classifier (`.h5`, `.weights.h5`), or a saved model (`.keras`). `setting` is what names `file`.
    """

    application: str
    published: WeightsFile
    file: Path | None = None
    setting: str = ""

    @property
    def state(self) -> State:
        """Whether the file of weights is here; whether it fits, only `build` finds out."""
        if self.file is not None:
            return _file_state(self.file, self.setting)
        path = self.published.find()
        if path is not None:
            return State(True, "imagenet", str(path), path.stat().st_mtime_ns)
        if not self.published.hash:
            detail = f"Keras publishes no hash of {self.published.name}: give it as hash, or name a file"
            return State(False, "imagenet", detail, is_fault=True)
        detail = f"not here yet: `dreambot weights fetch` brings them ({self.published.megabytes} MB)"
        return State(False, "imagenet", detail)

    def build(self) -> Any:
        """Build it with its weights."""
        path = self.file or self.published.find()
        if path is None or not path.is_file():
            raise WeightsError(
                f"{self.setting or self.application}: there is no file {path or ''}".strip() + "."
            )
        import keras

        try:
            if path.suffix == ".keras":
                return keras.models.load_model(path, compile=False, safe_mode=True)
            return self._with_weights(path)
        except Exception as error:  # whatever h5py, zipfile and Keras raise for a file they cannot use
            raise WeightsError(
                f"{self._named}: {path} does not hold weights of Keras' {self.application} "
                f"({', '.join(KINDS)} are read): {_first_line(error)}"
            ) from error

    @property
    def _named(self) -> str:
        return self.setting or self.application

    def _with_weights(self, path: Path) -> Any:
        import h5py

        h5py.File(path).close()  # what is no HDF5 at all is refused before a network is built for it
        try:
            model = without_weights(self.application)
            model.load_weights(path)
        except ValueError:  # not without its classifier, then
            model = without_weights(self.application, include_top=True)
            model.load_weights(path)
        return model


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A whole model of the operator's in a `.keras` file, which `setting` names.

    Such a file can hold code. Keras' safe mode refuses that, and nothing here switches it off.
    """

    file: Path
    setting: str
    published: None = None

    @property
    def state(self) -> State:
        """Whether there is such a file."""
        return _file_state(self.file, self.setting, "model", (".keras",))

    def build(self) -> Any:
        """Load it."""
        if not self.file.is_file():
            raise WeightsError(f"{self.setting}: there is no file {self.file}.")
        import keras

        try:
            return keras.models.load_model(self.file, compile=False, safe_mode=True)
        except Exception as error:  # whatever zipfile and Keras raise for a file they cannot use
            raise WeightsError(
                f"{self.setting}: {self.file} is no model that Keras can load: {_first_line(error)}"
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """A model that a program has; it cannot be sent to another process."""

    model: Any
    published: None = None

    @property
    def state(self) -> State:
        """It is here."""
        return State(True, "memory", "given by the program")

    def build(self) -> Any:
        """The model itself."""
        return self.model


def without_weights(application: str, include_top: bool = False) -> Any:
    """A network of keras.applications with random weights, for pictures of any size where it has no top."""
    import keras

    options: dict[str, Any] = {} if include_top else {"input_shape": (None, None, 3)}
    return getattr(keras.applications, application)(include_top=include_top, weights=None, **options)


def _file_state(file: Path, setting: str, content: str = "weights", kinds: tuple[str, ...] = KINDS) -> State:
    """What is plainly wrong with an operator's file, or that it is here."""
    fault = ""
    try:
        with file.open("rb") as opened:
            start = opened.read(8)
    except FileNotFoundError:
        fault = f"{setting} names no file: {file} is not there"
    except OSError as error:
        fault = f"{setting} names a file that cannot be read: {error.strerror}"
    else:
        if not start.startswith(_STARTS[-1] if kinds == (".keras",) else _STARTS):
            read = f"{', '.join(kinds)} {'are' if len(kinds) > 1 else 'is'} read"
            fault = f"{setting} names a file that holds no {content} ({read}): {file}"
    if fault:
        return State(False, str(file), fault, is_fault=True)
    return State(True, str(file), "named by the operator", file.stat().st_mtime_ns)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else repr(error)
