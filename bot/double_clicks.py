"""Tells the second half of a double click from a press of its own."""

from __future__ import annotations

import math
import time
from typing import Final

SECONDS: Final = 2.0
"""Two presses of a component by one user within this time, and no other between them, are one."""

REMEMBERED: Final = 1000
"""For so many users it is known what they pressed last, before those of long ago are forgotten."""


class DoubleClicks:
    """What each user of a bot pressed last, and when."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[object, float]] = {}

    def is_second(self, user_id: int, pressed: object) -> bool:
        """Whether a user who presses this now pressed the same a moment ago, and nothing since."""
        now = time.monotonic()
        before, at = self._last.get(user_id, (None, -math.inf))
        self._last[user_id] = pressed, now
        if len(self._last) > REMEMBERED:
            self._last = {user: last for user, last in self._last.items() if now - last[1] < SECONDS}
        return pressed == before and now - at < SECONDS
