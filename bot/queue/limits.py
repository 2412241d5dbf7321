"""Quotas: how much work, in seconds or bytes, a member, a server and all together may have unfinished."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Refused
from dream.texts import Text


class LimitReached(Refused):
    """Too much is waiting already. Its text is one friendly sentence that says when to come back."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one unfinished job counts for, in seconds or bytes; `guild_id` 0: direct messages."""

    member_id: int
    guild_id: int
    amount: float


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that one more job would exceed, by how much, and what jobs have reserved of it.

    `subject` begins the sentence that tells it: "You already have".
    """

    subject: Text
    over: float
    reserved: float
    ids: tuple[str, ...]
    """The oldest first."""


class Limits:
    """Adds up the unfinished jobs of each member, each server and all, in one unit.

    A job that alone exceeds a limit is admitted when nothing else of that member or server is waiting: sizes
    and steps have limits of their own.
    """

    def __init__(self, member: float, server: float, total: float) -> None:
        self.member, self.server, self.total = member, server, total
        self.reservations: dict[str, Reservation] = {}
        self.members: dict[int, float] = defaultdict(float)
        self.servers: dict[int, float] = defaultdict(float)
        self.sum = 0.0

    def reserve(self, id: str, reservation: Reservation) -> None:
        """Count a job until it is released."""
        if id not in self.reservations:
            self.reservations[id] = reservation
            self._add(reservation, 1)

    def release(self, id: str) -> None:
        """Stop counting a job; nothing happens if it was not counted."""
        reservation = self.reservations.pop(id, None)
        if reservation is not None:
            self._add(reservation, -1)

    def excess(
        self, job: Reservation, member: float | None = None, server: float | None = None
    ) -> Excess | None:
        """The limit that this job would exceed, or None. A server's own limits can only be lower."""
        scopes: list[tuple[Text, float, float, Callable[[Reservation], bool]]] = [
            (
                Text("You already have"),
                min(self.member, member or self.member),
                self.members[job.member_id],
                lambda one: one.member_id == job.member_id,
            ),
            (
                Text("This server already has"),
                min(self.server, server or self.server),
                self.servers[job.guild_id],
                lambda one: one.guild_id == job.guild_id,
            ),
            (Text("Everyone together already has"), self.total, self.sum, lambda one: True),
        ]
        for subject, limit, reserved, counts in scopes if job.guild_id else (scopes[0], scopes[2]):
            if reserved > 0 and reserved + job.amount > limit:
                ids = tuple(id for id, one in self.reservations.items() if counts(one))
                return Excess(subject, reserved + job.amount - limit, reserved, ids)
        return None

    def _add(self, job: Reservation, sign: int) -> None:
        self.sum += sign * job.amount
        for counter, key in ((self.members, job.member_id), (self.servers, job.guild_id)):
            counter[key] += sign * job.amount
            if counter[key] < 1e-6:
                del counter[key]
