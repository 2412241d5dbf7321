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
    is_away = True

    def fail(connection: Connection) -> None:
        if is_away:
            raise OperationalError("BEGIN", {}, sqlite3.OperationalError("the disk is full"))

    event.listen(database.engine.sync_engine, "begin", fail)  # never removed: it may just be called
    try:
        yield
    finally:
        is_away = False
