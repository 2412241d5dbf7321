"""Dreams that take no time and are pictures all the same: for tests that look at them."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from PIL import Image, ImageOps

from dream.dreamer import Cancelled, Report
from dream.picture import contents
from dream.render import Progress, Rendered, Work

STEP = 0.05
"""Seconds that one step takes."""
SIDE = 96


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Sleep for each step that the recipe asks for, if it does; the result is the source's negative."""
    recipe = work.recipe
    sky = Image.new("RGB", (SIDE, SIDE), "navy")
    source = Image.open(io.BytesIO(contents(work.source))) if work.source else sky
    picture = ImageOps.invert(source.convert("RGB").resize((SIDE, SIDE)))
    steps = recipe.steps or 0
    for step in range(steps):
        if cancelled():
            raise Cancelled
        time.sleep(STEP)
        on_progress(Progress(step + 1, steps, 1, 1, 0.0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    networks, seconds = "+".join(recipe.networks), steps * STEP
    report = Report(
        str(recipe), networks, recipe.layers, "bundled", None, SIDE, SIDE, steps, seconds, 0.0, 1.0
    )
    return Rendered(file.getvalue(), "dream.png", report)
