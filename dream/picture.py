"""Pictures: from files to pixels and back.

Pixels are float32 arrays of shape (height, width, 3): sRGB values in [0, 1]. Files are decoded in processes
of their own within limits, see `dream.quarantine`. What is written carries the recipe and nothing of the
source's metadata.
"""

import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin

from dream.formats import CONTENT_TYPES as CONTENT_TYPES
from dream.formats import DEFAULT_LIMITS as DEFAULT_LIMITS
from dream.formats import FILMS, fitting, format_of
from dream.formats import SUFFIXES as SUFFIXES
from dream.formats import Limits as Limits
from dream.formats import PictureError as PictureError
from dream.formats import Probe as Probe
from dream.formats import is_picture as is_picture
from dream.quarantine import Quarantined, QuarantinedClip
from dream.texts import Text

Pixels = NDArray[np.float32]

PictureFile = bytes | str | os.PathLike[str] | BinaryIO
"""A picture file: its contents, its path, or a file object opened for reading bytes."""


FIRST_FRAME_SECONDS = 10
"""CPU time for looking into a film and decoding its first frame."""


def probe(picture: PictureFile, limits: Limits = DEFAULT_LIMITS) -> Probe:
    """Make sure that `picture` is a whole one, or a whole clip, within `limits`. Raises PictureError."""
    data = contents(picture)
    check_length(data, limits)
    if format_of(data[:64]) in FILMS:
        with QuarantinedClip(data, limits, FIRST_FRAME_SECONDS) as clip:
            return clip.probe
    with Quarantined(data, limits) as file:
        file.verify()
        return file.probe


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS, within: tuple[int, int] | None = None) -> Pixels:
    """The picture in `data`, upright, on white where it is transparent, its first frame if it moves.

    With `within`, a (width, height), a larger picture is scaled down to fit it. Raises PictureError.
    """
    return load(data, limits, lambda probe: within).pixels


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded picture: its pixels on white, its opacity (height, width) if any of it is transparent."""

    pixels: Pixels
    opacity: NDArray[np.float32] | None
    probe: Probe


def load(data: bytes, limits: Limits, within: Callable[[Probe], tuple[int, int] | None]) -> Loaded:
    """All that `decode` finds out. `within` is decided when the picture's size is known."""
    check_length(data, limits)
    if format_of(data[:64]) in FILMS:
        with QuarantinedClip(data, limits, FIRST_FRAME_SECONDS) as clip:
            width, height = fitting((clip.probe.width, clip.probe.height), within(clip.probe))
            frame, _ = next(clip.frames((width, height)))
            return Loaded(from_bytes(frame, width, height), None, clip.probe)
    with Quarantined(data, limits) as file:
        raw, (width, height), mode = file.pixels(within(file.probe))
        if mode not in ("RGB", "RGBA"):
            grey = np.fromfile(raw, np.float32).reshape(height, width)
            return Loaded(_grey(grey, mode), None, file.probe)
        values = np.fromfile(raw, np.uint8).reshape(height, width, len(mode))
        pixels = values[..., :3].astype(np.float32)
        pixels /= 255
        opacity = values[..., 3].astype(np.float32) / np.float32(255) if mode == "RGBA" else None
        return Loaded(pixels, opacity, file.probe)


def contents(file: PictureFile) -> bytes:
    """The bytes of a picture file. Raises PictureError if there is no such file or it cannot be read."""
    if isinstance(file, bytes):
        return file
    if not isinstance(file, str | os.PathLike):
        read = file.read()
        if not isinstance(read, bytes):
            raise PictureError(Text("That file is open as text; please open it in binary mode."))
        return read
    path = Path(file)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(Text("There is no file {path}.", path=path)) from None
    except OSError as error:
        raise PictureError(
            Text("{path} can't be read: {reason}.", path=path, reason=(error.strerror or str(error)).lower())
        ) from None


def encode(
    pixels: Pixels,
    *,
    recipe: str = "",
    format: Literal["png", "jpg", "webp"] = "png",
    max_bytes: int | None = None,
    quality: int = 95,
) -> tuple[bytes, str]:
    """Write `pixels` as a file that carries `recipe`, and say its extension ("png", "jpg" or "webp").

    A file that would be larger than `max_bytes` becomes a JPEG, as good a one as fits.
    """
    image = Image.fromarray(to_bytes(pixels))
    data = _written(image, recipe, format, quality)
    while max_bytes and len(data) > max_bytes:
        if format == "jpg" and quality <= 20:
            image = image.resize(
                (max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS
            )
        elif format == "jpg":
            quality -= 10
        if image.size == (1, 1):
            break
        format = "jpg"
        data = _written(image, recipe, format, quality)
    return data, format


def recipe_in(data: bytes, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """The recipe that `encode` put into a picture, or None if it carries none or is no picture."""
    try:
        check_length(data, limits)
        with Quarantined(data, limits) as file:
            return file.recipe()
    except PictureError:
        return None


def resize(pixels: Pixels, width: int, height: int, *, wrap: tuple[bool, bool] = (False, False)) -> Pixels:
    """`pixels` resampled to `width` × `height` with Pillow's Lanczos filter, not clipped to [0, 1].

    `wrap` says whether rows and columns go on at the other side, as they do in a picture to be tiled.
    """
    old_height, old_width = pixels.shape[:2]
    if (old_height, old_width) == (height, width):
        return pixels
    reach = (_reach(old_height, height) if wrap[0] else 0, _reach(old_width, width) if wrap[1] else 0)
    box = (reach[1], reach[0], reach[1] + old_width, reach[0] + old_height)
    result = np.empty((height, width, pixels.shape[2]), np.float32)
    for channel in range(pixels.shape[2]):
        plane = np.ascontiguousarray(pixels[..., channel])
        if any(wrap):
            plane = np.pad(plane, [(reach[0],) * 2, (reach[1],) * 2], "wrap")
        image = Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS, box)
        result[..., channel] = np.asarray(image)
    return result


def _reach(old: int, new: int) -> int:
    """How many pixels beyond its own the Lanczos filter reads to resample an axis."""
    return math.ceil(3 * max(1.0, old / new)) + 1


def from_bytes(data: bytes, width: int, height: int) -> Pixels:
    """The pixels of a picture of three bytes each."""
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3).astype(np.float32)
    pixels /= 255
    return pixels


def to_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """`pixels` rounded to 8 bits."""
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


def check_length(data: bytes, limits: Limits) -> None:
    """Raise PictureError if a file is empty or too large."""
    if not data:
        raise PictureError(Text("That file is empty; please attach a picture."))
    if len(data) > limits.bytes:
        raise PictureError(
            Text(
                "That file has {size} MB; please send one of at most {most} MB.",
                size=f"{len(data) / 1e6:.1f}",
                most=f"{limits.bytes / 1e6:g}",
            )
        )


def _grey(values: Pixels, mode: str) -> Pixels:
    """16-bit, 32-bit and float greys as RGB pixels."""
    if mode != "F":
        values = values / np.float32(65535)
    elif values.max(initial=0) > 1:
        values = values / values.max()
    return np.repeat(np.clip(values, 0, 1)[..., None], 3, axis=2)


def _written(image: Image.Image, recipe: str, format: str, quality: int) -> bytes:
    file = io.BytesIO()
    if format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("recipe", recipe)
        info.add_text("Software", "Dreambot")
        image.save(file, "PNG", pnginfo=info, compress_level=6)
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = recipe
        exif[ExifTags.Base.Software] = "Dreambot"
        image.save(file, "JPEG" if format == "jpg" else "WEBP", quality=quality, exif=exif, subsampling=0)
    return file.getvalue()
