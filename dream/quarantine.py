"""Decoding pictures in processes of their own, where a hostile file costs little and learns nothing.

A small server process is started at the first picture. It has Pillow loaded and nothing else: no environment,
no files. For each picture it forks a process that gives up its rights before it reads the file: limits on CPU
time, memory and output, and no new file descriptors, thus no files, programs or connections. What exceeds a
limit is killed by the kernel, and the picture is refused.

The two sides talk over a socket pair in lines of JSON; the picture and its pixels are in shared memory.
"""

import contextlib
import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from dream.formats import TOO_EXPENSIVE, Limits, PictureError, Probe

log = logging.getLogger(__name__)

DEADLINE = 30.0
"""Seconds until a process that does not answer is killed. CPU time ends first, unless the machine is busy."""


class Quarantined:
    """A picture opened in a process of its own: a context manager. `probe` says what the picture is.

    Entering, `verify` and `pixels` raise PictureError.
    """

    probe: Probe

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits

    def __enter__(self) -> Self:
        self._resources = contextlib.ExitStack()
        with self._resources:
            source = self._resources.enter_context(_shared_memory("picture"))
            source.write(self._data)
            source.flush()
            self._pixels = self._resources.enter_context(_shared_memory("pixels"))
            ours, theirs = socket.socketpair()
            self._resources.enter_context(ours)
            with theirs:
                _send(b"!", [theirs.fileno(), source.fileno(), self._pixels.fileno()])
            ours.settimeout(DEADLINE)
            self._lines = self._resources.enter_context(ours.makefile("rw", encoding="ascii"))
            self._process = int(self._lines.readline() or 0)
            self.probe = Probe(**self._ask(asdict(self._limits)))
            self._resources = self._resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def verify(self) -> None:
        """Make sure that the whole picture can be decoded."""
        self._ask({"verify": True})

    def pixels(self, within: tuple[int, int] | None) -> tuple[bytes | mmap, tuple[int, int], str]:
        """The pixels, their (width, height), and their mode: see `dream.decoder.Decoder.decode`.

        They are three bytes each where the mode is "RGB", and otherwise one float32.
        """
        answer = self._ask({"within": within})
        width, height = answer["size"]
        return mmap(self._pixels.fileno(), 0, access=ACCESS_READ), (width, height), answer["mode"]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a line and return the answer. Raises PictureError if it is a refusal, or none comes."""
        try:
            self._lines.write(json.dumps(question) + "\n")
            self._lines.flush()
            answer: dict[str, Any] = json.loads(self._lines.readline())
        except (OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._process, signal.SIGKILL)
            log.info("A picture of %d bytes exceeded the limits of its process.", len(self._data))
            raise PictureError(TOO_EXPENSIVE) from None
        if refusal := answer.get("refusal"):
            if cause := answer.get("cause"):
                log.info("A picture was refused: %s", cause)
            raise PictureError(refusal)
        return answer


def start() -> None:
    """Start the server if it does not run yet, so that the first picture need not wait for it."""
    with _lock:
        _running_server()


_lock = threading.Lock()
_server: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def _send(message: bytes, descriptors: list[int]) -> None:
    """Hand file descriptors to the server, which is started again if it has ended."""
    global _server
    with _lock:
        try:
            socket.send_fds(_running_server(), [message], descriptors)
        except OSError:
            _server = None
            socket.send_fds(_running_server(), [message], descriptors)


def _running_server() -> socket.socket:
    """The connection to the server. It ends when this process does, because the connection then closes."""
    global _server
    if _server is None or _server[0].poll() is not None:
        ours, theirs = socket.socketpair()
        with theirs:
            packages = [Path(__file__).parent.parent, *(_location(name) for name in ("PIL", "pi_heif"))]
            paths = list(dict.fromkeys(map(str, packages)))
            code = f"import sys; sys.path += {paths!r}; from dream.quarantine import serve; serve()"
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


def _location(package: str) -> Path:
    """The folder from which `package` is imported."""
    spec = find_spec(package)
    assert spec and spec.origin
    return Path(spec.origin).parent.parent


@contextmanager
def _shared_memory(name: str) -> Iterator[BinaryIO]:
    """A file in memory where the system has such, and otherwise a temporary one."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create(name), "w+b") as file:
            yield file
    else:
        with tempfile.TemporaryFile() as temporary:
            yield temporary


# The other side: what runs in the server and in the processes that it forks.


def serve() -> None:
    """Fork a process for every picture, until the connection on standard input is closed."""
    from dream import decoder  # loaded once, before any fork  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes
    with socket.socket(fileno=0) as requests:
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, 1, 3)
            if not message:
                os._exit(0)
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    try:
        _handle(*descriptors)
    finally:
        os._exit(1)


def _handle(connection: int, source: int, target: int) -> None:
    """Answer the questions about one picture."""
    lines = socket.socket(fileno=connection).makefile("rw", encoding="ascii")
    pixels = os.fdopen(target, "wb")
    data = mmap(source, 0, access=ACCESS_READ)
    _say(lines, os.getpid())
    limits = Limits(**json.loads(lines.readline()))
    _give_up_rights(limits)
    try:
        _answer(lines, data, limits, pixels)
    except PictureError as error:
        _say(lines, {"refusal": str(error)})
    except MemoryError:
        _say(lines, {"refusal": TOO_EXPENSIVE, "cause": "memory"})
    except Exception as error:  # whatever Pillow raises for a file that it cannot decode
        from dream.decoder import DAMAGED

        _say(lines, {"refusal": DAMAGED, "cause": repr(error)[:500]})


def _answer(lines: Any, data: mmap, limits: Limits, pixels: BinaryIO) -> None:
    from dream.decoder import Decoder

    decoder = Decoder(data, limits)
    _say(lines, asdict(decoder.probe))
    while line := lines.readline():
        question = json.loads(line)
        if "verify" in question:
            decoder.verify()
            _say(lines, {})
            continue
        within = question["within"]
        image, mode = decoder.decode(within and tuple(within))
        rows = max(1, 2**20 // image.width)
        for top in range(0, image.height, rows):
            pixels.write(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
        pixels.flush()
        _say(lines, {"size": image.size, "mode": mode})


def _say(lines: Any, answer: object) -> None:
    lines.write(json.dumps(answer) + "\n")
    lines.flush()


def _give_up_rights(limits: Limits) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # decoders' warnings
    for what, most in (
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_DATA, limits.memory),
        (resource.RLIMIT_AS, 2 * (limits.memory + limits.bytes)),
        (resource.RLIMIT_FSIZE, 4 * limits.pixels),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (most, most))
