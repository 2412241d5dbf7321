"""Keeps secrets from other processes: from workers, and from whatever else this user runs."""

import contextlib
import ctypes
import os
import sys

SECRETS = ("DISCORD_TOKEN", "DREAMBOT_STORE__URL")
"""Variables that hold, or may hold, a secret."""


def forget_secrets() -> None:
    """Remove the secrets from this process's environment, and so from that of processes it starts later.

    Where the C library can be asked for its copy, that is overwritten: on Linux /proc shows it until then.
    """
    library = _c_library()
    for name in SECRETS:
        if library:
            library.getenv.restype = ctypes.c_void_p
            if address := library.getenv(name.encode()):
                ctypes.memset(address, 0, len(ctypes.string_at(address)))
        os.environ.pop(name, None)


def hide_memory() -> None:
    """On Linux, let no other process but root's read this one's memory, environment or open files.

    Otherwise every process of the same user can. Debuggers cannot attach, and no core is dumped.
    """
    if sys.platform == "linux" and (library := _c_library()):
        pr_set_dumpable = 4
        library.prctl(pr_set_dumpable, 0, 0, 0, 0)


def _c_library() -> ctypes.CDLL | None:
    with contextlib.suppress(OSError, TypeError):
        return ctypes.CDLL(None)
    return None
