"""Copies all rows of one database to another, of the same kind or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import LargeBinary, Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

import bot.store.answered
import bot.store.daily
import bot.store.hall
import bot.store.jobs
import bot.store.opt_outs
import bot.store.settings  # noqa: F401 (each registers its tables)
from bot.store.base import Base
from bot.store.database import Database
from bot.store.errors import StoreError
from bot.store.lease import Process

ROWS: Final = 500
FILES: Final = 8
"""Rows that are in memory at once, and rows with files in them."""
TABLES: Final = tuple(table for table in Base.metadata.sorted_tables if table.name != Process.__tablename__)
"""All tables but the leases, which belong to the processes of one database; what refers comes last."""


async def copy(source: Database, target: Database, *, replace: bool = False) -> dict[str, int]:
    """Copy every row to a database without any, or with `replace` instead of its own; the rows by table.

    Both must be open, and the target is as it was if anything fails. Raises StoreError where the target has
    rows, or where another process writes to it meanwhile.
    """
    counts = {}
    async with _snapshot(source) as reading, target.engine.begin() as writing:
        for table in reversed(TABLES):
            if replace:
                await writing.execute(delete(table))
            elif await writing.scalar(select(func.count()).select_from(table)):
                raise StoreError(
                    f"{target} has rows already (table {table.name}): choose an empty database, or let "
                    "dreambot restore --replace overwrite it"
                )
        for table in TABLES:
            counts[table.name] = await _copy_table(table, reading, writing)
    return counts


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection that reads the database as it is at one moment."""
    async with database.engine.connect() as connection:
        if not database.is_sqlite:  # whose transactions all are such
            await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            yield connection


async def _copy_table(table: Table, reading: AsyncConnection, writing: AsyncConnection) -> int:
    has_files = any(isinstance(column.type, LargeBinary) for column in table.columns)
    count = 0
    rows = await reading.stream(select(table))
    async for part in rows.mappings().partitions(FILES if has_files else ROWS):
        await writing.execute(insert(table), [dict(row) for row in part])
        count += len(part)
    key = table.autoincrement_column
    if count and key is not None and writing.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, key.name)
        await writing.execute(select(func.setval(sequence, select(func.max(key)).scalar_subquery())))
    return count
