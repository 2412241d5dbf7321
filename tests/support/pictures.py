"""Pictures that members of tests post."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

import dream

PHOTO = Path(dream.__file__).parent / "samples" / "chelsea.jpg"
"""A photograph of a cat."""


def png(width: int, height: int = 60, colour: str = "teal") -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def _small(path: Path) -> bytes:
    with Image.open(path) as image:
        file = io.BytesIO()
        image.resize((120, 80)).save(file, "JPEG")
    return file.getvalue()


CAT = _small(PHOTO)
"""The same of 120 × 80 pixels, which is dreamt in a moment."""


def pixels(data: bytes) -> tuple[int, int]:
    """The width and height of a picture."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size
