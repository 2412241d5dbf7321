"""Dreams that only sleep, so that a bench measures the queue and the farm and not the networks."""

import time
from collections.abc import Callable

from dream.dreamer import Cancelled, Report
from dream.render import Progress, Rendered, Work

STEP = 0.05
"""Seconds that one step of a pretended dream takes."""


def warm() -> None:
    """Nothing to load."""


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Sleep for the recipe's steps; the result is a few bytes that name the recipe."""
    recipe = work.recipe
    steps = recipe.steps or 10
    for step in range(steps):
        if cancelled():
            raise Cancelled
        time.sleep(STEP)
        on_progress(Progress(step + 1, steps, 1, 1, 0.0))
    report = Report(
        str(recipe), recipe.network, recipe.layers, "bundled", None, 64, 64, steps, steps * STEP, 0.0, 1.0
    )
    return Rendered(f"a dream of {recipe}".encode(), "dream.png", report)
