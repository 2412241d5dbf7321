"""The picture formats that are read: their names, what files of them are called, and how files of them begin.

Needs the standard library alone: the bot and the process that decodes pictures use it, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath


class PictureError(ValueError):
    """A file that cannot be dreamt on. Its text is one friendly sentence."""


TOO_EXPENSIVE = (
    "That picture takes too much time or memory to open; please make it smaller, or save it as a plain JPEG, "
    "and send that."
)
"""The refusal of a picture that exceeds the limits of the process that opens it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file that is opened: in bytes, in pixels of one frame, and in frames.

    `seconds` of CPU time and `memory` in bytes are for opening it: a photograph of 24 megapixels takes 0.1 s
    as JPEG and 1.8 s as HEIC, and 200 MB.
    """

    bytes: int = 25_000_000
    pixels: int = 50_000_000
    frames: int = 1000
    seconds: int = 3
    memory: int = 280_000_000


DEFAULT_LIMITS = Limits()

MAX_SIDE = 65_535
"""The longest side, in pixels, of a picture that is opened."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file contains: its (upright) size in pixels, its format by Pillow's name, whether it moves."""

    width: int
    height: int
    format: str
    animated: bool


@dataclass(frozen=True, slots=True)
class Format:
    """A picture format, by Pillow's name."""

    name: str
    suffixes: tuple[str, ...]
    content_types: tuple[str, ...]


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), ("image/jpeg", "image/jpg", "image/pjpeg")),
        Format("PNG", (".png", ".apng"), ("image/png", "image/apng", "image/vnd.mozilla.apng")),
        Format("GIF", (".gif",), ("image/gif",)),
        Format("WEBP", (".webp",), ("image/webp",)),
        Format("AVIF", (".avif", ".avifs"), ("image/avif", "image/avif-sequence")),
        Format(
            "HEIF",
            (".heic", ".heif", ".heics", ".heifs", ".hif"),
            ("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"),
        ),
        Format("BMP", (".bmp", ".dib"), ("image/bmp", "image/x-ms-bmp")),
        Format("TIFF", (".tif", ".tiff"), ("image/tiff",)),
    )
}
"""Every format that is read."""

SUFFIXES = frozenset(suffix for each in FORMATS.values() for suffix in each.suffixes)
CONTENT_TYPES = frozenset(kind for each in FORMATS.values() for kind in each.content_types)


def is_picture(filename: str, content_type: str | None = None) -> bool:
    """Whether a file's name or declared content type is that of a format that is read; SVG's is not.

    What the file really contains, only `dream.picture.probe` finds out.
    """
    declared = (content_type or "").partition(";")[0].strip().lower()
    return declared in CONTENT_TYPES or PurePath(filename).suffix.lower() in SUFFIXES


def format_of(data: bytes) -> str | None:
    """The format that `data`, a file's first 64 bytes or more, begins like, or None."""
    start = bytes(data[:64])
    for signature, name in (
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"MM\0+", "TIFF"),
    ):
        if start.startswith(signature):
            return name
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        brands = {start[at : at + 4] for at in range(8, min(len(start), int.from_bytes(start[:4], "big")), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}:
            return "HEIF"
    return None
