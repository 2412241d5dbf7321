"""The bot's database: SQLite in a file by default, PostgreSQL by URL; migrated when it is opened."""

import asyncio
import functools
import inspect
import logging
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import urlencode

import sqlalchemy
from sqlalchemy import BigInteger, Connection, DateTime, Dialect, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.types import TypeDecorator

log = logging.getLogger(__name__)

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
_NOT_IN_DSN: Final = {"ssl", "prepared_statement_cache_size", "prepared_statement_name_func"}
"""Options of a PostgreSQL URL that SQLAlchemy reads itself."""
_LIBPQ_ONLY: Final = {"channel_binding", "connect_timeout", "gssencmode"}
"""Options of libpq that asyncpg does not know; they are dropped."""
_INCREMENTAL: Final = 2
"""What SQLite calls auto_vacuum = INCREMENTAL."""
_SHRINK_STEP: Final = 1000
"""Pages, of 4 KB each, that are given back at once; a step takes some ten milliseconds."""
_MIGRATION_LOCK: Final = 0x647265616D  # "dream": PostgreSQL's advisory locks are numbers


class StoreError(Exception):
    """The database cannot be used; the text is a sentence for operators that names the setting."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database cannot be used at the moment; trying again may help."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: an aware datetime in Python, UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime; SQLite stores naive ones."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of all tables; integers are 64 bits wide, as Discord's ids are."""

    type_annotation_map = {int: BigInteger, datetime: UtcDateTime}  # noqa: RUF012


