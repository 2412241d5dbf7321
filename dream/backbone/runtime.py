"""Importing and configuring TensorFlow; what the machine offers it."""

import ctypes
import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@functools.cache
def start() -> None:
    """Import TensorFlow without its log output, and configure its GPUs if there are any.

    Their memory grows on demand, and those with tensor cores use mixed precision (float16). Call this before
    anything that imports TensorFlow or Keras.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _keep_freed_memory()
    with _native_stderr_silenced():
        import keras
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
            if tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) >= (7, 0):
                tf.config.optimizer.set_experimental_options({"auto_mixed_precision": True})
        tf.constant(0)
    keras.config.disable_interactive_logging()


def on_gpu() -> bool:
    """Whether dreams run on a GPU here."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@functools.cache
def free_gpu_memory() -> int | None:
    """The bytes free on the fullest GPU when first asked, or None without one whose driver tells."""
    if not on_gpu():
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return min(int(mebibytes) for mebibytes in output.split()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


@functools.cache
def fast_dtype() -> Any:  # -> tf.DType, imported only when used
    """The type in which a network's gradient is cheapest here and good enough.

    bfloat16 on a CPU with instructions for it, where it takes 0.5 to 0.9 of float32's time. On any other it
    would take longer, and on a GPU TensorFlow itself mixes precisions.
    """
    import tensorflow as tf

    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:  # not Linux
        flags = ""
    supported = any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16"))
    without_onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0"
    return tf.bfloat16 if supported and not without_onednn and not on_gpu() else tf.float32


def _keep_freed_memory() -> None:
    """Make glibc's allocator keep freed memory, because every step allocates the same sizes again.

    With its default thresholds a step takes up to 1.2 times as long, with those that Dask sets up to 1.25.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another C library, or Windows
        return
    trim_threshold, mmap_threshold = -1, -3
    mallopt(trim_threshold, 2**28)
    mallopt(mmap_threshold, 2**26)


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
