"""Dreaming on frames that follow each other, so that what grew on a thing stays on it.

The change that the dream makes to a frame is carried to the next one along the optical flow. There a step of
gradient ascent at a smaller size and two at its own are added, at each place as much of them as makes the
change as strong as it was on the first frame, but not more than a little: what carrying loses besides is
given back by scaling what is there. What was covered before starts from the frame itself, and grows in a few
frames to the strength around it. A new scene is dreamt from nothing.

In a morph the objective moves from frame to frame. As much of the change as belongs to what is left behind is
taken away meanwhile, and the steps grow what comes next out of what remains.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dream.dreamer import Dreamer, Report, blended
from dream.flow import Motion, motion
from dream.octaves import SMALLEST
from dream.picture import Pixels, resize
from dream.recipe import Recipe, RecipeError
from dream.texts import Text

KEPT = 0.99
"""How much of a carried change is left; what is lost grows anew, after the frame as it is now."""

RENEWAL = 0.06
"""The most that a frame's steps add to the change where it is strong enough, relative to that wanted."""

ENOUGH = 0.87
"""The share of the strength wanted somewhere that is strong enough; where there is less, it grows fast."""

RESTORED = 1.03
"""The most that a carried change is scaled by, to be as strong as wanted."""

LEFT_BEHIND = 4.0
"""How fast what grew earlier in a morph goes: of a whole recipe's change exp(-LEFT_BEHIND) is left."""

COARSE = 0.625
"""The scale of the coarser of a frame's steps."""

FINE_STEPS = 2
"""Steps at a frame's own size, each of `FINE_STEP_SIZE` times the recipe's strength."""

FINE_STEP_SIZE = 0.7

LEAST = np.float32(1e-3)
"""The least strength wanted anywhere."""

ALIKE = 1.5
"""How far the dreams of two scenes may differ in strength to be made equally strong."""

GROWTH = 0.7
"""How fast: the most that a frame's steps add where there is nothing, relative to the strength wanted."""

GIVING_UP = 0.1
"""How far, at each frame, the wanted strength falls where it is out of reach, as in black and white."""

MOST_STRENGTH = 6.0
"""The most that a dream gains while its clip fades in, relative to the recipe's strength."""

DARK, LIGHT, BLACK = 0.25, 0.9, 0.04
"""A scene whose brightest parts are below `DARK` at first fades in. It is dreamt as if they were `LIGHT`, and
the dream darkened as much; below `BLACK` nothing can be told."""

MUCH_GROWTH = 0.12
"""The mean growth beyond which a frame is given a second round of steps."""

PLACE = 1 / 48
"""The deviation of the Gaussian over which a place's strength is measured, relative to the longer side."""


@dataclass(frozen=True, slots=True)
class State:
    """What a frame's dream leaves for the next.

    `change` is what the dream adds to `frame`; `target`, (height, width, 1), how strong it is to be at each
    place, as a root mean square.
    """

    frame: Pixels
    change: Pixels
    target: NDArray[np.float32]


