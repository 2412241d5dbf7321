"""Tiles cover a picture, on the networks' grid, and come back to where they were cut."""

import numpy as np
import pytest

from dream.tiles import GRID, SMALLEST, cut, paste, spans


@pytest.mark.parametrize("length", [97, 640, 683, 1024, 3000])
@pytest.mark.parametrize("tile", [128, 288, 640])
def test_tiles_cover_every_pixel_once_on_the_networks_grid(length, tile):
    found = list(spans(length, tile))
    decided = np.concatenate([np.arange(length)[span.kept] for span in found])
    assert np.array_equal(decided, np.arange(length))
    for span in found:
        assert span.start <= span.kept.start < span.kept.stop <= span.start + span.size <= length
        assert span.size <= tile + GRID
        assert span.start % GRID == 0
        assert (length - span.size) % GRID == 0


@pytest.mark.parametrize(("height", "width"), [(300, 200), (128, 128), (1, 500), (5, 7)])
@pytest.mark.parametrize("shift", [(0, 0), (31, 3)])
def test_tiles_of_a_rolled_picture_come_back_to_where_they_were(height, width, shift):
    picture = np.random.default_rng(1).random((height, width, 3), np.float32)
    rolled = np.roll(picture, shift, (0, 1))
    again = np.zeros((3, height, width), np.float32)
    for rows in spans(height, 128):
        for columns in spans(width, 128):
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
    (rows,), (columns,) = spans(30, 512), spans(120, 512)
    tile = cut(picture, rows, columns, (4, 5))
    assert tile.shape == (SMALLEST, 120, 3)
    assert np.array_equal(tile[:30], tile[30:60])
