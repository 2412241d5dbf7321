"""What the buttons under a dream change in its recipe."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from bot.asking import seeded
from bot.errors import Refused
from bot.queue.request import Variant
from dream.recipe import OPTIONS, Recipe
from dream.texts import Text, _


def enlarged(recipe: Recipe, size: int, wanted: int) -> Recipe:
    """The recipe for a dream of `wanted` pixels instead of `size`, that looks alike.

    It grows through more octaves, so that the smallest one stays as large as it was.
    """
    settled = recipe.settled()
    assert settled.octaves and settled.scale
    more = round(math.log(wanted / size) / math.log(settled.scale))
    octaves = min(settled.octaves + more, int(OPTIONS["octaves"].high))
    return replace(recipe, size=wanted, octaves=octaves)


def strengthened(recipe: Recipe, factor: float) -> Recipe:
    """The recipe with `factor` times its strength. Raises Refused at the end of what is possible."""
    option, strength = OPTIONS["strength"], recipe.settled().strength
    assert strength
    wanted = min(max(strength * factor, option.low), option.high)
    if round(wanted, 4) == strength:
        wild, gentle = Text("It is as wild as a dream can be."), Text("It is as gentle as a dream can be.")
        raise Refused(wild if factor > 1 else gentle)
    return replace(recipe, strength=wanted)


def variations(recipe: Recipe, preset: str | None, allows: Callable[[Recipe], bool]) -> list[Variant]:
    """Four recipes that differ a little: of the layers below and above, where allowed, and other seeds."""
    reseeded = [seeded(replace(recipe, seed=None)) for _ in range(4)]
    moved = [shifted for by in (-1, 1) if (shifted := _shifted(recipe, by)) and allows(shifted)]
    changed = [Variant("+".join(one.layers), one) for one in moved]
    return [*changed, *(Variant(_("seed {seed}", seed=one.seed), one, preset) for one in reseeded)][:4]


def _shifted(recipe: Recipe, by: int) -> Recipe | None:
    """The recipe with each layer's neighbour; None where there is none, or classes or channels are dreamt of.

    A channel's number means nothing in another layer.
    """
    terms = []
    for term in recipe.terms:
        order = [] if term.is_classes or term.channels else list(term.networks[0].layers)
        at = order.index(term.layer) + by if order else -1
        if not 0 <= at < len(order):
            return None
        terms.append(replace(term, layer=order[at]))
    return replace(recipe, terms=tuple(terms))