class FrameDreamer:
    """Dreams one frame after the other after `recipe`, with the other arguments of `dream.dreamer.dream`.

    `scene` is the dreamer of the scene that the last frame belongs to; there is none before the first. Raises
    RecipeError for what only pictures can have.
    """

    scene: Dreamer
    report: Report
    """How the first frame was dreamt."""
    steps = 0
    """Steps of gradient ascent so far."""

    def __init__(self, recipe: Recipe, **options: Any) -> None:
        if recipe.only or recipe.except_ or recipe.tile:
            raise RecipeError(
                Text("only, except and tile are for pictures; leave them out, or write still for one frame.")
            )
        self.recipe = recipe
        self._options = options
        self._strength = 0.0
        self._position = 0.0
        self._last: State | None = None

    def dream(self, frame: Pixels, position: float = 0.0) -> State:
        """The dream of the next frame, at `position` in a morph, from 0 to 1. Raises Cancelled."""
        last, kept = self._last, 1.0
        if last is not None and self.recipe.is_morph:
            last, kept = self._moved(last, position)
        self._position = position
        moved = motion(last.frame, frame) if last else None
        out_of_black = last is not None and _light(last.frame) < BLACK <= _light(frame)
        if last is None or moved is None or moved.is_cut or out_of_black:
            self._last = self._begin(frame)
        else:
            self._last = self._follow(last, frame, moved, kept)
        return self._last

    def _moved(self, state: State, position: float) -> tuple[State, float]:
        """Move on to `position`; returns what is left of a dream there, and the share of it."""
        before, now = (self.recipe.shares(at) for at in (self._position, position))
        left_behind = sum(max(was - is_now, 0.0) for was, is_now in zip(before, now, strict=True))
        strength_before = self.scene.recipe.strength
        self.scene.move_to(position)
        assert strength_before and self.scene.recipe.strength
        stronger = self.scene.recipe.strength / strength_before
        self._strength *= stronger
        kept = math.exp(-LEFT_BEHIND * left_behind)
        target = np.maximum(state.target * np.float32(stronger), LEAST)
        return State(state.frame, state.change * np.float32(kept), target), kept

    def finished(self, state: State) -> Pixels:
        """A dreamt frame as the recipe's `keep` and `blend` want it."""
        return blended(state.frame + state.change, state.frame, self.recipe)

    def dream_back(self, frames: Iterable[Pixels], state: State) -> list[State]:
        """The dreams of `frames`, each before the other in time, that lead into the dream `state`.

        They end where there is a cut.
        """
        found = []
        for frame in frames:
            moved = motion(state.frame, frame)
            if moved.is_cut:
                break
            state = self._follow(state, frame, moved)
            found.append(state)
        return found

    def go_on(
        self, first: State, last: State, scene: Pixels, report: Report, steps: int, position: float
    ) -> None:
        """Go on after the frame `last` of a clip begun by `first`; its scene began with the frame `scene`.

        `position` is that of the last frame in a morph.
        """
        self._position = position
        self.scene = self._dreamer(scene)
        self.report, self.steps = report, steps
        self._strength, self._last = strength(first.change), last

    def _dreamer(self, frame: Pixels) -> Dreamer:
        whole = dataclasses.replace(self.recipe, size=max(frame.shape[:2]), keep=None, blend=None)
        dreamer = Dreamer(frame, whole, **self._options)
        if whole.is_morph:
            dreamer.move_to(self._position)
        return dreamer

    def _begin(self, frame: Pixels) -> State:
        light = _light(frame)
        gain = np.float32(LIGHT / max(light, BLACK) if light < DARK else 1)
        lit = np.clip(gain * frame, 0, 1)
        self.scene = self._dreamer(lit)
        dream = self.scene.dream()
        change = dream.pixels - lit
        if not self.steps:
            self.report = dream.report
        self.steps += self.scene.steps
        natural = strength(change)
        if natural > ALIKE * self._strength:  # of the first scene, or one before that was all but black
            self._strength = natural
        target = np.sqrt(_local_mean(change * change))
        target *= np.float32(min(self._strength / (natural or 1.0), ALIKE))
        return State(frame, change / gain, np.maximum(target / gain, LEAST))

    def _follow(self, state: State, frame: Pixels, moved: Motion, kept: float = 1.0) -> State:
        """The dream of `frame` after that of the frame before, of which a share was `kept` in a morph."""
        seen = moved.seen
        change = moved.carry(state.change) * (seen * np.float32(KEPT))
        target = _filled(np.maximum(moved.carry(state.target), LEAST), seen)
        if moved.fade != 1:
            most = max(1.0, MOST_STRENGTH * (self.recipe.settled().strength or 0) / strength(target))
            fade = np.float32(min(moved.fade, most))
            change, target = fade * change, np.maximum(fade * target, LEAST)
        before = np.clip(frame + change, 0, 1)
        change = before - frame
        pixels = before.copy()
        had = np.sqrt(_local_mean(change * change))
        growth = GROWTH * np.sqrt(np.maximum(ENOUGH**2 - np.square(had / target), 0))
        for _ in range(2 if float(growth.mean()) > MUCH_GROWTH else 1):
            self._ascend(pixels)
        update = pixels - before
        update -= update.mean(axis=(0, 1))  # neither brighter nor darker
        renewal = max(RENEWAL, math.sqrt(1 - kept * kept))  # of what is independent of what is there
        change += _gain(change, update, target, np.maximum(growth, np.float32(renewal))) * update
        change *= np.clip(target / np.sqrt(_local_mean(change * change) + np.float32(1e-9)), 1, RESTORED)
        change = np.clip(frame + change, 0, 1) - frame
        reached = np.sqrt(_local_mean(change * change))
        stuck = (reached < ENOUGH * target) & (reached < had + 0.03 * target)
        target += np.float32(GIVING_UP) * stuck * (reached - target)
        return State(frame, change, target)

    def _ascend(self, pixels: Pixels) -> None:
        """Take a frame's steps on `pixels`, in place."""
        recipe = self.scene.recipe
        assert recipe.strength
        random = np.random.default_rng((recipe.seed or 0, self.steps))
        height, width = pixels.shape[:2]
        if COARSE * min(height, width) >= SMALLEST:
            small = resize(pixels, round(COARSE * width), round(COARSE * height))
            changed = np.clip(small, 0, 1)
            self.scene.ascent.step(changed, recipe.strength, random)
            pixels += resize(changed - small, width, height)
            np.clip(pixels, 0, 1, out=pixels)
            self.steps += 1
        for _ in range(FINE_STEPS):
            self.scene.ascent.step(pixels, FINE_STEP_SIZE * recipe.strength, random)
            self.steps += 1


def mixture(one: State, other: State, share: float) -> State:
    """A mixture of two dreams of a frame, `share` of it the `other`, that is no weaker than they are."""
    mixed = one.change + np.float32(share) * (other.change - one.change)
    wanted = (1 - share) * strength(one.change) + share * strength(other.change)
    return dataclasses.replace(one, change=mixed * np.float32(wanted / (strength(mixed) or 1.0)))


def _light(frame: Pixels) -> float:
    """How bright the brightest parts of a frame are."""
    return float(np.quantile(frame, 0.99))


def strength(change: Pixels) -> float:
    """The root mean square of a change."""
    return math.sqrt(float(np.vdot(change, change)) / change.size)


def _gain(
    change: Pixels, update: Pixels, target: NDArray[np.float32], most: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How much of `update` brings the strength of `change` to `target` at each place: (height, width, 1).

    No more than is `most` times as strong as the target.
    """
    a = _local_mean(update * update) + np.float32(1e-9)
    b = _local_mean(change * update)
    c = np.minimum(_local_mean(change * change) - target * target, 0)
    gain = np.minimum((np.sqrt(b * b - a * c) - b) / a, most * target / np.sqrt(a))
    return np.asarray(gain, np.float32)


def _filled(values: NDArray[np.float32], seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """`values` where they were `seen`, and elsewhere what is usual around."""
    usual = _blurred(values * seen, 2) / (_blurred(seen, 2) + np.float32(1e-3))
    return np.asarray(values * seen + usual * (1 - seen), np.float32)


def _local_mean(values: Pixels) -> NDArray[np.float32]:
    """The mean of `values` around each place, over all colours, (height, width, 1)."""
    return _blurred(values.mean(axis=2, keepdims=True), 1)


def _blurred(plane: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    import cv2

    deviation = width * PLACE * max(plane.shape)
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), deviation)[..., None], np.float32)
