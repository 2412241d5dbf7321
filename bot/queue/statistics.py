"""What became of this process's jobs: a line in the log each time, counts for Prometheus, and traces."""

from __future__ import annotations

import logging
from collections import Counter as Counts
from datetime import datetime
from functools import partial
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.store.jobs import UNFINISHED, Job, State
from dream import tracing
from dream.recipe import Recipe, RecipeError
from dream.texts import Text

log = logging.getLogger(__name__)

_SECONDS: Final = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)


class JobStatistics:
    """Logs and counts jobs since this process started.

    At any moment, asked + taken over = done + failed + cancelled + moved + queued + dreaming.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.unfinished: dict[str, State] = {}
        """The jobs of this process that have not ended, and where each stands."""
        where: Any = {"registry": self.registry}
        self._asked = Counter("dreambot_jobs_asked", "Jobs admitted.", ["kind"], **where)
        self._taken_over = Counter(
            "dreambot_jobs_taken_over", "Jobs that another or earlier process had not ended.", **where
        )
        self._ended = Counter("dreambot_jobs_ended", "Jobs done, failed or cancelled.", ["state"], **where)
        self._moved = Counter("dreambot_jobs_moved", "Jobs that another process took over.", **where)
        self._failures = Counter("dreambot_job_failures", "Failed jobs by cause.", ["cause"], **where)
        self._refusals = Counter("dreambot_refusals", "Requests refused.", ["cause"], **where)
        self._delivered = Counter(
            "dreambot_deliveries", "Jobs whose message shows how they ended.", ["state"], **where
        )
        self._undeliverable = Counter(
            "dreambot_undeliverable", "Jobs whose message Discord will never take.", **where
        )
        self._waited = Histogram(
            "dreambot_wait_seconds", "From asking to beginning.", ["network"], buckets=_SECONDS, **where
        )
        self._dreamt = Histogram(
            "dreambot_dream_seconds", "From beginning to done.", ["network"], buckets=_SECONDS, **where
        )
        standing = Gauge("dreambot_jobs", "Jobs that have not ended.", ["state"], **where)
        for state in UNFINISHED:
            standing.labels(state).set_function(partial(self.count, state))
        for state in State:
            if state.is_final:
                self._ended.labels(state)

    def count(self, state: State) -> int:
        """How many unfinished jobs are in a state."""
        return Counts(self.unfinished.values())[state]

    def ended_so_far(self) -> dict[str, int]:
        """How many jobs ended, by their state."""
        ended = "dreambot_jobs_ended_total"
        return {
            state: int(self.registry.get_sample_value(ended, {"state": state}) or 0)
            for state in State
            if state.is_final
        }

    def asked(self, job: Job) -> None:
        """A job was admitted."""
        self.unfinished[job.id] = job.state
        self._asked.labels(job.kind).inc()
        what = {"kind": job.kind, "recipe": job.recipe, "cost": round(job.cost, 3), "parent": job.parent}
        where = {"server": job.guild_id, "channel": job.channel_id}
        log.info("asked", extra={"job": job.id} | what | where)

    def refused(self, error: Exception) -> None:
        """A request was refused."""
        self._refusals.labels(type(error).__name__).inc()
        log.info("refused: %s", error)

    def taken_over(self, job: Job) -> None:
        """A job of another or earlier process is this one's now."""
        self.unfinished[job.id] = job.state
        self._taken_over.inc()
        log.info("taken over", extra={"job": job.id, "server": job.guild_id})

    def begun(self, job: Job) -> None:
        """The farm was given a job."""
        self.unfinished[job.id] = State.DREAMING
        seconds = _seconds(job.created_at, job.started_at)
        self._waited.labels(_network(job)).observe(seconds)
        tracing.record("wait", job.id, job.created_at, job.started_at)
        log.info("begun", extra={"job": job.id, "waited": seconds})

    def waits_again(self, id: str) -> None:
        """A job was given back by the farm, or found to be worked on by nobody."""
        if id in self.unfinished:
            self.unfinished[id] = State.QUEUED
            log.info("waits again", extra={"job": id})

    def ended(self, id: str, state: State, job: Job | None = None, cause: str = "") -> None:
        """A job ended; one that ended before, or is another process's, is not counted.

        `job` is its row where it is known, `cause` the kind of error of one that failed.
        """
        if self.unfinished.pop(id, None) is None:
            return
        self._ended.labels(state).inc()
        fields: dict[str, Any] = {"job": id}
        if state is State.FAILED:
            self._failures.labels(cause or "unknown").inc()
            fields |= {"cause": cause, "reason": str(job.reason) if job and job.reason else None}
        if state is State.DONE and job:
            fields["seconds"] = _seconds(job.started_at, job.finished_at)
            self._dreamt.labels(_network(job)).observe(fields["seconds"])
        if job:
            if job.started_at:
                tracing.record("dream", id, job.started_at, job.finished_at)
            tracing.record_job(id, job.created_at, state=state, network=_network(job))
        log.log(logging.WARNING if state is State.FAILED else logging.INFO, str(state), extra=fields)

    def moved(self, id: str) -> None:
        """A job is another process's now."""
        if self.unfinished.pop(id, None) is not None:
            self._moved.inc()
            log.info("moved to another process", extra={"job": id})

    def delivered(self, job: Job) -> None:
        """A job's message shows how it ended."""
        self._delivered.labels(job.state).inc()
        if job.finished_at:
            tracing.record("deliver", job.id, job.finished_at)
        log.info("delivered", extra={"job": job.id, "state": job.state, "channel": job.channel_id})

    def undeliverable(self, id: str, reason: Text) -> None:
        """Discord will never take a job's message."""
        self._undeliverable.inc()
        log.warning("cannot be delivered", extra={"job": id, "reason": str(reason)})


def _seconds(begin: datetime | None, end: datetime | None) -> float:
    """Seconds from one moment to the next, 0 where the clock was stepped back or one is unknown."""
    return round(max(0.0, (end - begin).total_seconds()), 3) if begin and end else 0.0


def _network(job: Job) -> str:
    try:
        return "+".join(Recipe.parse(job.recipe).networks)
    except RecipeError:  # another version's
        return "unknown"
