"""The bot's one database: SQLite in a file by default, PostgreSQL by URL, migrated when it is opened."""

import asyncio
import functools
import inspect
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import sqlalchemy
from sqlalchemy import BigInteger, Connection, DateTime, Dialect, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
DURABLE: Final = {"durable": True}
_MIGRATION_LOCK: Final = 0x647265616D  # "dream": PostgreSQL's advisory locks are numbers


class StoreError(Exception):
    """The database cannot be used; the sentence tells an operator which setting to look at."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, always; UTC in the database, whichever it is."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a moment without a time zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again: SQLite keeps no time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table of the bot; whole numbers are 64 bits wide, as Discord's ids are."""

    type_annotation_map = {int: BigInteger, datetime: UtcDateTime}  # noqa: RUF012


def uninterrupted(store: type[T]) -> type[T]:
    """Class decorator: each public coroutine method goes on to its end when whoever awaits it is cancelled.

    For classes whose methods are one short transaction each. A transaction that is cancelled while its
    statement runs would leave SQLite's one connection locked until somebody collects the garbage.
    """

    def whole(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        @functools.wraps(method)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return await asyncio.shield(asyncio.create_task(method(*args, **kwargs)))

        return run

    for name, method in list(vars(store).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(store, name, whole(method))
    return store


class Database:
    """Opens, migrates and hands out sessions.

    Use it as `async with database.session() as session, session.begin(): ...`, keep each such block short,
    and await nothing but the session inside it: SQLite has one connection and every block waits its turn for
    it, so no transaction ever fails for being "locked".

    What is committed survives the death of this process. SQLite keeps it through a power cut, too, where the
    block begins with `await session.connection(execution_options=DURABLE)`: that waits for the disk, for some
    five milliseconds. PostgreSQL always does.

    Errors and logs never show the values of a statement: they may be members' ids.

    `url` is "sqlite:///path/to/file.db" or "postgresql://user:password@host/name".
    """

    def __init__(self, url: str) -> None:
        self.url = _async_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine = create_async_engine(
                self.url,
                poolclass=AsyncAdaptedQueuePool,
                pool_size=1,
                max_overflow=0,
                pool_timeout=30,
                hide_parameters=True,
            )
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_immediate)
        else:
            self.engine = create_async_engine(
                self.url, pool_size=5, max_overflow=5, pool_pre_ping=True, hide_parameters=True
            )
        self._held: sqlite3.Connection | None = None
        self.session: async_sessionmaker[AsyncSession] = async_sessionmaker(
            self.engine, expire_on_commit=False
        )

    async def open(self) -> None:
        """Bring the schema up to date; several processes may do so at once. Raises StoreError."""
        with self._explained():
            if self.is_sqlite and self.url.database and self.url.database != ":memory:":
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            async with self.engine.begin() as connection:
                await _migrate(connection)

    async def revisions(self) -> tuple[str | None, str]:
        """The schema's revision in the database, None in an empty one, and the newest. Raises StoreError."""
        newest = _revisions()[-1]
        if self.is_sqlite and not Path(self.url.database or "").exists():  # noqa: ASYNC240
            return None, newest
        with self._explained():
            async with self.engine.connect() as connection:
                return await connection.run_sync(_current_revision), newest

    async def scrub(self) -> None:
        """Leave nothing of deleted rows on disk: SQLite's write-ahead log holds them until it is emptied."""
        if self.is_sqlite:
            async with self.engine.connect() as connection:
                raw = await connection.get_raw_connection()
                assert raw.driver_connection is not None
                await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def lock(self) -> None:
        """Keep other bot processes away from a SQLite file for as long as this one lives. Raises StoreError.

        PostgreSQL is shared by as many as like.
        """
        if not self.is_sqlite or not self.url.database or self.url.database == ":memory:":
            return
        # A lock on a file beside it, let go by the kernel however this process ends.
        held = sqlite3.connect(f"{self.url.database}.held", timeout=0, check_same_thread=False)
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            held.close()
            raise StoreError(
                f"store.url: another dreambot is using {self.url.database}; stop it first, or let several "
                "share a PostgreSQL database"
            ) from error
        self._held = held

    async def close(self) -> None:
        """Let go of every connection."""
        await self.engine.dispose()
        if self._held:
            self._held.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, DBAPIError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            where = self.url.render_as_string(hide_password=True)
            raise StoreError(f"store.url: the database {where} cannot be opened: {cause}") from error


def _async_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "store.url is not a database URL; try sqlite:///dreambot.db or postgresql://user@host/name"
        ) from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise StoreError(f"store.url: {backend!r} is not supported; use sqlite:/// or postgresql://")
    return parsed.set(drivername=_DRIVERS[backend])


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by its own rules
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "busy_timeout = 30000", "secure_delete = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    synchronous = "FULL" if connection.get_execution_options().get("durable") else "NORMAL"
    if connection.info.get("synchronous") != synchronous:
        connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
        connection.info["synchronous"] = synchronous
    # A transaction that reads first and writes later would fail when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _migrate(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    revisions = _revisions()
    current = await connection.run_sync(_current_revision)
    if current == revisions[-1]:
        return
    if current is not None and current not in revisions:
        raise StoreError(
            f"store.url: this database is at revision {current}, which this version of dreambot does not "
            "know; start the newer version, or restore a backup"
        )
    await connection.run_sync(_upgrade)


def _revisions() -> list[str]:
    return sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _current_revision(connection: Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return current


def _upgrade(connection: Connection) -> None:
    from alembic import command  # a third of a second that only a new schema should cost
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
