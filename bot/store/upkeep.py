"""How much room a database takes, and giving room of deleted rows back; most of it is SQLite's business."""

import asyncio
import logging
import shutil
import sqlite3
import time
from collections.abc import Awaitable
from typing import Final, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.engine import sqlite_file
from bot.store.errors import store_errors

log = logging.getLogger(__name__)
T = TypeVar("T")

_INCREMENTAL: Final = 2
"""What SQLite calls auto_vacuum = INCREMENTAL."""
_SHRINK_STEP: Final = 1000
"""Pages, of 4 KB each, that are given back at once; a step takes some ten milliseconds."""


async def throttled(step: Awaitable[T]) -> T:
    """Await a step of upkeep, then pause for as long as it took, so that others get half of the time."""
    began = time.monotonic()
    done = await step
    await asyncio.sleep(time.monotonic() - began)
    return done


def free_bytes(engine: AsyncEngine) -> int | None:
    """What the disk of SQLite's file has left; None for PostgreSQL and for a database in memory."""
    file = sqlite_file(engine)
    return shutil.disk_usage(file.parent).free if file else None


async def size_bytes(engine: AsyncEngine) -> int:
    """The size of the database, with SQLite's write-ahead log."""
    if engine.dialect.name != "sqlite":
        async with engine.connect() as connection:
            query = text("SELECT pg_database_size(current_database())")
            return int(await connection.scalar(query) or 0)
    file = sqlite_file(engine)
    files = [file, file.with_name(f"{file.name}-wal")] if file else []
    return sum(each.stat().st_size for each in files if each.exists())


async def integrity_error(engine: AsyncEngine) -> str | None:
    """The first error of SQLite's quick_check, which reads the whole file, or None. Raises StoreError."""
    if engine.dialect.name != "sqlite":
        return None
    with store_errors(engine.url):
        async with engine.connect() as connection:
            found: str | None = await connection.scalar(text("PRAGMA quick_check(1)"))
    return None if found == "ok" else " ".join(str(found).split())


async def truncate_wal(engine: AsyncEngine) -> None:
    """Truncate SQLite's write-ahead log, which otherwise keeps deleted rows on disk."""
    if engine.dialect.name == "sqlite":
        await _pragma(engine, "wal_checkpoint(TRUNCATE)")


async def shrink(engine: AsyncEngine) -> None:
    """Give the room of deleted rows back to the disk, in small steps between which others get their turn.

    PostgreSQL does so itself (autovacuum).
    """
    if engine.dialect.name != "sqlite":
        return
    before, free = None, await _pragma(engine, "freelist_count")
    while free and free != before:
        await throttled(_pragma(engine, f"incremental_vacuum({_SHRINK_STEP})"))
        before, free = free, await _pragma(engine, "freelist_count")
    await truncate_wal(engine)


async def let_shrink(engine: AsyncEngine) -> None:
    """Rewrite a SQLite file of an earlier version, once, to one that can shrink.

    That needs as much of the disk as the file has; where there is less, it is tried at the next start.
    """
    file = sqlite_file(engine)
    if not file or await _pragma(engine, "auto_vacuum") == _INCREMENTAL:
        return
    size = file.stat().st_size
    if (free_bytes(engine) or 0) < 2 * size:  # the copy, and the write-ahead log with it
        log.warning("%s cannot shrink before its disk has %d MB left", file, 2 * size // 1_000_000)
        return
    log.info("%s is being rewritten, once, so that it can shrink", file)
    try:
        await _pragma(engine, "auto_vacuum = INCREMENTAL", "VACUUM")
    except sqlite3.OperationalError as error:  # another process has it open
        log.info("%s is rewritten at the next start: %s", file, error)
    await truncate_wal(engine)


async def _pragma(engine: AsyncEngine, name: str, *statements: str) -> int | None:
    """Run a PRAGMA, and statements after it, outside of any transaction; the PRAGMA's value."""
    async with engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        rows = await raw.execute_fetchall(f"PRAGMA {name}")
        for statement in statements:
            await raw.execute(statement)
    return rows[0][0] if rows else None
