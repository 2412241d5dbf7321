"""Dreams that take no time and are pictures all the same: for tests that look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.support import pretended_dreams
from dream.octaves import final_size
from dream.picture import contents, decode, encode, resize
from dream.render import Progress, Rendered, Work


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Do as pretended dreams do; the result is the source's negative, as large as the recipe asks for."""
    pretended = pretended_dreams.render(work, on_progress, cancelled)
    source = decode(contents(work.source)) if work.source else np.full((96, 96, 3), 0.4, np.float32)
    width, height = final_size(work.recipe, source.shape[1], source.shape[0])
    data, _ = encode(1 - np.clip(resize(source, width, height), 0, 1), recipe=str(work.recipe))
    return replace(pretended, data=data, report=replace(pretended.report, width=width, height=height))
