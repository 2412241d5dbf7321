"""Migrations are append-only: databases made with each of them exist, and are brought up to date.

`kept/NNNN.sql` is a database as revision NNNN left it, with a row in each table that mattered. Two more were
made with earlier forms of 0001, from before this test. A new migration adds its hash here, and its database.
"""

import hashlib
import importlib
import pkgutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, select, text

from bot import store
from bot.store.database import MIGRATIONS, Base, Database
from bot.store.jobs import Job

# Every table there is: each module of the store declares its own.
for module in pkgutil.iter_modules(store.__path__):
    importlib.import_module(f"bot.store.{module.name}")

KEPT = sorted((Path(__file__).parent / "kept").glob("*.sql"))

HASHES = {
    "0001_jobs.py": "9f29a5efe92509f806b93d795dadcf1b38c98161ece3e69b97f15dc584d594a7",
    "0002_settings.py": "b1be8ae36fa1141c3058dcc8e0b4e6ab080508be2eafd729d6288e67100e438b",
    "0003_daily.py": "62c27a6e465449952816499f3741a5277c207402f88a0ebf1e88fd78cc11e239",
    "0006_blobs.py": "91fceaacbf0e4bc0aaabbe3fea241b316f47ea582139facd25c2efaa8edbf919",
    "0007_answers.py": "b7e40eeaa1796ba9b40313daa04b07b773ea4622f1f972164db628ec663905de",
}


async def made_and_declared(database: Database) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The columns of each table in the database, and as the code declares them."""

    def columns(connection: Connection) -> dict[str, set[str]]:
        inspector = inspect(connection)
        return {
            name: {c["name"] for c in inspector.get_columns(name)} for name in inspector.get_table_names()
        }

    async with database.engine.connect() as connection:
        made = await connection.run_sync(columns)
    declared = {name: set(table.columns.keys()) for name, table in Base.metadata.tables.items()}
    return {name: made.get(name, set()) for name in declared}, declared


async def test_tables_made_by_migrations_are_the_ones_the_code_declares(database: Database) -> None:
    made, declared = await made_and_declared(database)
    assert made == declared


@pytest.mark.parametrize("name", HASHES)
def test_a_migration_is_never_edited(name: str) -> None:
    file = MIGRATIONS / "versions" / name
    edited = f"{name} was edited, but databases were made with it: write a new migration instead"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == HASHES[name], edited


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.stem)
async def test_a_kept_database_of_each_version_is_brought_up_to_date(tmp_path: Path, kept: Path) -> None:
    script = kept.read_text()  # noqa: ASYNC240
    with sqlite3.connect(tmp_path / "dreambot.db") as made:
        made.executescript(script)
    made.close()
    database = Database(f"sqlite:///{tmp_path}/dreambot.db")
    await database.open()
    made_columns, declared = await made_and_declared(database)
    assert made_columns == declared
    async with database.session() as session, session.begin():
        jobs = {job.id: job for job in await session.scalars(select(Job))}
        assert set(jobs) == {"job0", "job1", "job2"}
        assert jobs["job0"].state == "queued" and jobs["job2"].state == "done"
        assert await session.scalar(text("SELECT count(*) FROM pictures")) == 3
        assert (await session.execute(text("SELECT size, data FROM blobs"))).all() == [(3, b"cat")]
        assert [job.input_bytes for job in jobs.values()] == [3, 3, 3]
        if kept.stem >= "0002" and "_" not in kept.stem:
            assert await session.scalar(text("SELECT value FROM settings WHERE name = 'prefix'")) == '"?"'
    await database.close()
