"""How long a dream will take on this farm, learnt from how long earlier dreams took.

A dream's time is a fixed part and a part proportional to its work (pixels times steps), and both differ by
network and by the deepest layer dreamt of. They are fitted online, by recursive least squares on the relative
error with slow forgetting, so that a farm that changes is followed. A layer without observations starts from
its network's fit, and a network from figures of two CPU cores times how slow the farm's other networks were
against theirs; several networks at once are fitted like one more, which starts from the sum of them.
"""

import hashlib
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Self

from sqlalchemy import select

from bot.store.database import Database
from bot.store.jobs import CostFit, restored
from dream.backbone.catalog import NETWORKS
from dream.formats import ClipFormat
from dream.octaves import clip_work, work
from dream.recipe import Recipe

FIXED: Final = 0.5
"""Seconds of a dream that do not depend on its work."""
FORGETTING_FACTOR: Final = 0.93
"""How much of an observation's weight is left at the next one."""
KEY_LENGTH: Final = 64
"""Characters of a fit's key in the database."""
NOISE: Final = 0.05
"""The variance of a dream's seconds, relative to their square."""


@dataclass(slots=True)
class Fit:
    """seconds ≈ fixed + pace × work, in units of a million pixel steps.

    The fit's covariance is [[a, b], [b, c]].
    """

    fixed: float
    pace: float
    a: float = 4.0
    b: float = 0.0
    c: float = 4.0

    @classmethod
    def like(cls, other: Self) -> Self:
        """A fit that starts from what `other` has learnt, with a wide covariance."""
        return cls(other.fixed, other.pace, NOISE, 0.0, NOISE * other.pace**2)

    def seconds(self, work: float) -> float:
        """What a dream of this much work takes; never less than a tenth of a second."""
        return max(0.1, self.fixed + self.pace * work)

    def learn(self, work: float, seconds: float) -> None:
        """Move towards what a dream took, weighing errors by the expected seconds."""
        scale = 1 / self.seconds(work)
        x, y = scale, work * scale
        error = max(-3.0, min(3.0, (seconds - self.fixed - self.pace * work) * scale))
        px, py = self.a * x + self.b * y, self.b * x + self.c * y
        gain = 1 / (FORGETTING_FACTOR * NOISE + x * px + y * py)
        self.fixed = max(0.0, self.fixed + gain * px * error)
        self.pace = max(1e-9, self.pace + gain * py * error)
        self.a = min((self.a - gain * px * px) / FORGETTING_FACTOR, 100.0)
        self.b = (self.b - gain * px * py) / FORGETTING_FACTOR
        self.c = min((self.c - gain * py * py) / FORGETTING_FACTOR, 100.0)


def deepest(recipe: Recipe) -> dict[str, str]:
    """The layer of a recipe that lies deepest in each of its networks, up to which that is computed."""
    return {
        name: max((term.layer for term in recipe.on(name)), key=NETWORKS[name].depth)
        for name in recipe.networks
    }


class CostModel:
    """The fits of one farm, kept in the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fits: dict[str, Fit] = {}
        self._unsaved: set[str] = set()

    async def open(self) -> None:
        """Read what earlier runs have learnt."""
        async with self.database.session() as session, session.begin():
            rows = (await session.scalars(select(CostFit))).all()
        restorable = {row.key: restored(Fit, row.values) for row in rows}
        self.fits = {key: fit for key, fit in restorable.items() if fit is not None}

    def seconds(
        self, recipe: Recipe, width: int, height: int, frames: int = 1, format: ClipFormat = "mp4"
    ) -> float:
        """What a dream of `recipe` on a picture of this size, or a clip to be of this format, will take."""
        return self._fit(deepest(recipe)).seconds(_millions(recipe, width, height, frames, format))

    def learn(
        self,
        recipe: Recipe,
        width: int,
        height: int,
        seconds: float,
        frames: int = 1,
        format: ClipFormat = "mp4",
    ) -> None:
        """Learn from a dream that took `seconds`."""
        layers = deepest(recipe)
        millions = _millions(recipe, width, height, frames, format)
        learning = {_joined(layers.values()): self._fit(layers), _joined(layers): self._of_networks(layers)}
        for key, fit in learning.items():
            self.fits[key] = fit
            fit.learn(millions, seconds)
            self._unsaved.add(key)

    async def save(self) -> None:
        """Store what was learnt since the last time; after an error it is stored the next time."""
        keys, self._unsaved = self._unsaved, set()
        if not keys:
            return
        try:
            async with self.database.session() as session, session.begin():
                for key in keys:
                    await session.merge(CostFit(key=key, values=asdict(self.fits[key])))
        except BaseException:
            self._unsaved |= keys
            raise

    def _fit(self, layers: Mapping[str, str]) -> Fit:
        """The fit of dreams of these layers, the deepest by network."""
        return self.fits.get(_joined(layers.values())) or Fit.like(self._of_networks(layers))

    def _of_networks(self, networks: Iterable[str]) -> Fit:
        """The fit of dreams of these networks at once."""
        if known := self.fits.get(_joined(networks)):
            return known
        slowness = self._slowness()
        each = [self.fits.get(name) or Fit(FIXED, slowness * _pace(name)) for name in networks]
        return Fit(sum(fit.fixed for fit in each), sum(fit.pace for fit in each))

    def _slowness(self) -> float:
        """How many times as long as on two CPU cores dreams of the networks known so far take here."""
        known = [fit.pace / _pace(name) for name in NETWORKS if (fit := self.fits.get(name))]
        return statistics.median(known) if known else 1.0


def _pace(network: str) -> float:
    """Seconds that a million pixel steps of a network take on two CPU cores."""
    return NETWORKS[network].pace * 1e6


def _millions(recipe: Recipe, width: int, height: int, frames: int, format: ClipFormat) -> float:
    """The work of a dream, in millions of pixel steps."""
    if recipe.dreams_clip(frames):
        return clip_work(recipe, width, height, frames, format) / 1e6
    return work(recipe, width, height, format) / 1e6


def _joined(names: Iterable[str]) -> str:
    """The key of some layers or networks, no longer than the table takes."""
    key = "+".join(sorted(names))
    return key if len(key) <= KEY_LENGTH else hashlib.sha256(key.encode()).hexdigest()
