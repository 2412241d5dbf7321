"""Writes what `tests/bot/store/test_migrations.py` keeps of a new migration.

    python -m tests.support.kept_database

The newest kept database is brought up to date and dumped to `tests/bot/store/kept/NNNN.sql`, NNNN being the
newest revision; then the hash of that migration is printed.
"""

import asyncio
import hashlib
import sqlite3
import tempfile
from pathlib import Path

from bot.store.database import Database
from bot.store.migrating import MIGRATIONS

KEPT = Path(__file__).parents[1] / "bot" / "store" / "kept"


async def keep() -> Path:
    """Dump the newest kept database as the newest migration leaves it."""
    newest = max(KEPT.glob("????.sql"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dreambot.db")
        with sqlite3.connect(path) as connection:
            connection.executescript(newest.read_text())
        connection.close()
        database = Database(f"sqlite:///{path}")
        await database.open()
        _, revision = await database.revisions()
        await database.close()
        with sqlite3.connect(path) as connection:
            dump = "\n".join(connection.iterdump())
        connection.close()
    kept = KEPT / f"{revision}.sql"
    kept.write_text(f"{dump}\n")
    return kept


if __name__ == "__main__":
    kept = asyncio.run(keep())
    (migration,) = (MIGRATIONS / "versions").glob(f"{kept.stem}_*.py")
    print(f'"{migration.name}": "{hashlib.sha256(migration.read_bytes()).hexdigest()}",')
