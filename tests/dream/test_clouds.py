import numpy as np
import pytest

from dream.clouds import sky


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (320, 240)])
def test_a_sky_is_a_picture_that_its_seed_decides(size):
    width, height = size
    first = sky(width, height, seed=4)
    assert first.shape == (height, width, 3)
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1
    assert np.array_equal(first, sky(width, height, seed=4))


def test_a_sky_is_blue_above_and_differs_by_seed():
    picture = sky(320, 240, seed=1)
    red, _, blue = picture.mean(axis=(0, 1))
    assert blue > red + 0.05
    assert np.abs(picture - sky(320, 240, seed=2)).mean() > 0.02
