"""One bot process without its commands: a queue and its messages, whose database fails on demand."""

import contextlib
from pathlib import Path
from typing import Any

import discord
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bench.support.scripted_farm import ScriptedFarm
from bot.clock import ManualClock
from bot.delivery.job_messages import JobMessages
from bot.delivery.rate_limit import RateLimit
from bot.queue.queue import Queue
from bot.store.database import Database
from bot.store.jobs import Job
from config.schema import Config
from dream.texts import Text


class DatabaseFaults:
    """Makes statements and commits of a database fail on demand."""

    def __init__(self, database: Database) -> None:
        self.statements = 0
        """How many of the next statements fail."""
        self.lost_commits = 0
        """How many of the next commits succeed, and are reported as failed."""
        engine = database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._statement)
        self._commit, self._dialect = engine.dialect.do_commit, engine.dialect
        engine.dialect.do_commit = self._do_commit  # type: ignore[method-assign, assignment]

    def end(self) -> None:
        self.statements = self.lost_commits = 0

    def _statement(self, *_: Any) -> None:
        if self.statements:
            self.statements -= 1
            raise OperationalError("injected", None, Exception("the database is away"))

    def _do_commit(self, connection: Any) -> None:
        self._commit(connection)
        if self.lost_commits:
            self.lost_commits -= 1
            raise OperationalError("injected", None, Exception("the connection broke after the commit"))


class Process:
    """One bot process: the queue and its messages, on a database that may be shared with others."""

    def __init__(self, url: str, folder: Path, farm: ScriptedFarm, clock: ManualClock) -> None:
        self.database = Database(url)
        self.faults = DatabaseFaults(self.database)
        self.queue = Queue(self.database, farm, clock, Config(data=folder))  # type: ignore[arg-type]
        self.messages = JobMessages(self.queue, RateLimit(10_000), clock)
        self.queue.listener = self.messages
        self.unreachable: set[str] = set()
        """The jobs whose message Discord refused for good: what it shows stays."""
        give_up = self.queue.unreachable

        async def give_up_and_tell(id: str, reason: Text) -> Job | None:
            self.unreachable.add(id)
            return await give_up(id, reason)

        self.queue.unreachable = give_up_and_tell  # type: ignore[method-assign]

    async def start(self, client: discord.Client) -> None:
        await self.database.open()
        await self.queue.open()
        self.messages.attach(client)
        await self.messages.sweep()

    async def tick(self) -> None:
        """What is done every few seconds; an error is logged and it is done again."""
        for action in (self.queue.reconcile, self.messages.sweep):
            with contextlib.suppress(OperationalError):
                await action()

    async def stop(self) -> None:
        """End as after SIGTERM."""
        await self.messages.close()
        await self.queue.close()
        await self.database.close()

    async def kill(self) -> None:
        """End without another statement, as after SIGKILL."""
        await self.messages.close()
        await self.queue.dispatcher.close()
        await self.queue._tasks.cancel()
        await self.database.close()
