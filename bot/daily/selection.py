"""Random choice of the next picture and preset; pure functions."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.daily.sources import Source

WEIGHTS: Final = {"members": 6, "folder": 3, "samples": 1, "sky": 1}
"""The weight of each kind of source while it has unused pictures."""


def pick(
    candidates: Mapping[str, Sequence[Source]],
    used: Mapping[str, datetime],
    excluded: Collection[str],
    rng: random.Random,
) -> Source | None:
    """Choose a kind at random by its weight, then one of its pictures uniformly.

    `used` has the time of each picture's last use. If all are used, the least recently used is chosen.
    `excluded` ones are never chosen. None if there is none.
    """
    allowed = [one for sources in candidates.values() for one in sources if one.name not in excluded]
    unused: dict[str, list[Source]] = {}
    for source in allowed:
        if source.name not in used:
            unused.setdefault(source.kind, []).append(source)
    if unused:
        kinds = sorted(unused)
        return rng.choice(unused[rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]])
    return min(allowed, key=lambda source: used[source.name], default=None)


def next_preset(votes: Sequence[tuple[str, int]], presets: Collection[str], rng: random.Random) -> str:
    """Choose the next preset at random, weighted by votes, and other than the last one.

    `votes` are the preset and the votes of each earlier post, in order. A preset's weight is two to the power
    of its mean votes, clipped to [1/4, 4]; that of an unused one is 1.
    """
    steps = sorted(presets)
    if len(steps) > 1 and votes:
        steps = [preset for preset in steps if preset != votes[-1][0]]

    def weight(preset: str) -> float:
        earned = [count for name, count in votes if name == preset]
        # Two pseudo-observations without votes regularise the mean.
        return float(2.0 ** max(-2.0, min(2.0, sum(earned) / (len(earned) + 2))))

    return rng.choices(steps, [weight(preset) for preset in steps])[0]
