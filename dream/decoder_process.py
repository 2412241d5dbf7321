"""The server behind `dream.quarantine`: it forks a process for each picture, to decode it within limits."""

import contextlib
import json
import os
import resource
import signal
import socket
from dataclasses import asdict
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from dream.decoder import DAMAGED, Decoder
from dream.formats import TOO_EXPENSIVE, Limits, PictureError
from dream.texts import text_of

if TYPE_CHECKING:
    from py_landlock import Landlock


def serve() -> None:
    """Fork a process for every picture, until the connection on standard input is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes
    landlock()  # loaded here, so that the processes need not
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
    """Answer the questions about one picture: the file `source`, whose pixels go to the file `target`."""
    parent = socket.socket(fileno=connection)
    parent.sendall(os.getpid().to_bytes(4, "big"))
    lines = cast(TextIO, parent.makefile("rw", encoding="ascii"))
    pixels = os.fdopen(target, "wb")
    data = mmap(source, 0, access=ACCESS_READ)
    opening, limits_given = json.loads(lines.readline())
    limits = Limits(**limits_given)
    answer, damaged = _answer, DAMAGED
    if opening == "open_clip":
        from dream import clip_decoder  # FFmpeg, which stills do without

        answer, damaged = _answer_of_clip, clip_decoder.DAMAGED
    _give_up_rights(limits)
    try:
        answer(lines, data, limits, pixels)
    except PictureError as error:
        _say(lines, {"refusal": text_of(error).dump()})
    except MemoryError:
        _say(lines, {"refusal": TOO_EXPENSIVE.dump(), "cause": "memory"})
    except Exception as error:  # whatever Pillow or FFmpeg raise for a file that they cannot decode
        _say(lines, {"refusal": damaged.dump(), "cause": repr(error)[:500]})


def _answer(lines: TextIO, data: mmap, limits: Limits, pixels: BinaryIO) -> None:
    """Say what the file is, then answer one question a line until there are no more."""
    decoder = Decoder(data, limits)
    _say(lines, asdict(decoder.probe))
    while line := lines.readline():
        match json.loads(line):
            case ["verify"]:
                decoder.verify()
                _say(lines, {})
            case ["recipe"]:
                _say(lines, {"recipe": decoder.recipe()})
            case ["decode", within]:
                image, mode = decoder.decode(within and tuple(within))
                rows = max(1, 2**20 // image.width)
                for top in range(0, image.height, rows):
                    band = image.crop((0, top, image.width, min(top + rows, image.height)))
                    pixels.write(band.tobytes())
                pixels.flush()
                _say(lines, {"size": image.size, "mode": mode})


def _answer_of_clip(lines: TextIO, data: mmap, limits: Limits, pixels: BinaryIO) -> None:
    """Say what a clip is, then write one frame, or one piece of its sound, at each question."""
    from dream.clip_decoder import open_clip

    clip = open_clip(data, limits)
    _say(lines, asdict(clip.probe))
    frames = sound = None
    while line := lines.readline():
        pixels.seek(0)
        match json.loads(line):
            case ["frame", size]:
                frames = frames or clip.frames(tuple(size))
                image, seconds = next(frames, (None, 0.0))
                pixels.write(image.tobytes() if image else b"")
                answer = {"seconds": seconds, "end": image is None}
            case ["sound"]:
                sound = sound or clip.sound()
                answer = {"bytes": pixels.write(next(sound, b""))}
        pixels.flush()
        _say(lines, answer)


def _say(lines: TextIO, answer: object) -> None:
    lines.write(json.dumps(answer) + "\n")
    lines.flush()


def landlock() -> "Landlock | None":
    """Rules that take away what Landlock can: files, programs, TCP, others' memory, signals to others.

    None where the kernel has no Landlock, or this is no Linux.
    """
    with contextlib.suppress(ImportError):
        from py_landlock import Landlock, LandlockError

        with contextlib.suppress(LandlockError):
            rules = Landlock(strict=False)  # as much as this kernel knows
            return rules if rules.abi_version else None
    return None


def _give_up_rights(limits: Limits) -> None:
    """Limit what this process may use from now on; without new descriptors it can open no file or socket."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # decoders' warnings
    if rules := landlock():
        rules.apply()
    for what, most in (
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_DATA, limits.memory),
        (resource.RLIMIT_AS, 2 * (limits.memory + limits.bytes)),
        (resource.RLIMIT_FSIZE, 4 * limits.pixels),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        _, allowed = resource.getrlimit(what)
        most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (most, most))
