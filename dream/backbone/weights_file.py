"""Files of weights that Keras publishes: found in its cache, fetched into it, compared with their hashes."""

import functools
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dream.backbone import runtime
from dream.backbone.errors import WeightsError


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file called `name` in Keras' cache, published at `origin`, of about `megabytes`.

    `hash` is its MD5 or its SHA-256. Without one it is never fetched, and what is in the cache counts as
    absent: nothing could tell whether it is whole.
    """

    name: str
    origin: str
    hash: str
    megabytes: int

    @property
    def path(self) -> Path:
        """Where it is, or would be."""
        return _cache() / self.name

    def find(self) -> Path | None:
        """Its path, or None if it is not there or not whole."""
        path = self.path
        if not self.hash or not path.is_file():
            return None
        return path if _hash(path, path.stat().st_mtime_ns, len(self.hash)) == self.hash else None

    def fetch(self) -> Path:
        """Fetch it, unless it is there, and say where it is.

        A file that does not arrive whole, or has another hash, is never left in the cache. This takes as long
        as the network does: call it from a process in which nobody waits. Raises WeightsError.
        """
        if (found := self.find()) is not None:
            return found
        if not self.hash:
            raise WeightsError(
                f"Keras publishes no hash of {self.name}, so it is not fetched: name a file of yours instead."
            )
        runtime.start()
        import keras

        try:
            _cache().mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=_cache()) as folder:
                arrived = keras.utils.get_file(
                    self.name, self.origin, cache_subdir=folder, file_hash=self.hash
                )
                return Path(arrived).replace(self.path)
        except Exception as error:  # get_file raises bare Exceptions
            raise WeightsError(f"{self.name} could not be fetched from {self.origin}: {error}") from error


def _cache() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


@functools.lru_cache(maxsize=32)
def _hash(path: Path, modified: int, length: int) -> str:
    """The file's hash of so many hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5" if length == 32 else "sha256").hexdigest()
