"""Optical flow: where each pixel of a frame was in the frame before, and whether it was seen there at all.

Dense inverse search (Kroeger et al., 2016), as OpenCV has it, in both directions. A pixel was seen before
where following the flow back and forth returns to it (Sundaram et al., 2010) and both frames look alike
there. OpenCV is imported when flow is first asked for.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dream.picture import Pixels

CUT_SEEN = 0.35
"""The share of a frame that was seen in the one before, below which there is a cut between them."""

STILL_PIXELS, STILL_CHANGE = 0.7, 0.012
"""A motion of fewer pixels, where the frames differ by less, is noise: what is there stands still."""

STEADY = 0.02
"""The change of contrast up to which there is no fade."""

UNLIKE = 0.12
"""The difference in detail of two frames, in the pixels' range, beyond which they do not show the same."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How one frame's pixels moved to the next.

    `origin` has shape (height, width, 2): the x and y in the earlier frame of each pixel of the later one.
    `seen`, (height, width, 1), is 1 where that pixel was seen in the earlier frame, 0 where it was uncovered
    since, and between at the borders. `fade` is the later frame's contrast over that of the earlier, where it
    was seen: 1, but for fades.
    """

    origin: NDArray[np.float32]
    seen: NDArray[np.float32]
    fade: float = 1.0

    @property
    def is_cut(self) -> bool:
        """Whether the frames have so little in common that a new scene begins."""
        return float(self.seen.mean()) < CUT_SEEN

    def carry(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """`values` of the earlier frame, (height, width, channels), moved to where they are in the later."""
        import cv2

        moved = cv2.remap(values, self.origin, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved.reshape(values.shape), np.float32)


def motion(before: Pixels, after: Pixels) -> Motion:
    """The motion from the frame `before` to the frame `after`, both of one size."""
    import cv2

    grey, later_grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after))
    earlier, later = ((np.clip(plane, 0, 1) * 255).astype(np.uint8) for plane in (grey, later_grey))
    flow = _estimator()
    backward, forward = flow.calc(later, earlier, None), flow.calc(earlier, later, None)

    change = cv2.blur(np.abs(after - before).max(axis=2), (9, 9))
    still = (np.square(backward).sum(axis=2) < STILL_PIXELS**2) & (change < STILL_CHANGE)
    backward[still] = 0

    height, width = later.shape
    grid = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    origin = grid + backward
    there = cv2.remap(forward, origin, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = np.square(backward + there).sum(axis=2)
    length = np.square(backward).sum(axis=2) + np.square(there).sum(axis=2)
    inside = ((origin > -1) & (origin < (width, height))).all(axis=2)
    detail = _detail(later_grey) - cv2.remap(_detail(grey), origin, None, cv2.INTER_LINEAR)
    alike = cv2.blur(np.abs(detail), (5, 5)) < UNLIKE
    seen = (((gap < 0.01 * length + 0.5) & alike) | still) & inside
    seen = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    carried = cv2.remap(grey, origin, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    fade = (_contrast(later_grey, seen) + 1e-3) / (_contrast(carried, seen) + 1e-3)
    steady = abs(fade - 1) < STEADY
    softened = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 1.0)[..., None]
    return Motion(origin, softened, 1.0 if steady else fade)


def _contrast(grey: NDArray[np.float32], seen: NDArray[np.uint8]) -> float:
    """The standard deviation of a frame where it was seen."""
    return float(grey[seen > 0].std()) if seen.any() else 0.0


def _detail(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of a frame does not depend on its brightness, so that a fade is no new scene."""
    import cv2

    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 12.0), np.float32)


@functools.cache
def _estimator() -> Any:
    import cv2

    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
