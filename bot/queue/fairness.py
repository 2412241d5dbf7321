"""Whose turn it is: who waits, in memory, in the order in which they will dream.

Turns go round the servers, and within a server round its members, counted in work rather than in jobs:
whoever has been given least goes next, and whoever comes in starts level with the one who is next, so that
nobody saves turns up and nobody's backlog holds others up (start-time fair queueing; Goyal, Vin and Cheng,
1996).

Members' dreams go first. The other kinds get a share of the work while members wait: a small one for
videos, a growing one for scheduled dreams as their minute nears. Who waits is thus served after at most its
own cost divided by that share, whatever else comes in. A scheduled dream that was begun because no member
waited gives its worker back when one does. The database keeps the jobs; a start reads them again.
"""

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from bot.store.jobs import Kind

ORDER: Final = (Kind.DREAM, Kind.DAILY, Kind.ZOOM)
SHARE: Final = {Kind.DREAM: 1.0, Kind.DAILY: 0.2, Kind.ZOOM: 0.1}
URGENT_SHARE: Final = 0.5
URGENT: Final = timedelta(minutes=15)
LEAST: Final = 0.01
"""Seconds that a turn counts for at least."""
_FAR: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job in line. `cost` is in seconds of one worker; `guild_id` is 0 for direct messages."""

    id: str
    kind: Kind
    guild_id: int
    member_id: int
    cost: float
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What will be dreamt before a job: how many, and how many seconds of one worker they take."""

    jobs: int
    cost: float


class Turn(NamedTuple):
    """When a line's turn comes: lines that were given less go first, then new ones, then older ones."""

    given: float
    is_served: bool
    coming: int


class _Member:
    """One member's jobs, first come, first served."""

    def __init__(self) -> None:
        self.jobs: dict[str, Waiting] = {}
        self.cost = 0.0

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self.jobs.values())

    def add(self, job: Waiting, path: tuple[int, ...]) -> None:
        self.jobs[job.id] = job
        self.cost += job.cost

    def remove(self, job: Waiting, path: tuple[int, ...]) -> None:
        del self.jobs[job.id]
        self.cost -= job.cost

    def first(self) -> Waiting:
        return next(iter(self.jobs.values()))

    def take(self) -> Waiting:
        job = self.first()
        self.remove(job, ())
        return job

    def ahead(self, job: Waiting, path: tuple[int, ...]) -> Ahead:
        before = list(itertools.takewhile(lambda id: id != job.id, self.jobs))
        return Ahead(len(before), sum(self.jobs[id].cost for id in before))


class _Turns:
    """Round robin over lines that are told apart by a number: servers, or the members of one."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.lines: dict[int, _Turns | _Member] = {}
        self.turns: list[tuple[Turn, int]] = []
        self.turn: dict[int, Turn] = {}
        self.coming = itertools.count()
        self.count = 0
        self.cost = 0.0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Waiting]:
        return itertools.chain.from_iterable(self.lines.values())

    def add(self, job: Waiting, path: tuple[int, ...]) -> None:
        key, *rest = path
        if key not in self.lines:
            self.lines[key] = _Turns(self.depth - 1) if self.depth else _Member()
            level = self.turns[0][0].given if self.turns else 0.0
            self.turn[key] = Turn(level, False, next(self.coming))
            heapq.heappush(self.turns, (self.turn[key], key))
        self.lines[key].add(job, tuple(rest))
        self.count += 1
        self.cost += job.cost

    def remove(self, job: Waiting, path: tuple[int, ...]) -> None:
        key, *rest = path
        self.lines[key].remove(job, tuple(rest))
        self.count -= 1
        self.cost -= job.cost

    def first(self) -> Waiting:
        # A line whose turn comes while nobody waits in it leaves: it has been given no less than others.
        while not self.lines[self.turns[0][1]]:
            key = heapq.heappop(self.turns)[1]
            del self.lines[key], self.turn[key]
        return self.lines[self.turns[0][1]].first()

    def take(self) -> Waiting:
        self.first()
        key = self.turns[0][1]
        job = self.lines[key].take()
        given = self.turn[key].given + max(job.cost, LEAST)
        self.turn[key] = Turn(given, True, next(self.coming))
        heapq.heapreplace(self.turns, (self.turn[key], key))
        self.count -= 1
        self.cost -= job.cost
        return job

    def ahead(self, job: Waiting, path: tuple[int, ...]) -> Ahead:
        """Reckoned as if all jobs of a line cost the same: each other line goes first for as long as it has
        been given less than this one will have been when the job's turn comes."""
        key, *rest = path
        own = self.lines[key].ahead(job, tuple(rest))
        reached = self.turn[key].given + own.cost
        jobs, cost = own.jobs, own.cost
        for other, line in self.lines.items():
            if other == key or not line:
                continue
            behind = reached - self.turn[other].given
            if behind > 0:
                before = min(len(line), math.ceil(behind * len(line) / max(line.cost, LEAST)))
            else:
                before = int(behind == 0 and (own.jobs > 0 or self.turn[other] < self.turn[key]))
            jobs += before
            cost += line.cost * before / len(line)
        return Ahead(jobs, cost)