def shielded(store: type[T]) -> type[T]:
    """Class decorator: each public coroutine method runs to its end though its caller is cancelled.

    For classes whose methods are one short transaction each. A transaction that is cancelled while its
    statement runs would leave SQLite's only connection locked until it is garbage collected.
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
            self.url, options = _for_asyncpg(self.url)
            self.engine = _postgres_engine(self.url, options)
        self._lock_connection: sqlite3.Connection | None = None
        self.session: async_sessionmaker[AsyncSession] = async_sessionmaker(
            self.engine, expire_on_commit=False
        )

    async def open(self) -> None:
        """Bring the schema up to date; several processes may do so at once.

        Raises StoreError, which is a StoreUnavailable where trying again may help.
        """
        with self._translate_errors():
            if file := self.file:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.touch(mode=0o600)
                if file.is_file():
                    with suppress(PermissionError):  # somebody else's file that this user may write
                        file.chmod(0o600)
            async with self.engine.begin() as connection:
                await _migrate(connection)
            await self._let_shrink()

    async def revisions(self) -> tuple[str | None, str]:
        """The schema's revision in the database, None in an empty one, and the newest. Raises StoreError."""
        newest = _revisions()[-1]
        if self.is_sqlite and not (self.file and self.file.exists()):
            return None, newest
        with self._translate_errors():
            async with self.engine.connect() as connection:
                return await connection.run_sync(_current_revision), newest

    async def truncate_wal(self) -> None:
        """Truncate SQLite's write-ahead log, which otherwise keeps deleted rows on disk."""
        if self.is_sqlite:
            async with self.engine.connect() as connection:
                raw = await connection.get_raw_connection()
                assert raw.driver_connection is not None
                await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def shrink(self) -> None:
        """Give the room of deleted rows back to the disk, in small steps between which others get their turn.

        PostgreSQL does so itself (autovacuum).
        """
        if not self.is_sqlite:
            return
        before, free = None, await self._pragma("freelist_count")
        while free and free != before:
            await self._pragma(f"incremental_vacuum({_SHRINK_STEP})")
            before, free = free, await self._pragma("freelist_count")
        await self.truncate_wal()

    def free_bytes(self) -> int | None:
        """What the disk of SQLite's file has left; None for PostgreSQL and for a database in memory."""
        return shutil.disk_usage(self.file.parent).free if self.file else None

    async def size_bytes(self) -> int:
        """The size of the database, with SQLite's write-ahead log."""
        if not self.is_sqlite:
            async with self.engine.connect() as connection:
                query = text("SELECT pg_database_size(current_database())")
                return int(await connection.scalar(query) or 0)
        files = [self.file, self.file.with_name(f"{self.file.name}-wal")] if self.file else []
        return sum(file.stat().st_size for file in files if file.exists())

    async def integrity_error(self) -> str | None:
        """The first error of SQLite's quick_check, which reads the whole file, or None. Raises StoreError."""
        if not self.is_sqlite:
            return None
        with self._translate_errors():
            async with self.engine.connect() as connection:
                found: str | None = await connection.scalar(text("PRAGMA quick_check(1)"))
        return None if found == "ok" else " ".join(str(found).split())

    def lock(self) -> None:
        """Lock a SQLite file against other bot processes until this one is closed. Raises StoreError.

        A PostgreSQL database may be shared, so it is not locked.
        """
        if not self.file or self._lock_connection:
            return
        # A lock on a file beside it, which the kernel releases however this process ends.
        with self._translate_errors():
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
        """Its URL, as `store.url` has it, without the password."""
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)

    async def close(self) -> None:
        """Close all connections, and release the lock."""
        await self.engine.dispose()
        if self._lock_connection:
            self._lock_connection.close()
            self._lock_connection = None

    @property
    def file(self) -> Path | None:
        """SQLite's file, if it is SQLite and in a file."""
        named = self.is_sqlite and self.url.database and self.url.database != ":memory:"
        return Path(self.url.database or "") if named else None

    async def _let_shrink(self) -> None:
        """Rewrite a SQLite file of an earlier version, once, to one that can shrink.

        That needs as much of the disk as the file has; where there is less, it is tried at the next start.
        """
        if not self.file or await self._pragma("auto_vacuum") == _INCREMENTAL:
            return
        size = self.file.stat().st_size
        if (self.free_bytes() or 0) < 2 * size:  # the copy, and the write-ahead log with it
            log.warning("%s cannot shrink before its disk has %d MB left", self.file, 2 * size // 1_000_000)
            return
        log.info("%s is being rewritten, once, so that it can shrink", self.file)
        try:
            await self._pragma("auto_vacuum = INCREMENTAL", "VACUUM")
        except sqlite3.OperationalError as error:  # another process has it open
            log.info("%s is rewritten at the next start: %s", self.file, error)
        await self.truncate_wal()

    async def _pragma(self, name: str, *statements: str) -> int | None:
        """Run a PRAGMA, and statements after it, outside of any transaction; the PRAGMA's value."""
        async with self.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            rows = await raw.execute_fetchall(f"PRAGMA {name}")
            for statement in statements:
                await raw.execute(statement)
        return rows[0][0] if rows else None

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, DBAPIError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            kind = StoreUnavailable if _is_transient(cause, is_sqlite=self.is_sqlite) else StoreError
            reason = " ".join(str(cause).split()) or type(cause).__name__
            raise kind(f"store.url: the database {self} cannot be opened: {reason}") from error


def _is_transient(error: BaseException | None, *, is_sqlite: bool) -> bool:
    """Whether trying again may help: the server cannot be reached, is busy, starting or stopping."""
    if is_sqlite:
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, OSError) or state.startswith(("08", "57P")) or state == "53300"


def _for_asyncpg(url: URL) -> tuple[URL, dict[str, Any]]:
    """The URL without libpq's options (sslmode=…), and these as a DSN, from which asyncpg reads them."""
    options = {key: value for key, value in url.query.items() if key not in _NOT_IN_DSN}
    url = url.difference_update_query(options)
    wanted = {key: value for key, value in options.items() if key not in _LIBPQ_ONLY}
    return url, {"dsn": f"postgresql://?{urlencode(wanted, doseq=True)}"} if wanted else {}


def _postgres_engine(url: URL, options: dict[str, Any]) -> AsyncEngine:
    try:
        return create_async_engine(
            url, connect_args=options, pool_size=5, max_overflow=5, pool_pre_ping=True, hide_parameters=True
        )
    except ImportError as error:
        raise StoreError(
            "store.url: PostgreSQL needs the driver asyncpg: pip install 'dreambot[postgres]'"
        ) from error


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
    for pragma in (
        "auto_vacuum = INCREMENTAL",  # for a new file only, and so before anything is written
        "journal_mode = WAL",
        "foreign_keys = ON",
        "busy_timeout = 30000",
        "secure_delete = ON",
    ):
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
