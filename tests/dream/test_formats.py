import io

import pytest
from PIL import Image

from config.schema import Picture
from dream.formats import FORMATS, Limits, format_of, is_picture


@pytest.mark.parametrize(
    ("filename", "content_type", "expected"),
    [
        ("cat.JPG", None, True),
        ("cat.heif", "application/octet-stream", True),
        ("cat", "image/png; charset=binary", True),
        ("cat.bin", "IMAGE/AVIF", True),
        ("drawing.svg", "image/svg+xml", False),
        ("drawing.svg", None, False),
        ("film.mp4", "video/mp4", False),
        ("png", None, False),
    ],
)
def test_pictures_are_told_by_name_or_content_type(filename, content_type, expected):
    assert is_picture(filename, content_type) is expected


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF"])
def test_every_format_is_known_by_its_first_bytes(name):
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, name)
    assert format_of(data.getvalue()) == name


def test_heic_is_known_and_text_and_svg_are_not(data):
    assert format_of((data / "chelsea.heic").read_bytes()) == "HEIF"
    for text in (b"", b"BMW and other cars", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF....WAVE"):
        assert format_of(text) is None
    assert len(FORMATS) == 8


def test_the_engine_and_the_bot_have_the_same_limits():
    configured = Picture()
    assert (configured.max_bytes, configured.max_pixels, configured.max_frames) == (
        Limits().bytes,
        Limits().pixels,
        Limits().frames,
    )
