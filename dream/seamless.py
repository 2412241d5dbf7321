"""Pictures that tile: their rows or columns go on at the other side without a seam."""

import numpy as np

from dream.picture import Pixels, resize

BAND = 0.2
"""The share of a side that is cross-faded."""


def seamless(pixels: Pixels, *, down: bool, across: bool) -> Pixels:
    """`pixels` of the same size, whose bottom goes on at the top (`down`) and whose right at the left.

    The end of each such side is laid over its beginning and cross-faded with it; the rest, which is that much
    smaller, is enlarged again.
    """
    height, width = pixels.shape[:2]
    result = _joined(pixels) if down else pixels
    if across:
        result = _joined(result.swapaxes(0, 1)).swapaxes(0, 1)
    return np.clip(resize(result, width, height, wrap=(down, across)), 0, 1)


def _joined(pixels: Pixels) -> Pixels:
    """The rows of `pixels`, less a band, which is cross-faded from the last into the first."""
    band = round(len(pixels) * BAND)
    if not band:
        return pixels
    result = pixels[: len(pixels) - band].copy()
    share = ((np.arange(band, dtype=np.float32) + 0.5) / band)[:, None, None]
    share = share * share * (3 - 2 * share)
    result[:band] = share * pixels[:band] + (1 - share) * pixels[len(pixels) - band :]
    return result
