"""The formats that are read, of pictures and of films: their names, their files' names, how files begin.

Needs the standard library alone: the bot and the process that decodes pictures use it, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from dream.texts import Text

ClipFormat = Literal["mp4", "gif", "webp"]
"""What moving pictures are written as."""


def clip_format(path: PurePath) -> ClipFormat:
    """The format that a file's suffix names. Raises ValueError for any other than .mp4, .gif and .webp."""
    match path.suffix.lower():
        case ".mp4":
            return "mp4"
        case ".gif":
            return "gif"
        case ".webp":
            return "webp"
    raise ValueError(f"{path}: name it .mp4, .gif or .webp.")


class PictureError(ValueError):
    """A file that cannot be dreamt on. Its text is one friendly sentence."""


TOO_EXPENSIVE = Text(
    "That picture takes too much time or memory to open; please make it smaller, or save "
    "it as a plain JPEG, and send that."
)
"""The refusal of a picture that exceeds the limits of the process that opens it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file that is opened: in bytes, in pixels of one frame, in frames, and in seconds of a film.

    `seconds` of CPU time and `memory` in bytes are for opening it: a photograph of 24 megapixels takes 0.1 s
    as JPEG and 1.8 s as HEIC, and 200 MB. A clip has limits of its own for these, see `dream.clip_decoder`.
    """

    bytes: int = 25_000_000
    pixels: int = 50_000_000
    frames: int = 1000
    seconds: int = 3
    memory: int = 280_000_000
    length: float = 60.0


DEFAULT_LIMITS = Limits()

MAX_SIDE = 65_535
"""The longest side, in pixels, of a picture that is opened."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file contains: its (upright) size in pixels, its format, whether it moves, and how many frames.

    `format` is Pillow's name of a picture's, or "MP4" or "WEBM" for films. `frames` is 1 where only a still
    was looked for. `sound` is whether a film has any that can be decoded.
    """

    width: int
    height: int
    format: str
    animated: bool
    frames: int = 1
    sound: bool = False


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
"""Every format of pictures that is read."""

FILMS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format(
            "MP4",
            (".mp4", ".m4v", ".mov", ".qt"),
            ("video/mp4", "video/x-m4v", "video/quicktime", "video/mov"),
        ),
        Format("WEBM", (".webm", ".mkv"), ("video/webm", "video/x-matroska", "video/matroska")),
    )
}
"""Every format of films that is read; MOV is MP4's elder brother, and Matroska WebM's."""

SUFFIXES = frozenset(suffix for each in FORMATS.values() for suffix in each.suffixes)
CONTENT_TYPES = frozenset(kind for each in FORMATS.values() for kind in each.content_types)
_FILM_SUFFIXES = frozenset(suffix for each in FILMS.values() for suffix in each.suffixes)
_FILM_CONTENT_TYPES = frozenset(kind for each in FILMS.values() for kind in each.content_types)


def is_picture(filename: str, content_type: str | None = None) -> bool:
    """Whether a file's name or declared content type is that of a format that is read; SVG's is not.

    What the file really contains, only `dream.picture.probe` finds out.
    """
    return _is_of(filename, content_type, SUFFIXES, CONTENT_TYPES)


def is_film(filename: str, content_type: str | None = None) -> bool:
    """The same for films."""
    return _is_of(filename, content_type, _FILM_SUFFIXES, _FILM_CONTENT_TYPES)


def _is_of(filename: str, content_type: str | None, suffixes: frozenset[str], kinds: frozenset[str]) -> bool:
    declared = (content_type or "").partition(";")[0].strip().lower()
    return declared in kinds or PurePath(filename).suffix.lower() in suffixes


def fitting(size: tuple[int, int], within: tuple[int, int] | None) -> tuple[int, int]:
    """The (width, height) of a picture of `size` scaled down, never up, to fit `within`."""
    scale = min(1.0, within[0] / size[0], within[1] / size[1]) if within else 1.0
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


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
        return "MP4"
    if start[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):  # MOV from before there was ftyp
        return "MP4"
    if start[:4] == b"\x1a\x45\xdf\xa3":
        return "WEBM"
    return None
