"""What a worker runs: bytes in, bytes out, everything picklable, TensorFlow imported only when it dreams."""

from collections.abc import Callable
from dataclasses import dataclass

from dream.dreamer import Report
from dream.picture import Limits


@dataclass(frozen=True, slots=True)
class Work:
    """One dream to be rendered.

    `source` is the picture's file, None for a dream from nothing; `guide` a second picture that says what to
    look for. `inception_v3` is the operator's weights file. Previews have a longer side of `preview_size`
    pixels (0: none). The result is at most `max_bytes` large.
    """

    source: bytes | None
    recipe: str
    guide: bytes | None = None
    limits: Limits = Limits()
    inception_v3: str | None = None
    preview_size: int = 320
    max_bytes: int = 10_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dream has come. `preview` is a small JPEG, or None when it has not changed much."""

    step: int
    steps: int
    octave: int
    octaves: int
    objective: float
    preview: bytes | None = None

    @property
    def done(self) -> float:
        """The share of the steps taken, in [0, 1]."""
        return self.step / self.steps


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished dream as a file to post."""

    data: bytes
    filename: str
    report: Report


def render(
    work: Work,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Rendered:
    """Dream `work`. Raises PictureError, RecipeError, Cancelled."""
    raise NotImplementedError


def warm() -> None:
    """Load the default network and dream a few pixels, so that the first dream of this process is quick."""
