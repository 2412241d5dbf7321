"""Pillow's part of opening a picture: from a file's bytes to an upright 8-bit RGB or a float grey image.

Runs in the processes of `dream.quarantine`, which limit what a hostile file can do. Imports neither NumPy nor
TensorFlow, so that these processes are small.
"""

import io
import math
import struct
import warnings
from collections.abc import Callable
from mmap import mmap
from typing import Any

import pi_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageCms,
    ImageMath,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from dream.formats import MAX_SIDE, Limits, PictureError, Probe, fitting, format_of
from dream.structure import Data, check, too_large, too_many_frames
from dream.texts import Text

MAX_RECIPE = 2000
"""The most characters that are read of a recipe in a file, as many as a recipe may have."""

BAND_PIXELS = 2**22
"""A picture of more pixels is scaled down in bands of about so many."""

DAMAGED = Text("That picture is damaged or cut short; please save it again and resend it.")

Image.MAX_IMAGE_PIXELS = None  # `Limits` says how many
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pi_heif.options.DECODE_THREADS = 1
warnings.simplefilter("ignore")

_OPENERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,  # its factory reads the further pictures of a phone's, too
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIF": pi_heif.HeifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright."""


class Decoder:
    """A picture file whose header and structure were checked: `probe` says what it is.

    Raises PictureError for what is no picture, damaged or beyond `limits`; Pillow may raise anything else,
    which means that the file is damaged, or MemoryError.
    """

    def __init__(self, data: Data, limits: Limits) -> None:
        name = format_of(data[:64])
        if name is None:
            raise PictureError(
                Text("That file is no picture I can read; please send a JPEG, PNG, WebP, GIF, AVIF or HEIC.")
            )
        check(data, name, limits)
        self._image = _open(data, name)
        width, height = self._image.size
        if width * height > limits.pixels:
            raise too_large(limits, width, height)
        if max(width, height) > MAX_SIDE:
            raise PictureError(
                Text(
                    "That picture is {width} × {height} pixels; please send one whose sides have at most "
                    "{most}.",
                    width=width,
                    height=height,
                    most=MAX_SIDE,
                )
            )
        # A TIFF's further pages are no animation; a GIF's frames were counted before: Pillow is slow at it.
        if name in ("WEBP", "AVIF", "HEIF", "PNG") and getattr(self._image, "n_frames", 1) > limits.frames:
            raise too_many_frames(limits)
        animated = name != "TIFF" and getattr(self._image, "is_animated", False)
        # An APNG's first picture may be one for programs that show no animation.
        self._first = int(name == "PNG" and animated and getattr(self._image, "default_image", False))
        self._orientation = _orientation(self._image)
        if self._orientation in (5, 6, 7, 8):
            width, height = height, width
        frames = getattr(self._image, "n_frames", 1) - self._first if animated else 1
        self.probe = Probe(width, height, name, animated, frames)

    def seek(self, number: int) -> float:
        """Go to a frame, counted from 0, which `decode` then returns. Says for how many seconds it is shown.

        Times that no browser keeps become the tenth of a second that they show instead.
        """
        self._image.seek(number + self._first)
        self._load()
        seconds = float(self._image.info.get("duration", 0)) / 1000
        return seconds if seconds > 0.0101 else 0.1

    def verify(self) -> None:
        """Decode all of the picture, in as little detail as its format allows."""
        self._image.draft("RGB", (1, 1))
        self._load()

    def decode(self, within: tuple[int, int] | None = None) -> tuple[Image.Image, str]:
        """The picture, upright, on white where it is transparent, its first frame if it is animated.

        With `within`, a (width, height), a larger picture is scaled down to fit it. The second value is
        "RGB", for an 8-bit image in sRGB, or "RGBA" with the opacity besides if any of it is transparent; or
        the original mode ("I", "I;16", "F" and the like) of an image in mode "F" with the grey values of a
        file of more than 8 bits.
        """
        image = self._image
        turned = self._orientation in (5, 6, 7, 8)
        if within:
            image.draft("RGB", (max(within), max(within)))
            within = within[::-1] if turned else within
        self._load()
        deep = image.mode if image.mode.startswith("I") or image.mode == "F" else None
        # Scaled down before anything else is made of it: a small file can hold a very large picture.
        image = _scaled(image, fitting(image.size, within))
        if transposition := _TRANSPOSITIONS.get(self._orientation):
            info, image = image.info, image.transpose(transposition)
            image.info = info
        if deep:
            return image, deep
        opaque = _srgb(image)
        if not image.has_transparency_data:
            return opaque, "RGB"
        opacity = image.convert("RGBA").getchannel("A")
        if opacity.getextrema()[0] == 255:
            return opaque, "RGB"
        opaque.putalpha(opacity)
        return opaque, "RGBA"

    def recipe(self) -> str | None:
        """The recipe that `dream.picture.encode` wrote into the file, or None."""
        text = self._image.info.get("recipe") or self._image.getexif().get(ExifTags.Base.ImageDescription)
        return text[:MAX_RECIPE] if isinstance(text, str) else None

    def _load(self) -> None:
        announced = self._image.size
        self._image.load()
        if self._image.size != announced:  # a HEIC's header may lie
            raise PictureError(DAMAGED)


