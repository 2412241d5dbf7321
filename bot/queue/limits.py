"""How much may wait, by cost: the one place where a request is turned away for being too much."""

from collections import Counter
from dataclasses import dataclass

from bot.errors import Refused


class LimitReached(Refused):
    """Too much is waiting already. Its text is one friendly sentence that says when to come back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one unfinished job takes up: `cost` in seconds of a worker; `guild_id` 0: direct messages."""

    member_id: int
    guild_id: int
    cost: float


@dataclass(frozen=True, slots=True)
class Over:
    """A limit that one more job would pass: whose it is, and how many seconds must be worked off first."""

    whose: str
    limit: float
    excess: float
    held: float


class Limits:
    """Adds up the unfinished jobs of each member, each server and all.

    A dream that alone is over a limit is let in when nothing else of that member or server is waiting: sizes
    and steps have limits of their own.
    """

    def __init__(self, member: float, server: float, total: float) -> None:
        self.member, self.server, self.total = member, server, total
        self.claims: dict[str, Claim] = {}
        self.members: Counter[int] = Counter()
        self.servers: Counter[int] = Counter()
        self.sum = 0.0

    def hold(self, id: str, claim: Claim) -> None:
        """Count a job that was taken in, until it is released."""
        if id not in self.claims:
            self.claims[id] = claim
            self._add(claim, 1)

    def release(self, id: str) -> None:
        """Stop counting a job; nothing happens if it was not counted."""
        claim = self.claims.pop(id, None)
        if claim is not None:
            self._add(claim, -1)

    def over(self, claim: Claim, member: float | None = None, server: float | None = None) -> Over | None:
        """The limit that this job would pass, or None. A server's own limits can only be lower."""
        scopes = [
            ("You already have", min(self.member, member or self.member), self.members[claim.member_id]),
            (
                "This server already has",
                min(self.server, server or self.server),
                self.servers[claim.guild_id],
            ),
            ("Everyone together already has", self.total, self.sum),
        ]
        for whose, limit, held in scopes if claim.guild_id else (scopes[0], scopes[2]):
            if held > 0 and held + claim.cost > limit:
                return Over(whose, limit, held + claim.cost - limit, held)
        return None

    def _add(self, claim: Claim, sign: int) -> None:
        self.sum += sign * claim.cost
        for counter, key in ((self.members, claim.member_id), (self.servers, claim.guild_id)):
            counter[key] += sign * claim.cost  # type: ignore[assignment]
            if counter[key] < 1e-6:
                del counter[key]
