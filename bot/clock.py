"""The one clock that the queue, the schedule and the settings read, so that tests can let days pass."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The real time."""

    def now(self) -> datetime:
        """The present moment in UTC, with its time zone."""
        return datetime.now(UTC)


class MovedClock(Clock):
    """A clock that stands still until it is moved, for tests and simulations."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = (start or datetime.now(UTC)).astimezone(UTC)

    def now(self) -> datetime:
        """The moment this clock was last moved to."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Let time pass (or step back, with a negative `by`, as clocks of machines sometimes do)."""
        self._now += by

    def set(self, to: datetime) -> None:
        """Jump to a moment, which must carry a time zone."""
        if to.tzinfo is None:
            raise ValueError("a clock is set to a moment with a time zone")
        self._now = to.astimezone(UTC)
