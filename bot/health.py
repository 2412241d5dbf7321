"""How the bot stands: what /metrics, /readyz, `!operator`, `dreambot status` and the alarms tell."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import Any, Final, Self
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector

from bot.clock import Clock
from bot.durations import duration_text
from bot.moderation import Moderation
from bot.queue.queue import Queue
from bot.store.database import Database
from bot.store.jobs import State
from bot.store.upkeep import free_bytes, size_bytes
from config.schema import Config, Monitoring
from dream.farm import Farm

log = logging.getLogger(__name__)

DATABASE_SECONDS: Final = 5.0
"""Seconds within which the database must answer."""
LAG_SECONDS: Final = 1.0
"""How often the event loop's lag is measured."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection to Discord; `latency` is the mean of its shards', in seconds."""

    is_up: bool = False
    latency: float = 0.0
    servers: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """How the bot stood at one moment. `problems` are sentences for operators, by name."""

    version: str
    database: str
    """Its address, without the password."""
    uptime: float
    is_connected: bool
    latency: float
    servers: int
    queued: int
    dreaming: int
    ended: Mapping[str, int]
    oldest_seconds: float
    workers: int
    worker_bytes: int
    database_bytes: int
    free_bytes: int | None
    paused: str | None
    problems: Mapping[str, str]
    unready: Mapping[str, str] = field(default_factory=dict)
    """Those of the problems for which it cannot serve members now."""

    @classmethod
    def of_running(cls, where: Monitoring) -> Self:
        """Ask the bot that runs at `monitoring.host` and `monitoring.port`. Raises OSError, ValueError."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(where.host, where.host)
        with urlopen(f"http://{host}:{where.port}/status", timeout=10) as answer:
            page = json.load(answer)
        known = {field.name for field in fields(cls)}
        if not isinstance(page, dict) or page.keys() != known:
            raise ValueError("another program, or another version of Dreambot, answers there")
        return cls(**page)

    @property
    def is_ready(self) -> bool:
        """Whether members are served."""
        return not self.unready

    def in_words(self) -> list[str]:
        """Lines for an operator to read."""
        ended = ", ".join(f"{count} {state}" for state, count in self.ended.items())
        waits = f", the oldest for {duration_text(self.oldest_seconds)}" if self.oldest_seconds else ""
        free = f", {self.free_bytes / 1e9:.1f} GB of disk left" if self.free_bytes is not None else ""
        connection = f"connected, {self.latency * 1000:.0f} ms" if self.is_connected else "not connected"
        return [
            f"Dreambot {self.version}, up for {duration_text(self.uptime)}"
            + (f", paused: {self.paused}" if self.paused else ", taking dreams" if self.is_ready else ""),
            f"Discord: {connection}, {_count(self.servers, 'server')}",
            f"Queue: {self.queued} waiting, {self.dreaming} dreaming{waits}; since the start {ended}",
            f"Workers: {self.workers} up" + (f", {self.worker_bytes / 1e9:.1f} GB" if self.workers else ""),
            f"Database: {self.database_bytes / 1e6:.0f} MB{free}",
            *(f"⚠️ {sentence}" for sentence in self.problems.values()),
        ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class HealthMonitor:
    """Finds out how the bot stands, and keeps the gauges of `registry` at the last finding.

    `connection` tells of Discord; whoever knows the bot sets it. `registries` are those of other parts.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        farm: Farm,
        moderation: Moderation,
        clock: Clock,
        config: Config,
        registries: Sequence[CollectorRegistry],
    ) -> None:
        self.connection: Callable[[], Connection] = Connection
        self._database, self._queue, self._farm, self._moderation = database, queue, farm, moderation
        self._clock, self._config = clock, config
        self._began, self._version = time.monotonic(), version("dreambot")
        self._oldest = self._size = 0.0
        self._paused: str | None = None
        self._checking: asyncio.Task[Health] | None = None
        self._lag_task: asyncio.Task[None] | None = None
        self.registry = CollectorRegistry()
        for registry in registries:
            self.registry.register(registry)
        ProcessCollector(registry=self.registry)
        where: Any = {"registry": self.registry}
        self._gauges = {
            name: Gauge(f"dreambot_{name}", text, **where)
            for name, text in {
                "up_seconds": "Seconds since the start.",
                "ready": "1 if members are served.",
                "gateway_connected": "1 if connected to Discord.",
                "gateway_latency_seconds": "Discord's heartbeat, the mean of the shards.",
                "servers": "Servers that the bot is on.",
                "oldest_job_seconds": "Since when the oldest unfinished job of all processes waits.",
                "workers": "Workers that are up.",
                "workers_memory_bytes": "Memory of all workers.",
                "database_up": "1 if the database answers.",
                "database_size_bytes": "Size of the database.",
                "disk_free_bytes": "What the disk of SQLite's file has left.",
            }.items()
        }
        buckets = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
        self._lag = Histogram(
            "dreambot_event_loop_lag_seconds", "How late the event loop is.", buckets=buckets, **where
        )

    def open(self) -> None:
        """Begin to measure the event loop's lag."""
        self._lag_task = asyncio.create_task(self._measure_lag())

    async def close(self) -> None:
        """Stop."""
        for task in filter(None, (self._lag_task, self._checking)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check(self) -> Health:
        """Find out how the bot stands; calls at the same time share one finding."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check())
        return await asyncio.shield(self._checking)

    async def _check(self) -> Health:
        connection, unready = self.connection(), dict[str, str]()
        if not connection.is_up:
            unready["discord"] = "The bot is not connected to Discord."
        if away := await self._ask_database():
            unready["database"] = f"The database does not answer (store.url): {away}"
        if self._farm.warning:
            unready["workers"] = self._farm.warning
        elif not self._farm.workers:
            unready["starting"] = "No worker is up."
        free, least = free_bytes(self._database.engine), self._config.store.free_bytes
        problems = dict[str, str]()
        if free is not None and free < 2 * least:
            left = f"The database's disk has {free / 1e6:.0f} MB left"
            if free < least:
                unready["disk"] = f"{left}, too little for new dreams (store.free_bytes)."
            else:
                problems["disk"] = f"{left}; below {least / 1e6:.0f} MB (store.free_bytes) no dream is taken."
        if self._oldest > 60 * self._config.monitoring.oldest_minutes:
            problems["oldest"] = (
                f"A dream has been waiting for {duration_text(self._oldest)}, longer than "
                f"{self._config.monitoring.oldest_minutes} minutes (monitoring.oldest_minutes)."
            )
        statistics = self._queue.statistics
        health = Health(
            version=self._version,
            database=str(self._database),
            uptime=time.monotonic() - self._began,
            is_connected=connection.is_up,
            latency=connection.latency,
            servers=connection.servers,
            queued=statistics.count(State.QUEUED),
            dreaming=statistics.count(State.DREAMING),
            ended=statistics.ended_so_far(),
            oldest_seconds=self._oldest,
            workers=len(self._farm.workers),
            worker_bytes=sum(self._farm.workers.values()),
            database_bytes=int(self._size),
            free_bytes=free,
            paused=self._paused,
            problems=unready | problems,
            unready=unready,
        )
        self._set_gauges(health)
        return health

    async def _ask_database(self) -> str | None:
        """Read what the database knows of how the bot stands; why it could not be read, or None."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                oldest = await self._queue.jobs.oldest()
                self._paused = await self._moderation.paused()
                self._size = await size_bytes(self._database.engine)
        except TimeoutError:
            return f"not within {DATABASE_SECONDS:g} s."
        except Exception as error:  # whatever it is, the operator is to know
            return " ".join(str(error).split())[:200]
        self._oldest = max(0.0, (self._clock.now() - oldest).total_seconds()) if oldest else 0.0
        return None

    def _set_gauges(self, health: Health) -> None:
        values = {
            "up_seconds": health.uptime,
            "ready": health.is_ready,
            "gateway_connected": health.is_connected,
            "gateway_latency_seconds": health.latency,
            "servers": health.servers,
            "oldest_job_seconds": health.oldest_seconds,
            "workers": health.workers,
            "workers_memory_bytes": health.worker_bytes,
            "database_up": "database" not in health.unready,
            "database_size_bytes": health.database_bytes,
            "disk_free_bytes": health.free_bytes or 0,
        }
        for name, value in values.items():
            self._gauges[name].set(value)

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self._lag.observe(max(0.0, loop.time() - due))
