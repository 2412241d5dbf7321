"""The address at which the sandbox's page is served: this machine's alone."""

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
PORTS_TRIED: Final = 20


def listen(port: int) -> socket.socket:
    """A socket at the first free port from `port` on. Raises OSError."""
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        try:
            return socket.create_server((LOOPBACK, candidate))
        except OSError:
            if candidate == min(port + PORTS_TRIED, 65536) - 1:
                raise
    raise OSError(f"no port from {port} on is free")
