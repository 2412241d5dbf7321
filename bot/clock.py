"""The clock that all parts of the bot read, so that tests can control time."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The system's clock."""

    def now(self) -> datetime:
        """The current time as an aware datetime in UTC."""
        return datetime.now(UTC)


class ManualClock(Clock):
    """A clock that changes only when it is set, for tests and simulations."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = (start or datetime.now(UTC)).astimezone(UTC)

    def now(self) -> datetime:
        """The time to which this clock was last set."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Add `by`, which may be negative, as system clocks sometimes step back."""
        self._now += by

    def set(self, to: datetime) -> None:
        """Set the time. Raises ValueError for a naive datetime."""
        if to.tzinfo is None:
            raise ValueError("a clock is set to a time with a time zone")
        self._now = to.astimezone(UTC)
