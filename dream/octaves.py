"""The sizes a dream grows through, and how many steps each gets: pure arithmetic, shared with whoever must
foretell how long a dream will take."""

from dataclasses import dataclass

from dream.recipe import Recipe

DEFAULT_SIZE = 1024
"""A picture whose recipe names no size is dreamt at its own size, but with no longer side than this."""

SMALLEST = 75
"""No octave's shorter side is below this: the networks see nothing in less."""

VIDEO_SIZE = 512
"""The same for a video."""

FRAMES_PER_SECOND = 24


@dataclass(frozen=True, slots=True)
class Octave:
    """One size of the dream, in pixels, and the gradient steps taken at it."""

    width: int
    height: int
    steps: int


def final_size(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The promised (width, height) in pixels of a dream of a picture of this size."""
    longer = recipe.size or min(max(width, height), VIDEO_SIZE if recipe.is_video else DEFAULT_SIZE)
    width, height = _scaled(width, height, longer / max(width, height))
    if recipe.is_video:  # H.264 halves the colours' resolution
        width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
    return width, height


def frames(recipe: Recipe) -> int:
    """How many frames a video has."""
    return round((recipe.settled().seconds or 0) * FRAMES_PER_SECOND)


def octaves(recipe: Recipe, width: int, height: int) -> tuple[Octave, ...]:
    """The octaves, smallest first, of a dream of a picture of `width` × `height` pixels.

    The last is the dream's final size, except that `quality=rich` and pictures too small for a network are
    dreamt larger and brought down. It gets half of the steps, and the smaller ones share the others: together
    they take `recipe.steps` on each octave on average.
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
    each = max(1, round(total / 2 / max(1, len(smaller))))
    return (*(Octave(*size, each) for size in smaller), Octave(*last, max(1, total - each * len(smaller))))


def work(recipe: Recipe, width: int, height: int) -> float:
    """Pixels times steps over all octaves: what the time of a dream is proportional to on one network.

    Each frame of a zoom takes one step at its size and one at half of it.
    """
    pixels = sum(o.width * o.height * o.steps for o in octaves(recipe, width, height))
    if recipe.is_video and recipe.zoom != 1:
        width, height = final_size(recipe, width, height)
        pixels += round(1.25 * width * height * frames(recipe))
    return float(pixels)


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))
