"""Bytes to pixels and back, safely.

Pixels are float32 arrays of shape (height, width, 3): sRGB values in [0, 1]. Whatever people post is opened
within limits that are checked before anything is decoded, and what is written carries the recipe and nothing
of the source's metadata.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

Pixels = NDArray[np.float32]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "BMP", "TIFF")
"""The formats that are read, by Pillow's names."""


class PictureError(ValueError):
    """A file that cannot be dreamt on. Its text is one friendly sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file that is opened: in bytes, in pixels of one frame, and in frames."""

    bytes: int = 25_000_000
    pixels: int = 40_000_000
    frames: int = 1000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file turned out to be, its size in pixels as people see it."""

    width: int
    height: int
    format: str
    animated: bool


def probe(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Probe:
    """Make sure that `data` is a picture within `limits`. Raises PictureError."""
    with _opened(data, limits) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        width, height = reversed(image.size) if turned else image.size
        found = Probe(width, height, image.format or "", getattr(image, "is_animated", False))
        image.draft("RGB", (1, 1))
        image.load()
    return found


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS, within: tuple[int, int] | None = None) -> Pixels:
    """The picture in `data`, upright, on white where it is transparent, its first frame if it is animated.

    With `within`, a (width, height), a larger picture is brought down to fit it. Raises PictureError.
    """
    with _opened(data, limits) as image:
        if within:
            image.draft("RGB", (max(within), max(within)))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        deep = image.mode if image.mode.startswith("I") or image.mode == "F" else None
        # Brought down before anything else is made of it: a small file can hold a very large picture.
        image = _smooth(image)
        if (size := _fitting(image.size, within)) != image.size:
            image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
        if deep:
            return _grey(np.asarray(image), deep)
        pixels = np.asarray(_srgb(image), np.float32)
        pixels /= 255
        return pixels


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


def recipe_in(data: bytes) -> str | None:
    """The recipe that `encode` put into a picture, or None if it carries none."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            text = image.info.get("recipe") or image.getexif().get(ExifTags.Base.ImageDescription)
    except OSError:
        return None
    return text if isinstance(text, str) else None


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` resampled to `width` × `height` with Pillow's Lanczos filter, not clipped to [0, 1]."""
    if pixels.shape[:2] == (height, width):
        return pixels
    result = np.empty((height, width, pixels.shape[2]), np.float32)
    for channel in range(pixels.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(pixels[..., channel]))
        result[..., channel] = np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS))
    return result


def to_bytes(pixels: Pixels) -> NDArray[np.uint8]:
    """`pixels` rounded to 8 bits."""
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


@contextmanager
def _opened(data: bytes, limits: Limits) -> Iterator[Image.Image]:
    """Open `data` with its limits checked; whatever Pillow raises in the block becomes a PictureError."""
    if not data:
        raise PictureError("That file is empty; please attach a picture.")
    if len(data) > limits.bytes:
        raise PictureError(
            f"That file has {len(data) / 1e6:.1f} MB; please send one of at most {limits.bytes / 1e6:g} MB."
        )
    _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check(image, limits)
                yield image
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(limits) from None
    except UnidentifiedImageError:
        raise PictureError(
            "That file is no picture I can read; please send a JPEG, PNG, WebP, GIF, AVIF or HEIC."
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, OverflowError, IndexError, KeyError):
        raise PictureError(
            "That picture is damaged or cut short; please save it again and resend it."
        ) from None


def _check(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.pixels:
        raise _too_large(limits, image.width, image.height)
    # A TIFF's further pages are no animation, and to count very many of them takes minutes.
    frames = 1 if image.format == "TIFF" else getattr(image, "n_frames", 1)
    if frames > limits.frames:
        raise PictureError(f"That animation has more than {limits.frames} frames; please send a shorter one.")


def _too_large(limits: Limits, width: int = 0, height: int = 0) -> PictureError:
    size = f"is {width} × {height} pixels" if width else "has too many pixels"
    return PictureError(
        f"That picture {size}; please send one of at most {limits.pixels / 1e6:g} megapixels."
    )


@cache
def _register_heif() -> None:
    import pi_heif

    pi_heif.register_heif_opener()


def _smooth(image: Image.Image) -> Image.Image:
    """The same picture in a mode whose values can be averaged."""
    match image.mode:
        case "P" | "PA":
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
        case "1":
            return image.convert("L")
        case mode if mode.startswith("I;"):
            return image.convert("I").convert("F")
        case "I":
            return image.convert("F")
        case "F":
            return Image.fromarray(np.nan_to_num(np.asarray(image), nan=0, posinf=1, neginf=0))
        case "RGB" | "L" if image.has_transparency_data:
            return image.convert("RGBA")  # one colour stands for transparent
        case _:
            return image


def _grey(values: Pixels, mode: str) -> Pixels:
    """16-bit, 32-bit and float greys as RGB pixels."""
    if mode != "F":
        values = values / np.float32(65535)
    elif values.max(initial=0) > 1:
        values = values / values.max()
    return np.repeat(np.clip(values, 0, 1)[..., None], 3, axis=2)


def _srgb(image: Image.Image) -> Image.Image:
    """An 8-bit image of any mode as RGB on white, in sRGB if it names its colour space."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                converted.info.pop("icc_profile", None)
                return _srgb(converted)
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile: take the numbers as they are
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _fitting(size: tuple[int, int], within: tuple[int, int] | None) -> tuple[int, int]:
    """The (width, height) of a picture of `size` brought down, never up, to fit `within`."""
    scale = min(1.0, within[0] / size[0], within[1] / size[1]) if within else 1.0
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


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
