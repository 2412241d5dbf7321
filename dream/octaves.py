"""The octaves of a dream: the sizes it is computed at, and the gradient steps at each.

Pure arithmetic, which needs no network: cost estimates use it, too.
"""

from dataclasses import dataclass, replace

from dream.formats import ClipFormat
from dream.recipe import Recipe

DEFAULT_SIZE = 1024
"""A picture whose recipe names no size is dreamt at its own size, but with no longer side than this."""

SMALLEST = 75
"""The least shorter side of an octave, in pixels: smaller pictures activate the networks hardly at all."""

VIDEO_SIZE = 512
"""The longest side of a video or clip whose recipe names no size."""

FRAME_STEPS = 4.0
"""What a frame of a clip takes, in steps at its size: the gradients, and the optical flow."""

ZOOM_STEPS = 2.1
"""The same for a frame of a zoom: a step at its size, one at half of it, and the enlarging."""

WRITING_STEPS: dict[ClipFormat, float] = {"mp4": 0.1, "gif": 0.8, "webp": 0.3}
"""What writing a frame takes, in the same unit."""

CLOSING = 16
"""The most frames at the end of a loop that are computed twice, to lead into its first."""

FRAMES_PER_SECOND = 24

MOST_VARIANTS = 12
"""Dreams on a sheet, at most."""


@dataclass(frozen=True, slots=True)
class Octave:
    """One size of the dream, in pixels, and the gradient steps taken at it."""

    width: int
    height: int
    steps: int

    @property
    def work(self) -> int:
        """Pixels times steps."""
        return self.width * self.height * self.steps


def final_size(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The (width, height) in pixels of the result for a picture of this size."""
    if recipe.moves:
        return film_size(recipe, width, height)
    longer = recipe.size or min(max(width, height), DEFAULT_SIZE)
    return _scaled(width, height, longer / max(width, height))


def film_size(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The (width, height) in pixels of a video or clip: even, as H.264 halves the colours' resolution."""
    longer = recipe.size or min(max(width, height), VIDEO_SIZE)
    width, height = _scaled(width, height, longer / max(width, height))
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


def frames(recipe: Recipe) -> int:
    """The number of frames of the video, or morph of a picture, that `recipe` describes."""
    return round((recipe.settled().seconds or 0) * FRAMES_PER_SECOND)


def on_sheet(recipe: Recipe, count: int) -> Recipe:
    """A recipe as it is dreamt on a sheet of so many: small, and in no more time than usual."""
    size = 512 if count <= 2 else 384 if count <= 4 else 288
    quality = None if recipe.quality == "rich" else recipe.quality
    return replace(recipe, size=min(recipe.size or size, size), quality=quality)


def octaves(recipe: Recipe, width: int, height: int) -> tuple[Octave, ...]:
    """The octaves, smallest first, of a dream of a picture of `width` × `height` pixels.

    The last has the final size, except that `quality=rich` and pictures too small for a network are computed
    larger and scaled down. It gets half of the steps, of classes three tenths, and the smaller ones, which
    draw the shapes, share the rest, so that the mean over all octaves is `recipe.steps`.
    """
    recipe = recipe.settled()
    assert recipe.steps and recipe.octaves and recipe.scale
    width, height = final_size(recipe, width, height)
    top = 1.5 if recipe.quality == "rich" and max(width, height) <= 2048 else 1.0
    top = max(top, 2 * SMALLEST / max(width, height))
    scales = [top / recipe.scale**i for i in reversed(range(recipe.octaves))]
    smallest = min(top, SMALLEST / min(width, height))
    sizes = [_scaled(width, height, s) for s in scales if s >= smallest] or [_scaled(width, height, top)]
    *smaller, last = sizes
    total = recipe.steps * len(sizes)
    last_share = 0.3 if recipe.is_of_classes else 0.5
    each = max(1, round(total * (1 - last_share) / max(1, len(smaller))))
    return (*(Octave(*size, each) for size in smaller), Octave(*last, max(1, total - each * len(smaller))))


def work(recipe: Recipe, width: int, height: int, format: ClipFormat = "mp4") -> float:
    """Pixels times steps, summed over all octaves: on one network, computing time is proportional to it.

    A zoom becomes a film of this `format`. A frame of a morph takes those of a clip's, too.
    """
    still = float(sum(octave.work for octave in octaves(recipe, width, height)))
    if not recipe.is_video or recipe.zoom == 1:
        return still
    width, height = final_size(recipe, width, height)
    return still + zoom_work(recipe, width, height) + writing_work(format, width, height, frames(recipe))


def zoom_work(recipe: Recipe, width: int, height: int) -> float:
    """The same for the frames of a zoom of this size, which follow the dream of the picture."""
    count = frames(recipe)
    computed = count + (closing(count) if recipe.returns else 0)
    steps = ZOOM_STEPS + (FRAME_STEPS if recipe.is_morph else 0)
    return steps * computed * width * height


def writing_work(format: ClipFormat, width: int, height: int, count: int) -> float:
    """The same for writing a file of so many frames."""
    return WRITING_STEPS[format] * count * width * height


def closing(count: int) -> int:
    """How many of a loop's `count` frames are computed twice, to lead into its first."""
    return min(CLOSING, count // 3)


def clip_work(recipe: Recipe, width: int, height: int, count: int, format: ClipFormat = "mp4") -> float:
    """The same for a clip of so many frames: the dream of the first, and what each adds to it.

    A morph makes more of the one frame of a picture. What is not an MP4 loops.
    """
    width, height = film_size(recipe, width, height)
    count = frames(recipe) if recipe.is_morph and count == 1 else count
    dreamt = count + (closing(count) if format != "mp4" and recipe.returns else 0)
    frames_work = FRAME_STEPS * dreamt * width * height
    return work(recipe, width, height) + frames_work + writing_work(format, width, height, count)


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))
