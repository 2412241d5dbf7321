"""Checks of a picture file's structure before a decoder sees it: counts that make small files expensive.

Each check reads only lengths, markers and counts, in time bounded by the limits below, and ignores what is
cut short or broken: that, the decoder finds out. Needs the standard library alone.
"""

import contextlib
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from mmap import mmap

from dream.formats import TOO_EXPENSIVE, Limits, PictureError
from dream.texts import Text

Data = bytes | mmap

MAX_SCANS = 100
"""Scans of a JPEG: progressive ones have about ten."""

MAX_SEGMENTS = 5_000
"""Marker segments of a JPEG; a segment holds up to 64 KiB."""

MAX_CHUNKS = 50_000
"""Chunks of a PNG or WebP."""

MAX_BLOCKS = 200_000
"""Data blocks of a GIF; a block holds up to 255 bytes."""

MAX_TAGS = 1_000
"""Tags of a TIFF's first page."""

MAX_STRIPS = 100_000
"""Strips or tiles of a TIFF's first page."""

MAX_ITEMS = 2_000
"""Items (tiles, thumbnails, metadata) of a HEIC or AVIF; a phone's photograph has a few hundred."""


def check(data: Data, format: str, limits: Limits) -> None:
    """Raise PictureError if the file `data` of `format` has more parts than any photograph needs."""
    if checker := _CHECKS.get(format):
        with contextlib.suppress(struct.error, IndexError, OverflowError):  # cut short, or far beyond
            checker(data, limits)


def too_large(limits: Limits, width: int, height: int) -> PictureError:
    """The refusal of a picture of `width` × `height` pixels."""
    return PictureError(
        Text(
            "That picture is {width} × {height} pixels; please send one of at most {most} megapixels.",
            width=width,
            height=height,
            most=f"{limits.pixels / 1e6:g}",
        )
    )


def too_many(what: Text, most: int) -> PictureError:
    """The refusal of a file with more parts, such as "scans", than allowed."""
    return PictureError(
        Text(
            "That picture has more than {most} {what}, which no photograph needs; please save it "
            "as a plain JPEG and send that.",
            most=most,
            what=what,
        )
    )


def too_many_frames(limits: Limits) -> PictureError:
    """The refusal of an animation."""
    return PictureError(
        Text("That animation has more than {most} frames; please send a shorter one.", most=limits.frames)
    )


_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A marker other than a restart, also after image data, in which \\xff\\x00 stands for a byte of 255."""


def _check_jpeg(data: Data, limits: Limits) -> None:
    scans = segments = 0
    position = 2
    while found := _JPEG_MARKER.search(data, position):
        marker, position = found[1][0], found.end()
        if marker == 0xD9:  # end of image
            return
        segments += 1
        scans += marker == 0xDA
        if scans > MAX_SCANS:
            raise too_many(Text("scans"), MAX_SCANS)
        if segments > MAX_SEGMENTS:
            raise too_many(Text("segments"), MAX_SEGMENTS)
        position += struct.unpack_from(">H", data, position)[0]


_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def _check_png(data: Data, limits: Limits) -> None:
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    if width * height > limits.pixels:
        raise too_large(limits, width, height)
    if width * height * depth * _PNG_CHANNELS.get(color, 1) / 8 > limits.memory:
        raise PictureError(TOO_EXPENSIVE)
    position = 8
    for _ in range(MAX_CHUNKS):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IEND":
            return
        if kind == b"acTL" and struct.unpack_from(">I", data, position + 8)[0] > limits.frames:
            raise too_many_frames(limits)
        position += 12 + length
    raise too_many(Text("chunks"), MAX_CHUNKS)


def _check_webp(data: Data, limits: Limits) -> None:
    match data[12:16]:
        case b"VP8X":
            width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            width, height = bits % 2**14 + 1, (bits >> 14) % 2**14 + 1
        case _:
            width, height = (side % 2**14 for side in struct.unpack_from("<HH", data, 26))
    if width * height > limits.pixels:
        raise too_large(limits, width, height)
    if 12 * width * height > limits.memory:  # the decoder has two canvases beside the picture
        raise PictureError(TOO_EXPENSIVE)
    position, frames = 12, 0
    for _ in range(MAX_CHUNKS):
        kind, length = struct.unpack_from("<4sI", data, position)
        frames += kind == b"ANMF"
        if frames > limits.frames:
            raise too_many_frames(limits)
        position += 8 + length + length % 2
    raise too_many(Text("chunks"), MAX_CHUNKS)


def _check_gif(data: Data, limits: Limits) -> None:
    blocks = frames = 0
    position = 13 + _color_table(data[10])
    while True:
        match data[position]:
            case 0x2C:  # a frame
                frames += 1
                if frames > limits.frames:
                    raise too_many_frames(limits)
                position += 11 + _color_table(data[position + 9])
            case 0x21:  # an extension
                position += 2
            case _:  # the end, or damage
                return
        while length := data[position]:
            blocks += 1
            if blocks > MAX_BLOCKS:
                raise too_many(Text("blocks"), MAX_BLOCKS)
            position += 1 + length
        blocks += 1
        position += 1


def _color_table(flags: int) -> int:
    """The length in bytes of the colour table that a GIF's `flags` announce."""
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _check_tiff(data: Data, limits: Limits) -> None:
    order = "<" if data[:1] == b"I" else ">"
    if data[2:4] in (b"+\0", b"\0+"):  # BigTIFF
        (at,) = struct.unpack_from(f"{order}Q", data, 8)
        (count,) = struct.unpack_from(f"{order}Q", data, at)
        first, entry, values = at + 8, f"{order}HHQ", "QIH"
    else:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        first, entry, values = at + 2, f"{order}HHI", "IIH"
    if count > MAX_TAGS:
        raise too_many(Text("tags"), MAX_TAGS)
    size = struct.calcsize(entry) + struct.calcsize(values[0])
    tile = {322: 1, 323: 1}
    for number in range(count):
        start = first + number * size
        tag, kind, length = struct.unpack_from(entry, data, start)
        if tag in (273, 279, 324, 325) and length > MAX_STRIPS:
            raise too_many(Text("strips"), MAX_STRIPS)
        if tag in tile:
            value = "H" if kind == 3 else "I" if kind == 4 else values[0]
            (tile[tag],) = struct.unpack_from(order + value, data, start + struct.calcsize(entry))
    if tile[322] * tile[323] > limits.pixels:
        raise too_large(limits, tile[322], tile[323])


