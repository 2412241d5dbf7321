"""Hostile pictures, made from scratch: small files that are expensive to open, or lie about themselves."""

import struct
import zlib


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    width: int, height: int, *, color: int = 2, depth: int = 8, row: bytes = b"", extra: bytes = b""
) -> bytes:
    """A PNG of equal rows: a filter byte and pixels; of no rows at all if there are none."""
    compressor = zlib.compressobj(1)
    rows = b"".join(compressor.compress(row) for _ in range(height if row else 0)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), extra, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def slow_png(side: int = 6800) -> bytes:
    """46 megapixels of 16 bits, each predicted from its neighbours: about a second of CPU time in 1 MB."""
    return png(side, side, color=2, depth=16, row=b"\4" + bytes(side * 6))


def jpeg_of_scans(count: int, side: int = 7000) -> bytes:
    """A progressive JPEG of `side` × `side` pixels that are refined `count` times by nothing."""

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    one_code = bytes([1] + [0] * 15)  # a Huffman table of a single code of one bit
    blocks = ((side + 7) // 8) ** 2
    runs = -(-blocks // 16384)  # "the next 16384 blocks hold nothing" is the code and 14 bits
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    again = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(-(-15 * runs // 8))
    return (
        b"\xff\xd8"
        + segment(0xDB, b"\0" + b"\1" * 64)
        + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
        + segment(0xC4, b"\x00" + one_code + b"\x00")
        + segment(0xC4, b"\x10" + one_code + b"\xe0")
        + first
        + again * count
        + b"\xff\xd9"
    )


def webp(width: int, height: int) -> bytes:
    """The head of a WebP."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + sides


GIF = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
FRAME = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"


def gif_of_comments(count: int) -> bytes:
    """A GIF of one pixel after `count` comments of one letter."""
    return GIF + b"!\xfe\x01a\x00" * count + FRAME + b";"


def gif_of_frames(count: int) -> bytes:
    """A GIF of one pixel with `count` frames."""
    return GIF + FRAME * count + b";"


def tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """A TIFF of 64 × 64 grey pixels with more or other tags: (tag, type, count, value), by tag."""
    common = {
        256: (3, 1, 64),
        257: (3, 1, 64),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, 8),
    }
    common |= {277: (3, 1, 1), 278: (3, 1, 64), 279: (4, 1, 4096)}
    common |= {tag: (type_, count, value) for tag, type_, count, value in tags}
    entries = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in sorted(common.items()))
    directory = struct.pack("<H", len(common)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + 4096) + bytes(4096) + directory


def box(kind: bytes, *parts: bytes) -> bytes:
    """One box of a HEIC."""
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind: bytes, version: int, *parts: bytes) -> bytes:
    """A box with a version and no flags."""
    return box(kind, struct.pack(">I", version << 24), *parts)


def heic_grid(tiles: int, side: int) -> bytes:
    """The head of a HEIC that announces a small picture made of `tiles` tiles of `side` × `side` pixels."""
    items = range(2, 2 + tiles)
    sizes = (struct.pack(">II", 64, 64), struct.pack(">II", side, side))
    properties = box(b"ipco", *(full_box(b"ispe", 0, size) for size in sizes))
    associations = (struct.pack(">HBB", item, 1, 1 if item == 1 else 2) for item in (1, *items))
    references = struct.pack(f">HH{tiles}H", 1, tiles, *items)
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + full_box(
        b"meta",
        0,
        full_box(b"pitm", 0, struct.pack(">H", 1)),
        full_box(b"iref", 0, box(b"dimg", references)),
        box(b"iprp", properties, full_box(b"ipma", 0, struct.pack(">I", tiles + 1), *associations)),
    )


def bmp(pixels: list[int], masks: tuple[int, int, int], *, compression: int = 3, header: int = 40) -> bytes:
    """A BMP of one row of 32-bit pixels, whose red, green and blue are the bits `masks`."""
    size = struct.pack("<IiiHHIIiiII", header, len(pixels), 1, 1, 32, compression, 0, 2835, 2835, 0, 0)
    fields = struct.pack("<III", *masks) + bytes(4 if compression == 6 and header == 40 else 0)
    head = (size + fields).ljust(header, b"\0")
    start = 14 + len(head)
    content = struct.pack(f"<{len(pixels)}I", *pixels)
    return b"BM" + struct.pack("<IHHI", start + len(content), 0, 0, start) + head + content
