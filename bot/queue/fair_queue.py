"""Whose turn it is: the waiting jobs, in memory, in the order in which they will be started.

Start-time fair queueing (Goyal, Vin and Cheng, 1996) over servers, and within a server over its members,
counted in work rather than in jobs: the flow with the least service goes next, and a flow that becomes
backlogged starts level with the one that is next, so that nobody saves turns up and nobody's backlog holds
others up.

Members' dreams go first. The other kinds get a share of the work while members wait: a small one for
videos, a growing one for scheduled dreams as their minute nears. A job is thus started after at most its own
cost divided by that share, whatever else comes in. A scheduled dream that was started because no member
waited gives its worker back when one does. The database keeps the jobs; a start of the bot reads them again.
"""

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple

from bot.store.jobs import Kind

ORDER: Final = (Kind.DREAM, Kind.DAILY, Kind.ZOOM)
SHARE: Final = {Kind.DREAM: 1.0, Kind.DAILY: 0.2, Kind.ZOOM: 0.1}
URGENT_SHARE: Final = 0.5
URGENT: Final = timedelta(minutes=15)
MIN_SERVICE: Final = 0.01
"""Seconds of service that a job counts for at least."""
_FAR: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A waiting job. `cost` is in seconds of one worker; `guild_id` is 0 for direct messages."""

    id: str
    kind: Kind
    guild_id: int
    member_id: int
    cost: float
    due_at: datetime | None = None


Key = Callable[[QueuedJob], int]
"""What identifies the flow that a job belongs to."""
_SERVER_THEN_MEMBER: Final[tuple[Key, ...]] = (attrgetter("guild_id"), attrgetter("member_id"))


@dataclass(frozen=True, slots=True)
class Ahead:
    """What will be dreamt before a job: how many jobs, and how many seconds of one worker they take."""

    jobs: int
    cost: float


class _Tag(NamedTuple):
    """What flows are ordered by: those with less service go first, then new ones, then by arrival."""

    service: float
    was_served: bool
    arrival: int


class _Fifo:
    """One member's jobs, first come, first served."""

    def __init__(self) -> None:
        self.jobs: dict[str, QueuedJob] = {}
        self.cost = 0.0

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, job: QueuedJob) -> None:
        self.jobs[job.id] = job
        self.cost += job.cost

    def remove(self, job: QueuedJob) -> None:
        del self.jobs[job.id]
        self.cost -= job.cost

    def first(self) -> QueuedJob:
        return next(iter(self.jobs.values()))

    def take(self) -> QueuedJob:
        job = self.first()
        self.remove(job)
        return job

    def ahead(self, job: QueuedJob) -> Ahead:
        before = list(itertools.takewhile(lambda id: id != job.id, self.jobs))
        return Ahead(len(before), sum(self.jobs[id].cost for id in before))


class _FairFlows:
    """Fair queueing over the flows of one key of jobs, and within each over those of the next."""

    def __init__(self, key: Key, *within: Key) -> None:
        self.key, self.within = key, within
        self.flows: dict[int, _FairFlows | _Fifo] = {}
        self.heap: list[tuple[_Tag, int]] = []
        self.tags: dict[int, _Tag] = {}
        self.arrivals = itertools.count()
        self.count = 0
        self.cost = 0.0

    def __len__(self) -> int:
        return self.count

    def add(self, job: QueuedJob) -> None:
        key = self.key(job)
        if key not in self.flows:
            self.flows[key] = _FairFlows(*self.within) if self.within else _Fifo()
            level = self.heap[0][0].service if self.heap else 0.0
            self.tags[key] = _Tag(level, False, next(self.arrivals))
            heapq.heappush(self.heap, (self.tags[key], key))
        self.flows[key].add(job)
        self.count += 1
        self.cost += job.cost

    def remove(self, job: QueuedJob) -> None:
        self.flows[self.key(job)].remove(job)
        self.count -= 1
        self.cost -= job.cost

    def first(self) -> QueuedJob:
        # A flow that is next and has no job is dropped: it has had no less service than the others.
        while not self.flows[self.heap[0][1]]:
            key = heapq.heappop(self.heap)[1]
            del self.flows[key], self.tags[key]
        return self.flows[self.heap[0][1]].first()

    def take(self) -> QueuedJob:
        self.first()
        key = self.heap[0][1]
        job = self.flows[key].take()
        service = self.tags[key].service + max(job.cost, MIN_SERVICE)
        self.tags[key] = _Tag(service, True, next(self.arrivals))
        heapq.heapreplace(self.heap, (self.tags[key], key))
        self.count -= 1
        self.cost -= job.cost
        return job

    def ahead(self, job: QueuedJob) -> Ahead:
        """Estimated as if all jobs of a flow cost the same: each other flow goes first for as long as it has
        had less service than this one will have had when the job is next."""
        key = self.key(job)
        own = self.flows[key].ahead(job)
        reached = self.tags[key].service + own.cost
        jobs, cost = own.jobs, own.cost
        for other, flow in self.flows.items():
            if other == key or not flow:
                continue
            behind = reached - self.tags[other].service
            if behind > 0:
                before = min(len(flow), math.ceil(behind * len(flow) / max(flow.cost, MIN_SERVICE)))
            else:
                before = int(behind == 0 and (own.jobs > 0 or self.tags[other] < self.tags[key]))
            jobs += before
            cost += flow.cost * before / len(flow)
        return Ahead(jobs, cost)