class _Schedule:
    """Scheduled jobs, the one due first goes first."""

    def __init__(self) -> None:
        self.jobs: dict[str, Waiting] = {}
        self.heap: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self.jobs.values())

    @property
    def cost(self) -> float:
        return sum(job.cost for job in self)

    def add(self, job: Waiting, path: tuple[int, ...]) -> None:
        self.jobs[job.id] = job
        heapq.heappush(self.heap, (job.due_at or _FAR, job.id))

    def remove(self, job: Waiting, path: tuple[int, ...]) -> None:
        del self.jobs[job.id]

    def first(self) -> Waiting:
        while self.heap[0][1] not in self.jobs:
            heapq.heappop(self.heap)
        return self.jobs[self.heap[0][1]]

    def take(self) -> Waiting:
        return self.jobs.pop(self.first().id)

    def ahead(self, job: Waiting, path: tuple[int, ...]) -> Ahead:
        before = [j for j in self if (j.due_at or _FAR, j.id) < (job.due_at or _FAR, job.id)]
        return Ahead(len(before), sum(j.cost for j in before))


class Line:
    """Everyone who waits. Adding, taking and removing cost the same however many they are."""

    def __init__(self) -> None:
        self.jobs: dict[str, Waiting] = {}
        self.interrupted = _Member()
        self.kinds: dict[Kind, _Turns | _Schedule] = {
            Kind.DREAM: _Turns(1),
            Kind.DAILY: _Schedule(),
            Kind.ZOOM: _Turns(1),
        }
        self.owed = dict.fromkeys(ORDER, 0.0)

    def __len__(self) -> int:
        return len(self.jobs)

    def __contains__(self, id: object) -> bool:
        return id in self.jobs

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self.jobs.values())

    def add(self, job: Waiting, *, interrupted: bool = False) -> None:
        """Let a job wait. One that waits already stays where it is.

        An `interrupted` one had its turn and goes before everybody: on a cluster it may still be running.
        """
        if job.id not in self.jobs:
            self.jobs[job.id] = job
            line = self.interrupted if interrupted else self.kinds[job.kind]
            line.add(job, (job.guild_id, job.member_id))

    def remove(self, id: str) -> bool:
        """Take a job out of the line; False if it does not wait in it."""
        job = self.jobs.pop(id, None)
        if job is not None:
            line = self.interrupted if id in self.interrupted.jobs else self.kinds[job.kind]
            line.remove(job, (job.guild_id, job.member_id))
        return job is not None

    def take(self, now: datetime) -> Waiting | None:
        """The job whose turn it is, no longer waiting; None if nobody waits."""
        if self.interrupted:
            job = self.interrupted.take()
            del self.jobs[job.id]
            return job
        present = [kind for kind in ORDER if self.kinds[kind]]
        if not present:
            return None
        chosen = next((kind for kind in present[1:] if self._is_owed(kind)), present[0])
        job = self.kinds[chosen].take()
        del self.jobs[job.id]
        for kind in ORDER:
            if kind not in present[1:] or kind is chosen:
                self.owed[kind] = 0.0
            else:
                self.owed[kind] += self._share(kind, now) * job.cost
        return job

    @property
    def members(self) -> int:
        """How many members' dreams wait, videos aside."""
        return len(self.kinds[Kind.DREAM])

    def fills_gap(self, taken: Waiting) -> bool:
        """Whether a job just taken was a scheduled one whose turn came because no member waited."""
        return taken.kind is Kind.DAILY and not self.members

    def ahead(self, id: str) -> Ahead | None:
        """What will be dreamt before this job if nothing else comes in; None if it does not wait."""
        job = self.jobs.get(id)
        if job is None:
            return None
        if id in self.interrupted.jobs:
            return self.interrupted.ahead(job, ())
        ahead = self.kinds[job.kind].ahead(job, (job.guild_id, job.member_id))
        sooner = [self.interrupted, *(self.kinds[kind] for kind in ORDER[: ORDER.index(job.kind)])]
        return Ahead(
            ahead.jobs + sum(len(line) for line in sooner), ahead.cost + sum(line.cost for line in sooner)
        )

    def _is_owed(self, kind: Kind) -> bool:
        return self.owed[kind] >= self.kinds[kind].first().cost

    def _share(self, kind: Kind, now: datetime) -> float:
        due_at = self.kinds[kind].first().due_at
        return URGENT_SHARE if due_at and due_at - now < URGENT else SHARE[kind]