def _open(data: Data, name: str) -> Image.Image:
    # BytesIO shares the memory of the bytes it is made of.
    contents = data[:] if isinstance(data, mmap) else data
    try:
        return _OPENERS[name](io.BytesIO(contents))
    except OSError:
        if name == "BMP" and (image := _bitfields_bmp(contents)):
            return image
        raise


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where EXIF is missing or broken, which never spoils the picture."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:
        return 1
    return value if isinstance(value, int) and value in range(1, 9) else 1


def _bitfields_bmp(data: bytes) -> Image.Image | None:
    """A 32-bit BMP whose channels are any bits of a pixel, of which Pillow reads only common layouts."""
    _, width, height, _, depth, compression = struct.unpack_from("<IiiHHI", data, 14)
    if depth != 32 or compression not in (3, 6) or width <= 0 or not height:
        return None
    (offset,) = struct.unpack_from("<I", data, 10)
    masks = struct.unpack_from("<III", data, 54)
    pixels = data[offset : offset + 4 * width * abs(height)]
    orientation = 1 if height < 0 else -1
    whole = Image.frombuffer("RGBX", (width, abs(height)), pixels, "raw", "RGBX", 0, orientation)
    return Image.merge("RGB", [_channel(whole, mask) for mask in masks])


def _channel(image: Image.Image, mask: int) -> Image.Image:
    """The channel of 8 bits in the bits `mask` of each little-endian, 32-bit pixel of `image`."""
    top, width = mask.bit_length() - 1, mask.bit_count()
    if top < 0 or mask != (2**width - 1) << (top + 1 - width):
        raise PictureError(Text("That BMP is of an unusual kind; please save it as PNG and send that."))
    byte, shift = top // 8, 7 - top % 8
    high = image.getchannel(byte).point([value << shift & 0xFF for value in range(256)])
    if shift and byte:
        low = image.getchannel(byte - 1).point([value >> (8 - shift) for value in range(256)])
        high = ImageChops.add(high, low)
    kept = min(width, 8)
    return high.point([(value >> (8 - kept)) * 255 // (2**kept - 1) for value in range(256)])


def _scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image` in a mode whose values can be averaged, and scaled down to `size`, (width, height).

    A large picture is converted and scaled band by band, so that there is no second one of its size.
    """
    if image.size == size:
        return _averageable(image)
    (width, height), scale = size, image.height / size[1]
    rows = max(1, height * BAND_PIXELS // (image.width * image.height))
    bands = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first = max(0, math.floor((top - 4) * scale))  # Lanczos needs three rows more
        last = min(image.height, math.ceil((bottom + 4) * scale))
        whole = (first, last) == (0, image.height)
        band = _averageable(image if whole else image.crop((0, first, image.width, last)))
        mode = band.mode
        if premultiplied := {"LA": "La", "RGBA": "RGBa"}.get(mode):
            band = band.convert(premultiplied)
        box = (0, top * scale - first, image.width, min(bottom * scale, image.height) - first)
        band = band.resize((width, bottom - top), Image.Resampling.LANCZOS, box, reducing_gap=3)
        bands.append((top, band.convert(mode) if premultiplied else band))
    result = bands[0][1]
    if len(bands) > 1:
        result = Image.new(result.mode, size)
        for top, band in bands:
            result.paste(band, (0, top))
    result.info = image.info
    return result


def _averageable(image: Image.Image) -> Image.Image:
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
            return _finite(image)
        case "RGB" | "L" if image.has_transparency_data:
            return image.convert("RGBA")  # one colour means transparent
        case _:
            return image


def _finite(image: Image.Image) -> Image.Image:
    """A float image with 0 in place of what is negative, infinite or no number; a few rows at a time."""

    def finite(operands: dict[str, Any]) -> Any:
        values = operands["values"]
        return operands["max"](values * (values < 3e38), 0)  # max of NaN and 0 is 0

    rows = max(1, 2**20 // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        image.paste(ImageMath.lambda_eval(finite, values=image.crop(box)), box)
    return image


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
