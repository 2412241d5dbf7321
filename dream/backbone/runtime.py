"""TensorFlow, started the way a dream wants it."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager


@functools.cache
def start() -> None:
    """Import TensorFlow, without its greetings, and keep it from taking all of a GPU's memory at once.

    Call this before anything that imports TensorFlow or Keras.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_stderr_silenced():
        import keras
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.constant(0)
    keras.config.disable_interactive_logging()


@contextmanager
def _native_stderr_silenced() -> Iterator[None]:
    """Drop what libraries write to file descriptor 2; Python's exceptions still come through."""
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
