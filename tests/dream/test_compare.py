"""Loops that show a picture and its dream."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dream.compare import morph_back, wipe
from tests.support.pictures import png


def brightness(gif: bytes) -> list[float]:
    """Of each frame of an animation."""
    with Image.open(io.BytesIO(gif)) as loop:
        assert loop.info["loop"] == 0
        return [float(np.asarray(frame.convert("L")).mean()) for frame in ImageSequence.Iterator(loop)]


@pytest.mark.parametrize(("made", "first"), [(wipe, 0), (morph_back, 255)])
def test_a_loop_goes_from_one_to_the_other_and_back(made: Callable[..., bytes], first: int) -> None:
    shown = brightness(made(png(96, 64, "black"), png(96, 64, "white")))
    middle = len(shown) // 2
    assert shown[0] == pytest.approx(first, abs=3) and shown[middle] == pytest.approx(255 - first, abs=3)
    there = np.diff(shown[: middle + 1]) * (1 if first == 0 else -1)
    assert (there >= 0).all() and shown[1:middle] == pytest.approx(shown[:middle:-1], abs=3)
