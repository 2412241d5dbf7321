"""Where the pixels of a frame come from, and which were seen before."""

import numpy as np
import pytest

from dream.flow import motion
from dream.picture import Pixels, decode
from tests.support.clips import pan


@pytest.fixture(scope="module")
def frames(samples: dict[str, bytes]) -> list[Pixels]:
    return pan(decode(samples["coffee"]), 6, (200, 120), step=5)


def test_a_pan_is_found_and_its_uncovered_border_with_it(frames: list[Pixels]) -> None:
    moved = motion(frames[0], frames[1])
    inner = moved.origin[20:-20, 20:-20] - np.dstack(np.meshgrid(np.arange(20, 180), np.arange(20, 100)))
    assert np.median(inner[..., 0]) == pytest.approx(5, abs=0.2)
    assert np.median(inner[..., 1]) == pytest.approx(0, abs=0.2)
    assert moved.seen[:, :180].mean() > 0.9
    assert moved.seen[:, -3:].mean() < 0.2, "what the pan uncovers"


def test_carrying_a_frame_along_gives_the_next(frames: list[Pixels]) -> None:
    moved = motion(frames[0], frames[1])
    error = np.abs(moved.carry(frames[0]) - frames[1]).mean(axis=2, keepdims=True)
    assert error[moved.seen > 0.99].mean() < 0.25 * np.abs(frames[0] - frames[1]).mean()


def test_what_stands_still_is_carried_exactly(frames: list[Pixels]) -> None:
    noise = np.random.default_rng(1).normal(0, 0.002, frames[0].shape).astype(np.float32)
    moved = motion(frames[0], np.clip(frames[0] + noise, 0, 1))
    assert np.array_equal(moved.carry(frames[3]), frames[3])
    assert moved.seen.min() > 0.99


def test_another_scene_is_a_cut_and_a_fade_is_none(frames: list[Pixels], samples: dict[str, bytes]) -> None:
    other = pan(decode(samples["rocket"]), 1, (200, 120))[0]
    assert motion(frames[0], other).is_cut
    assert not motion(frames[0], frames[0] * np.float32(0.85)).is_cut
