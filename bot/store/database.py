"""The bot's database: SQLite in a file by default, PostgreSQL by URL; migrated when it is opened."""

import asyncio
import functools
import inspect
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from bot.store.base import UtcDateTime as UtcDateTime  # for released migrations
from bot.store.engine import create_engine, sqlite_file
from bot.store.errors import StoreError, shown, store_errors
from bot.store.migrating import current_revision, migrate, revisions
from bot.store.upkeep import let_shrink

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


def shielded(store: type[T]) -> type[T]:
    """Class decorator: each public coroutine method runs to its end though its caller is cancelled.

    For classes whose methods are one short transaction each. A transaction that is cancelled while its
    statement runs would leave SQLite's only connection locked until it is garbage collected.
    """

    def whole(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        @functools.wraps(method)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            running = asyncio.create_task(method(*args, **kwargs))
            running.add_done_callback(_retrieve_error)
            return await asyncio.shield(running)

        return run

    for name, method in list(vars(store).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(store, name, whole(method))
    return store


def _retrieve_error(task: asyncio.Task[Any]) -> None:
    """Keep asyncio from logging the traceback of an error whose caller was cancelled."""
    if not task.cancelled() and (error := task.exception()):
        log.debug("a transaction failed: %r", error)


class Database:
    """Opens and migrates a database, and makes sessions.

    Use it as `async with database.session() as session, session.begin(): ...`, keep each such block short,
    and await nothing but the session inside it: SQLite has one connection and every block waits its turn for
    it, so no transaction ever fails for being "locked".

    Commits survive a crash of this process. With SQLite they survive a power failure only where the block
    begins with `await session.connection(execution_options=DURABLE)`, which waits some five milliseconds for
    the disk. PostgreSQL always waits.

    Errors and logs never show the values of a statement: they may be members' ids.

    `url` is "sqlite:///path/to/file.db" or "postgresql://user:password@host/name".
    """

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)
        self.url = self.engine.url
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.session: async_sessionmaker[AsyncSession] = async_sessionmaker(
            self.engine, expire_on_commit=False
        )
        self._lock_connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Bring the schema up to date; several processes may do so at once.

        Raises StoreError, which is a StoreUnavailable where trying again may help.
        """
        with store_errors(self.url):
            if file := self.file:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.touch(mode=0o600)
                if file.is_file():
                    with suppress(PermissionError):  # somebody else's file that this user may write
                        file.chmod(0o600)
            async with self.engine.begin() as connection:
                await migrate(connection)
            await let_shrink(self.engine)

    async def revisions(self) -> tuple[str | None, str]:
        """The schema's revision in the database, None in an empty one, and the newest. Raises StoreError."""
        newest = revisions()[-1]
        if self.is_sqlite and not (self.file and self.file.exists()):
            return None, newest
        with store_errors(self.url):
            async with self.engine.connect() as connection:
                return await connection.run_sync(current_revision), newest

    def lock(self) -> None:
        """Lock a SQLite file against other bot processes until this one is closed. Raises StoreError.

        A PostgreSQL database may be shared, so it is not locked.
        """
        if not self.file or self._lock_connection:
            return
        # A lock on a file beside it, which the kernel releases however this process ends.
        with store_errors(self.url):
            held = sqlite3.connect(f"{self.file}.held", timeout=0, check_same_thread=False)
            try:
                held.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                held.close()
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                raise StoreError(
                    f"store.url: another dreambot is using {self.file}; stop it first, or let several "
                    "share a PostgreSQL database"
                ) from error
        self._lock_connection = held

    def __str__(self) -> str:
        """Its URL, without the password."""
        return shown(self.url)

    async def close(self) -> None:
        """Close all connections, and release the lock."""
        await self.engine.dispose()
        if self._lock_connection:
            self._lock_connection.close()
            self._lock_connection = None

    @property
    def file(self) -> Path | None:
        """SQLite's file, if it is SQLite and in a file."""
        return sqlite_file(self.engine)
