"""The whole dream: from a picture and a recipe to the dreamt picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dream.picture import Limits, Pixels
from dream.recipe import Recipe


class Cancelled(Exception):  # noqa: N818
    """The dream was stopped by whoever asked for it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dream has come. `step` of `steps` counts over all octaves; `preview` is what it looks like."""

    step: int
    steps: int
    octave: int
    octaves: int
    objective: float
    preview: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class Report:
    """What was dreamt and how.

    `weights` is "imagenet" (Keras' own), "bundled" or the path of the operator's file. `fallback` is None, or
    the layers of InceptionV3 that were asked for and that bundled ones stood in for. `objective_before` and
    `objective_after` are the recipe's objective on the picture and on the dream, at the dream's size.
    """

    recipe: str
    model: str
    layers: tuple[str, ...]
    weights: str
    fallback: str | None
    width: int
    height: int
    steps: int
    seconds: float
    objective_before: float
    objective_after: float


@dataclass(frozen=True, slots=True)
class Dream:
    """A finished dream."""

    pixels: Pixels
    report: Report


def dream(
    picture: bytes | Pixels | None,
    recipe: Recipe | str,
    *,
    guide: bytes | Pixels | None = None,
    inception_v3: Path | None = None,
    limits: Limits = Limits(),  # noqa: B008
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Dream:
    """Dream of `recipe` on `picture`, or on a generated sky if it is None."""
    raise NotImplementedError
