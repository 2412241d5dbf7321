"""Which picture and which preset come next: random choices without a database."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.daily.sources import Source

WEIGHTS: Final = {"members": 6, "folder": 3, "samples": 1, "sky": 1}
"""How often each kind of source is taken while it has pictures that were not used yet."""


def pick(
    candidates: Mapping[str, Sequence[Source]],
    used: Mapping[str, datetime],
    excluded: Collection[str],
    rng: random.Random,
) -> Source | None:
    """Choose among the kinds by their weights, then among a kind's pictures evenly.

    `used` says when a picture was last dreamt: those are passed over while others are left, then the one
    unused the longest is taken. `excluded` ones are never taken. None if nothing is left.
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
    """The next step of a random walk: never the same preset twice running, better liked ones more often.

    `votes` are the preset and the votes of each earlier post, in order. A preset weighs two to the power of
    its mean of votes, between 1/4 and 4; one that was not tried yet weighs 1.
    """
    steps = sorted(presets)
    if len(steps) > 1 and votes:
        steps = [preset for preset in steps if preset != votes[-1][0]]

    def weight(preset: str) -> float:
        earned = [count for name, count in votes if name == preset]
        # Two imagined posts without votes keep one loud day from deciding everything.
        return float(2.0 ** max(-2.0, min(2.0, sum(earned) / (len(earned) + 2))))

    return rng.choices(steps, [weight(preset) for preset in steps])[0]
