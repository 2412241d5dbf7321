"""Dreams that only pretend, for the farm under the settings; a step takes 20 ms."""

import time
from collections.abc import Callable

from dream.dreamer import Cancelled, Report
from dream.render import Progress, Rendered, Work


def warm() -> None:
    """Nothing to load."""


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    recipe = work.recipe
    for _ in range(recipe.steps or 0):
        if cancelled():
            raise Cancelled
        time.sleep(0.02)
    report = Report(str(recipe), recipe.network, recipe.layers, "bundled", None, 8, 8, 1, 0.1, 0.0, 1.0)
    return Rendered(b"dreamt " + (work.source or b"of a sky"), "dream.jpg", report)
