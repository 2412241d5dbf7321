"""Dreams that only pretend. Workers import this by its name, which no other module in tests has."""

from collections.abc import Callable

from dream.dreamer import Report
from dream.picture import PictureError
from dream.render import Progress, Rendered, Work


def warm() -> None:
    """Nothing to load."""


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    recipe = work.recipe
    if recipe.steps == 13:
        raise PictureError("This dream was not to be.")
    report = Report(str(recipe), recipe.network, recipe.layers, "bundled", None, 8, 8, 1, 0.1, 0.0, 1.0)
    return Rendered(b"dreamt " + (work.source or b"of a sky")[:100], "dream.jpg", report)
