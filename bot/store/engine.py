"""The connections to SQLite and PostgreSQL, and how their transactions begin."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bot.store.errors import StoreError
from dream.extras import install

DURABLE: Final = {"durable": True}
"""The options of a connection whose commits survive a power failure (see `bot.store.database`)."""
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_NOT_IN_DSN: Final = {"ssl", "prepared_statement_cache_size", "prepared_statement_name_func"}
"""Options of a PostgreSQL URL that SQLAlchemy reads itself."""
_LIBPQ_ONLY: Final = {"channel_binding", "connect_timeout", "gssencmode"}
"""Options of libpq that asyncpg does not know; they are dropped."""


def create_engine(url: str) -> AsyncEngine:
    """The engine of "sqlite:///path" or "postgresql://user:password@host/name". Raises StoreError."""
    parsed = _async_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _postgres_engine(*_for_asyncpg(parsed))
    engine = create_async_engine(
        parsed,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def sqlite_file(engine: AsyncEngine) -> Path | None:
    """SQLite's file, if it is SQLite and in a file."""
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    return Path(name) if name and name != ":memory:" else None


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
        raise StoreError(f"store.url: PostgreSQL needs the driver asyncpg: {install('postgres')}") from error


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