class _ByDueTime:
    """Scheduled jobs, the one due first goes first."""

    def __init__(self) -> None:
        self.jobs: dict[str, QueuedJob] = {}
        self.heap: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self.jobs)

    @property
    def cost(self) -> float:
        return sum(job.cost for job in self.jobs.values())

    def add(self, job: QueuedJob) -> None:
        self.jobs[job.id] = job
        heapq.heappush(self.heap, (job.due_at or _FAR, job.id))

    def remove(self, job: QueuedJob) -> None:
        del self.jobs[job.id]

    def first(self) -> QueuedJob:
        while self.heap[0][1] not in self.jobs:
            heapq.heappop(self.heap)
        return self.jobs[self.heap[0][1]]

    def take(self) -> QueuedJob:
        return self.jobs.pop(self.first().id)

    def ahead(self, job: QueuedJob) -> Ahead:
        due = job.due_at or _FAR, job.id
        before = [one for one in self.jobs.values() if (one.due_at or _FAR, one.id) < due]
        return Ahead(len(before), sum(one.cost for one in before))


class FairQueue:
    """Every waiting job. Adding, taking and removing cost the same however many they are."""

    def __init__(self) -> None:
        self.jobs: dict[str, QueuedJob] = {}
        self.interrupted = _Fifo()
        self.kinds: dict[Kind, _FairFlows | _ByDueTime] = {
            Kind.DREAM: _FairFlows(*_SERVER_THEN_MEMBER),
            Kind.DAILY: _ByDueTime(),
            Kind.ZOOM: _FairFlows(*_SERVER_THEN_MEMBER),
        }
        self.deficits = dict.fromkeys(ORDER, 0.0)

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, job: QueuedJob, *, interrupted: bool = False) -> None:
        """Add a job. One that waits already stays where it is.

        An `interrupted` one was started before and goes before all others: on a cluster it may still run.
        """
        if job.id not in self.jobs:
            self.jobs[job.id] = job
            flow = self.interrupted if interrupted else self.kinds[job.kind]
            flow.add(job)

    def remove(self, id: str) -> bool:
        """Remove a job; False if it does not wait."""
        job = self.jobs.pop(id, None)
        if job is not None:
            flow = self.interrupted if id in self.interrupted.jobs else self.kinds[job.kind]
            flow.remove(job)
        return job is not None

    def take(self, now: datetime) -> QueuedJob | None:
        """Remove and return the job that is next; None if none waits."""
        if self.interrupted:
            job = self.interrupted.take()
            del self.jobs[job.id]
            return job
        present = [kind for kind in ORDER if self.kinds[kind]]
        if not present:
            return None
        chosen = next((kind for kind in present[1:] if self._has_earned_a_turn(kind)), present[0])
        job = self.kinds[chosen].take()
        del self.jobs[job.id]
        for kind in ORDER:
            if kind not in present[1:] or kind is chosen:
                self.deficits[kind] = 0.0
            else:
                self.deficits[kind] += self._share(kind, now) * job.cost
        return job

    @property
    def members(self) -> int:
        """How many members' dreams wait, videos aside."""
        return len(self.kinds[Kind.DREAM])

    def is_preemptible(self, taken: QueuedJob) -> bool:
        """Whether a job just taken is a scheduled one that is next only because no member waits."""
        return taken.kind is Kind.DAILY and not self.members

    def ahead(self, id: str) -> Ahead | None:
        """What will be dreamt before this job if nothing else comes in; None if it does not wait."""
        job = self.jobs.get(id)
        if job is None:
            return None
        if id in self.interrupted.jobs:
            return self.interrupted.ahead(job)
        ahead = self.kinds[job.kind].ahead(job)
        sooner = [self.interrupted, *(self.kinds[kind] for kind in ORDER[: ORDER.index(job.kind)])]
        return Ahead(
            ahead.jobs + sum(len(flow) for flow in sooner), ahead.cost + sum(flow.cost for flow in sooner)
        )

    def _has_earned_a_turn(self, kind: Kind) -> bool:
        return self.deficits[kind] >= self.kinds[kind].first().cost

    def _share(self, kind: Kind, now: datetime) -> float:
        due_at = self.kinds[kind].first().due_at
        return URGENT_SHARE if due_at and due_at - now < URGENT else SHARE[kind]
