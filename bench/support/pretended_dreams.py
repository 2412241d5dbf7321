"""Dreams that only sleep: what is tested or measured is the farm, the queue or the bot, not the networks."""

import os
import signal
import time
from collections.abc import Callable
from typing import Final

from dream.dreamer import Cancelled, Report
from dream.picture import PictureError, contents
from dream.render import Progress, Rendered, Work

STEP: Final = 0.05
"""Seconds that one step takes."""
KILLS_ITS_WORKER, BREAKS, IS_NO_PICTURE, WAITS = 11, 12, 13, 49
"""Numbers of steps whose dream does this instead; one that waits does so until it is cancelled."""


def warm() -> None:
    """Do nothing: there is no network to load."""


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Sleep for each step that the recipe asks for, if it does; the result is "dreamt" and the source."""
    recipe = work.recipe
    if recipe.steps == KILLS_ITS_WORKER:
        os.kill(os.getpid(), signal.SIGKILL)
    if recipe.steps == BREAKS:
        raise ZeroDivisionError("broken")
    if recipe.steps == IS_NO_PICTURE:
        raise PictureError("That file is no picture; please attach a JPEG or PNG.")
    while recipe.steps == WAITS:
        if cancelled():
            raise Cancelled
        time.sleep(STEP)
    steps = recipe.steps or 0
    for step in range(steps):
        if cancelled():
            raise Cancelled
        time.sleep(STEP)
        on_progress(Progress(step + 1, steps, 1, 1, 0.0, (step + 1) / steps))
    report = Report(
        str(recipe),
        "+".join(recipe.networks),
        recipe.layers,
        "bundled",
        None,
        64,
        64,
        steps,
        steps * STEP,
        0.0,
        1.0,
    )
    source = b"of a sky" if work.source is None else contents(work.source)
    return Rendered(b"dreamt " + source, "dream.mp4" if recipe.moves else "dream.png", report)
