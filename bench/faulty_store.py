"""A database for bots under test that can be restarted, filled up or locked while they use it."""

import contextlib
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench.support.postgres import PostgresServer

DISK_BYTES: Final = 64 << 20
FULL_SECONDS: Final = 8
LOCKED_SECONDS: Final = 40
"""Longer than the bot waits for SQLite's lock."""
CRASHES: Final = 0.2
"""The share of PostgreSQL's restarts that are crashes."""


class JobRow(NamedTuple):
    """What the database says of a job."""

    state: str
    reason: str
    shown_state: str | None
    undeliverable: str | None

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to happen to it: it has ended, and its message is said to show it."""
        return self.is_final and (self.shown_state == self.state or self.undeliverable is not None)


@dataclass
class Store:
    """The database at `url`, and what is to happen to it: names with what does it, which blocks meanwhile."""

    url: str
    faults: list[tuple[str, Callable[[random.Random], None]]] = field(default_factory=list)

    async def jobs(self) -> dict[str, JobRow]:
        """Every job, by its id."""
        query = "SELECT id, state, coalesce(reason, ''), shown_state, undeliverable FROM jobs"
        if self._file:
            with self._sqlite() as database:
                rows = database.execute(query).fetchall()
        else:
            import asyncpg

            connection = await asyncpg.connect(self.url)
            try:
                rows = await connection.fetch(query)
            finally:
                await connection.close()
        return {id: JobRow(*values) for id, *values in rows}

    def is_intact(self) -> bool:
        """Whether SQLite's file is; PostgreSQL checks its own when it starts."""
        if not self._file:
            return True
        with self._sqlite() as database:
            checks = ("integrity_check", "foreign_key_check")
            return [database.execute(f"PRAGMA {check}").fetchall() for check in checks] == [[("ok",)], []]

    def lock(self, _chance: random.Random) -> None:
        """Keep SQLite's file from being written for a while."""
        with self._sqlite() as database:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED_SECONDS)

    def fill(self, chance: random.Random) -> None:
        """Let the disk that SQLite's file is on be full for a while."""
        assert self._file
        ballast = self._file.with_name("ballast")
        end = time.monotonic() + chance.uniform(0.5, 1.5) * FULL_SECONDS
        try:
            with ballast.open("wb", buffering=0) as file:
                while time.monotonic() < end:
                    try:
                        file.write(bytes(4096))
                    except OSError:
                        time.sleep(0.1)
        finally:
            ballast.unlink()

    @property
    def _file(self) -> Path | None:
        return Path(self.url.removeprefix("sqlite:///")) if self.url.startswith("sqlite") else None

    @contextlib.contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        assert self._file
        with contextlib.closing(sqlite3.connect(self._file, timeout=60, isolation_level=None)) as database:
            yield database


@contextlib.contextmanager
def faulty_store(
    folder: Path, url: str, *, restarts: int = 0, down: float = 0.0, full: int = 0, locks: int = 0
) -> Iterator[Store]:
    """The database at `url`; without one a private PostgreSQL server if it is to be restarted, else SQLite.

    Raises NoPostgresError.
    """
    with contextlib.ExitStack() as stack:
        if url:
            yield Store(url)
        elif restarts:
            server = stack.enter_context(PostgresServer())

            def restart(chance: random.Random) -> None:
                server.restart("immediate" if chance.random() < CRASHES else "fast", down)

            yield Store(server.create_database(), [("restarts of the database", restart)] * restarts)
        else:
            disk = folder / "disk"
            disk.mkdir()
            if full:
                options = f"size={DISK_BYTES}"
                subprocess.run(["mount", "-t", "tmpfs", "-o", options, "dreambot", disk], check=True)
                stack.callback(lambda: subprocess.run(["umount", "--lazy", disk], check=True))
            store = Store(f"sqlite:///{disk}/dreambot.db")
            store.faults = [("times the disk was full", store.fill)] * full
            store.faults += [(f"times the file was locked for {LOCKED_SECONDS} s", store.lock)] * locks
            yield store