def _check_heif(data: Data, limits: Limits) -> None:
    """Check HEIF and AVIF, which are made of items (ISO/IEC 23008-12): their sizes, and the sums of grids."""
    meta = next((span for kind, span in _boxes(data, range(len(data))) if kind == b"meta"), None)
    if meta is None:
        return
    parts = dict(_boxes(data, range(meta.start + 4, meta.stop)))
    properties = dict(_boxes(data, parts.get(b"iprp", range(0))))
    sizes: list[tuple[int, int] | None] = []
    for kind, span in _boxes(data, properties.get(b"ipco", range(0))):
        width, height = struct.unpack_from(">II", data, span.start + 4) if kind == b"ispe" else (0, 0)
        sizes.append((width, height) if kind == b"ispe" else None)
    width, height = max(filter(None, sizes), key=lambda size: size[0] * size[1], default=(0, 0))
    if width * height > limits.pixels:
        raise too_large(limits, width, height)
    size_of = {
        item: size
        for item, indices in _associations(data, properties.get(b"ipma", range(0)))
        for index in indices
        if 0 < index <= len(sizes) and (size := sizes[index - 1])
    }
    tiles = pixels = 0
    for inputs in _derivations(data, parts.get(b"iref", range(0))):
        tiles += len(inputs)
        pixels += sum(width * height for width, height in (size_of.get(item, (0, 0)) for item in inputs))
    if tiles > MAX_ITEMS:
        raise too_many(Text("tiles"), MAX_ITEMS)
    if pixels > 2 * limits.pixels:
        raise too_many(Text("megapixels in its tiles"), round(2 * limits.pixels / 1e6))


def _boxes(data: Data, within: range) -> Iterator[tuple[bytes, range]]:
    """The boxes in a part of a file: their types, and the ranges of their contents."""
    position = within.start
    for _ in range(MAX_ITEMS):
        if position + 8 > within.stop:
            return
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
            header = 16
        end = position + size if size else within.stop
        if (size and size < header) or end > within.stop:
            return
        yield kind, range(position + header, end)
        position = end
    raise too_many(Text("boxes"), MAX_ITEMS)


def _associations(data: Data, box: range) -> Iterator[tuple[int, list[int]]]:
    """The contents of an `ipma` box: each item, and the numbers of its properties, counted from 1."""
    if not box:
        return
    version, flags = data[box.start], data[box.start + 3]
    (count,) = struct.unpack_from(">I", data, box.start + 4)
    if count > MAX_ITEMS:
        raise too_many(Text("items"), MAX_ITEMS)
    item_format = ">IB" if version else ">HB"
    wide = flags & 1
    position = box.start + 8
    for _ in range(count):
        item, length = struct.unpack_from(item_format, data, position)
        position += struct.calcsize(item_format)
        indices = struct.unpack_from(f">{length}{'H' if wide else 'B'}", data, position)
        position += length * (2 if wide else 1)
        yield item, [index & (0x7FFF if wide else 0x7F) for index in indices]


def _derivations(data: Data, box: range) -> Iterator[tuple[int, ...]]:
    """The items from which each derived item (a grid, an overlay) in an `iref` box is made."""
    if not box:
        return
    wide = data[box.start]
    for kind, span in _boxes(data, range(box.start + 4, box.stop)):
        if kind == b"dimg":
            at = span.start + (4 if wide else 2)
            (count,) = struct.unpack_from(">H", data, at)
            yield struct.unpack_from(f">{count}{'I' if wide else 'H'}", data, at + 2)


_CHECKS: Mapping[str, Callable[[Data, Limits], None]] = {
    "JPEG": _check_jpeg,
    "PNG": _check_png,
    "WEBP": _check_webp,
    "GIF": _check_gif,
    "TIFF": _check_tiff,
    "HEIF": _check_heif,
    "AVIF": _check_heif,
}
