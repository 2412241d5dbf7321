"""Dreams that only pretend, for the farm under the queue: `steps` says how long, `seed` what goes wrong."""

import os
import signal
import time
from collections.abc import Callable

from dream.dreamer import Cancelled, Report
from dream.picture import PictureError
from dream.render import Progress, Rendered, Work

STEP = 0.05
KILLS_ITS_WORKER, BREAKS, IS_NO_PICTURE = 13, 14, 15


def warm() -> None:
    """Nothing to load."""


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    recipe = work.recipe
    match recipe.seed:
        case 13:
            os.kill(os.getpid(), signal.SIGKILL)
        case 14:
            raise ZeroDivisionError("broken")
        case 15:
            raise PictureError("That file is no picture; please attach a JPEG or PNG.")
    steps = recipe.steps or 1
    for step in range(steps):
        if cancelled():
            raise Cancelled
        time.sleep(STEP)
        on_progress(Progress(step + 1, steps, 1, 1, 0.0))
    report = Report(
        str(recipe), recipe.network, recipe.layers, "bundled", None, 8, 8, steps, steps * STEP, 0.0, 1.0
    )
    return Rendered(b"dreamt " + (work.source or b""), "dream.png", report)
