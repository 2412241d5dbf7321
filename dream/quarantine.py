"""Decoding pictures in processes of their own, where a hostile file costs little and learns nothing.

A small server process, `dream.decoder_process`, is started at the first picture. It has Pillow loaded, an
empty environment and no open files. For each picture it forks a process, which limits its own CPU time,
memory and output before it reads the file, and can open neither files nor connections, nor, where Linux has
Landlock, touch any file or process in another way. What exceeds a limit is killed by the kernel, and the
picture is refused.

The two sides talk over a socket pair in lines of JSON; the file and its pixels are in shared memory.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from dream.formats import TOO_EXPENSIVE, Limits, PictureError, Probe
from dream.texts import Text

log = logging.getLogger(__name__)

CLIP_SECONDS, CLIP_MEMORY = 150, 700_000_000
"""CPU time and memory, in bytes, for decoding a clip: a minute of 1080p takes 20 to 40 s, and FFmpeg keeps up
to 17 frames of up to 13 MB."""

DEADLINE = 30.0
"""Seconds until a process that does not answer is killed. CPU time ends first, unless the machine is busy."""


class Quarantined:
    """A picture opened in a process of its own: a context manager. `probe` says what the picture is.

    Entering, `verify` and `pixels` raise PictureError.
    """

    probe: Probe
    opening = "open"

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(_shared_memory("picture"))
            source.write(self._data)
            source.flush()
            self._pixels = stack.enter_context(_shared_memory("pixels"))
            self._connection, self._process = _fork(source, self._pixels)
            stack.enter_context(self._connection)
            self._answers = stack.enter_context(self._connection.makefile(encoding="ascii"))
            self.probe = Probe(**self._ask(self.opening, asdict(self._limits)))
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def verify(self) -> None:
        """Make sure that the whole picture can be decoded."""
        self._ask("verify")

    def recipe(self) -> str | None:
        """The recipe that the file carries, if it is a dream's."""
        found: str | None = self._ask("recipe")["recipe"]
        return found

    def pixels(self, within: tuple[int, int] | None) -> tuple[BinaryIO, tuple[int, int], str]:
        """A file of the pixels, their (width, height), and their mode: see `dream.decoder.Decoder.decode`.

        They are a byte for each letter of the modes "RGB" and "RGBA", and otherwise one float32.
        """
        answer = self._ask("decode", within)
        width, height = answer["size"]
        self._pixels.seek(0)
        return self._pixels, (width, height), answer["mode"]

    def _ask(self, *question: Any) -> dict[str, Any]:
        """Send a line and return the answer. Raises PictureError if it is a refusal, or none comes."""
        try:
            self._connection.sendall(json.dumps(question).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self._answers.readline())
        except (OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._process, signal.SIGKILL)
            log.info("A picture of %d bytes exceeded the limits of its process.", len(self._data))
            raise PictureError(TOO_EXPENSIVE) from None
        if refusal := answer.get("refusal"):
            if cause := answer.get("cause"):
                log.info("A picture was refused: %s", cause)
            raise PictureError(Text.load(refusal))
        return answer


class QuarantinedClip(Quarantined):
    """A moving picture opened in a process of its own, which decodes one frame after the other."""

    opening = "open_clip"

    def __init__(self, data: bytes, limits: Limits, seconds: int = CLIP_SECONDS) -> None:
        super().__init__(data, replace(limits, seconds=seconds, memory=CLIP_MEMORY))

    def frames(self, size: tuple[int, int]) -> Iterator[tuple[bytes, float]]:
        """The frames scaled to `size`, (width, height): three bytes a pixel, and the seconds it is shown."""
        width, height = size
        while not (answer := self._ask("frame", size))["end"]:
            yield os.pread(self._pixels.fileno(), 3 * width * height, 0), answer["seconds"]

    def sound(self) -> Iterator[bytes]:
        """The sound in pieces of 16-bit samples of two channels; see `dream.clip_decoder.SOUND_RATE`."""
        while length := self._ask("sound")["bytes"]:
            yield os.pread(self._pixels.fileno(), length, 0)


def start() -> None:
    """Start the server if it does not run yet, so that the first picture need not wait for it."""
    with _lock:
        _running_server()


_lock = threading.Lock()
_server: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def _fork(*files: BinaryIO) -> tuple[socket.socket, int]:
    """Let the server fork a process that gets `files`: a connection to it, and its number.

    A server that has ended is started again. Raises RuntimeError if it cannot be.
    """
    global _server
    for _ in range(3):
        ours, theirs = socket.socketpair()
        ours.settimeout(DEADLINE)
        with theirs, _lock:
            server = _running_server()
            with contextlib.suppress(OSError):
                socket.send_fds(server, [b"!"], [theirs.fileno(), *(file.fileno() for file in files)])
        with contextlib.suppress(OSError):
            if number := ours.recv(4):
                return ours, int.from_bytes(number, "big")
        ours.close()
        with _lock:
            if _server and _server[1] is server:
                server.close()
                _server = None
    raise RuntimeError("The process that decodes pictures does not start; what it printed says why.")


def _running_server() -> socket.socket:
    """The connection to the server. It ends when this process does, because the connection then closes."""
    global _server
    if _server is None or _server[0].poll() is not None:
        ours, theirs = socket.socketpair()
        with theirs:
            packages = (_location(name) for name in ("dream", "PIL", "pi_heif", "av", "py_landlock"))
            paths = list(dict.fromkeys(str(path) for path in packages if path))
            code = f"import sys; sys.path += {paths!r}; from dream.decoder_process import serve; serve()"
            environment = {"MALLOC_ARENA_MAX": "1"}
            if libraries := os.environ.get("LD_LIBRARY_PATH"):
                environment["LD_LIBRARY_PATH"] = libraries
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", code],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=environment,
                start_new_session=True,  # a Ctrl-C is for the program alone
            )
        _server = process, ours
    return _server[1]


def _location(package: str) -> Path | None:
    """The folder from which `package` is imported; None where it is not installed."""
    spec = find_spec(package)
    return Path(spec.origin).parent.parent if spec and spec.origin else None


@contextmanager
def _shared_memory(name: str) -> Iterator[BinaryIO]:
    """A file in memory where the system has such, and otherwise a temporary one."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create(name), "w+b") as file:
            yield file
    else:
        with tempfile.TemporaryFile() as temporary:
            yield temporary
