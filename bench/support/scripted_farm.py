"""A farm whose dreams end when and how a test says, in place of Dask workers."""

import asyncio
from collections.abc import Callable

from dream.dreamer import Cancelled, Report
from dream.farm import FarmError
from dream.formats import Probe
from dream.octaves import octaves
from dream.picture import Limits
from dream.render import Progress, Rendered, Work


class ScriptedFarm:
    """Has the interface of `dream.farm.Farm`, as far as the queue uses it."""

    def __init__(self, capacity: int = 2) -> None:
        self.capacity = capacity
        self.dreams: dict[str, asyncio.Future[Rendered]] = {}
        self._works: dict[str, tuple[Work, Callable[[Progress], None]]] = {}

    async def probe(self, data: bytes, limits: Limits) -> Probe:
        """Every picture is one of 64 pixels."""
        return Probe(64, 64, "JPEG", False)

    async def dream(
        self, key: str, work: Work, on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> Rendered:
        """Wait for the test to end this dream."""
        assert key not in self.dreams, "a job is dreamt twice at once"
        self.dreams[key] = asyncio.get_running_loop().create_future()
        self._works[key] = work, on_progress
        try:
            return await self.dreams[key]
        finally:
            del self.dreams[key], self._works[key]

    def steps(self, key: str) -> int:
        """How many steps a dream takes."""
        return sum(octave.steps for octave in octaves(self._works[key][0].recipe, 64, 64))

    def progress(self, key: str, step: int = 1) -> None:
        """A dream has taken so many of its steps."""
        steps = self.steps(key)
        self._works[key][1](Progress(step, steps, 1, 1, 0.0, step / steps))

    def finish(self, key: str) -> None:
        """A dream is done."""
        work, _ = self._works[key]
        recipe = str(work.recipe)
        layers = work.recipe.layers
        report = Report(
            recipe, "+".join(work.recipe.networks), layers, "bundled", None, 64, 64, 1, 1.0, 0.0, 1.0
        )
        self._end(key, Rendered(f"a dream of {key}".encode(), "dream.png", report))

    def fail(self, key: str) -> None:
        """A dream killed its worker three times."""
        self._end(key, FarmError("This dream stopped its worker three times, so I gave it up."))

    def drop(self, key: str) -> None:
        """The farm lost a dream, as when its scheduler went away."""
        self._end(key, Cancelled())

    def break_down(self, key: str) -> None:
        """Something that nobody foresaw is raised."""
        self._end(key, ZeroDivisionError("broken"))

    def _end(self, key: str, outcome: Rendered | Exception) -> None:
        future = self.dreams[key]
        if future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
