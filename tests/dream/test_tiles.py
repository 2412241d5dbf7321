"""Tiles cover a picture, on the networks' grid, and come back to where they were cut."""

import numpy as np
import pytest

from dream.tiles import GRID, OVERLAP, SMALLEST, cut, paste, spans, tiles


@pytest.mark.parametrize(("length", "count"), [(97, 1), (640, 2), (683, 5), (1024, 8), (3000, 3)])
def test_tiles_cover_every_pixel_once_on_the_networks_grid(length, count):
    found = list(spans(length, count))
    decided = np.concatenate([np.arange(length)[span.kept] for span in found])
    assert len(found) == count
    assert np.array_equal(decided, np.arange(length))
    for span in found:
        assert span.start <= span.kept.start < span.kept.stop <= span.start + span.size <= length
        assert span.start % GRID == 0
        assert (length - span.size) % GRID == 0


@pytest.mark.parametrize(
    ("height", "width"), [(700, 700), (683, 1024), (4096, 4096), (8000, 300), (3000, 97)]
)
@pytest.mark.parametrize("most", [160**2, 640**2, 1216**2])
def test_tiles_are_no_larger_than_they_may_and_overlap_little(height, width, most):
    found = tiles(height, width, most)
    areas = {rows.size * columns.size for rows, columns in found}
    assert max(areas) <= most
    assert sum(rows.length * columns.length for rows, columns in found) == height * width
    assert len(found) * max(areas) < (1 + 3 * OVERLAP / most**0.5) ** 2 * height * width


def test_a_picture_that_cannot_be_cut_small_enough_is_cut_as_small_as_can_be():
    assert len(tiles(1000, 100, 5000)) == 14


@pytest.mark.parametrize(("height", "width"), [(300, 200), (128, 128), (1, 500), (5, 7)])
@pytest.mark.parametrize("shift", [(0, 0), (31, 3)])
def test_tiles_of_a_rolled_picture_come_back_to_where_they_were(height, width, shift):
    picture = np.random.default_rng(1).random((height, width, 3), np.float32)
    rolled = np.roll(picture, shift, (0, 1))
    again = np.zeros((3, height, width), np.float32)
    for rows, columns in tiles(height, width, 160**2):
        tile = cut(picture, rows, columns, shift)
        assert min(tile.shape[:2]) >= SMALLEST
        assert np.array_equal(
            tile[: height - rows.start, : width - columns.start],
            rolled[rows.start :, columns.start :][: rows.size, : columns.size],
        )
        paste(tile.transpose(2, 0, 1), again, rows, columns, shift)
    assert np.array_equal(again, picture.transpose(2, 0, 1))


def test_a_picture_too_small_for_a_network_repeats_itself():
    picture = np.random.default_rng(1).random((30, 120, 3), np.float32)
    ((rows, columns),) = tiles(30, 120, 512**2)
    tile = cut(picture, rows, columns, (4, 5))
    assert tile.shape == (SMALLEST, 120, 3)
    assert np.array_equal(tile[:30], tile[30:60])
