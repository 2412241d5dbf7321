"""A generated picture to dream on where there is none: a sky with clouds."""

import numpy as np

from dream.picture import Pixels, resize


def sky(width: int, height: int, seed: int = 0) -> Pixels:
    """A sky with clouds as pixels of shape (height, width, 3); the same seed gives the same sky.

    The clouds are a sum of noise at doubling frequencies, each with half the amplitude of the one before,
    over a vertical gradient of blue.
    """
    random = np.random.default_rng(seed)
    clouds = np.zeros((height, width, 1), np.float32)
    cells, weight = 3, 1.0
    while cells < max(width, height) / 3:
        shape = (max(2, round(cells * height / max(width, height))), max(2, cells), 1)
        clouds += weight * resize(random.standard_normal(shape).astype(np.float32), width, height)
        cells, weight = cells * 2, weight * 0.5
    clouds = 1 / (1 + np.exp(-2.2 * (clouds - clouds.mean()) / (clouds.std() + 1e-6)))
    depth = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    blue = (1 - depth) * np.array([0.24, 0.42, 0.68], np.float32) + depth * np.array(
        [0.55, 0.70, 0.85], np.float32
    )
    white = np.array([0.93, 0.91, 0.90], np.float32)
    return np.asarray(blue + (white - blue) * clouds * 0.85, np.float32)
