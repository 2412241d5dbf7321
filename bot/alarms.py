"""Alarms: operators are told once when something has been wrong for a while, and once when it is over."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

log = logging.getLogger(__name__)

UPDATE_SECONDS: Final = 5.0
"""How often `Alarms.update` is to be called."""
RAISED_AFTER: Final = 3
"""Updates in a row with a problem before it is an alarm: what comes back soon is none."""
OVER_AFTER: Final = 24
"""Updates in a row without it before its alarm is over, so that one that comes and goes is told once."""
NOT_TOLD: Final = ("starting", "discord")
"""Problems that are no alarms: workers take their time, and without Discord nobody can be told."""


class Alarms:
    """Logs each alarm, and hands it to `tell` as a sentence."""

    def __init__(self, tell: Callable[[str], Awaitable[object]]) -> None:
        self._tell = tell
        self._present: Counter[str] = Counter()
        self._absent: Counter[str] = Counter()
        self.raised: dict[str, str] = {}
        """The alarms that are not over, by the name of their problem."""

    async def update(self, problems: Mapping[str, str]) -> None:
        """Raise and end alarms by the problems there are now, sentences by name."""
        for name in self._present.keys() - problems.keys():
            del self._present[name]
        for name, sentence in problems.items():
            self._present[name] += 1
            self._absent.pop(name, None)
            if self._present[name] >= RAISED_AFTER and name not in (*NOT_TOLD, *self.raised):
                self.raised[name] = sentence
                log.error("alarm: %s", sentence, extra={"alarm": name})
                await self._tell(f"🚨 {sentence}")
        for name in self.raised.keys() - problems.keys():
            self._absent[name] += 1
            if self._absent[name] >= OVER_AFTER:
                sentence = self.raised.pop(name)
                log.warning("over: %s", sentence, extra={"alarm": name})
                await self._tell(f"✅ Over: {sentence}")
