"""A database that is away for a while."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from bot.store.database import Database


@contextmanager
def outage(database: Database) -> Iterator[None]:
    """Let every transaction fail as it begins, while the block runs."""

    def fail(connection: Connection) -> None:
        raise OperationalError("BEGIN", {}, sqlite3.OperationalError("the disk is full"))

    event.listen(database.engine.sync_engine, "begin", fail)
    try:
        yield
    finally:
        event.remove(database.engine.sync_engine, "begin", fail)
