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
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from bot import store
from bot.store.base import Base
from bot.store.database import Database
from bot.store.jobs import Job
from bot.store.migrating import MIGRATIONS

# Every table there is: each module of the store declares its own.
for module in pkgutil.iter_modules(store.__path__):
    importlib.import_module(f"bot.store.{module.name}")

KEPT = sorted((Path(__file__).parent / "kept").glob("*.sql"))

HASHES = {
    "0001_jobs.py": "9f29a5efe92509f806b93d795dadcf1b38c98161ece3e69b97f15dc584d594a7",
    "0002_settings.py": "b1be8ae36fa1141c3058dcc8e0b4e6ab080508be2eafd729d6288e67100e438b",
    "0003_daily.py": "62c27a6e465449952816499f3741a5277c207402f88a0ebf1e88fd78cc11e239",
    "0004_shown_state.py": "ee8d635a60bbdcfb82bcdd4c3be41a80644af55a0e1c4446146b26d797f366b9",
    "0005_daily_settings.py": "784d9bf37bd2b73cbd8e50fdca39c8bcb631c4ab88ef7bffa269b1f6ff64d737",
    "0006_blobs.py": "91fceaacbf0e4bc0aaabbe3fea241b316f47ea582139facd25c2efaa8edbf919",
    "0007_answers.py": "b7e40eeaa1796ba9b40313daa04b07b773ea4622f1f972164db628ec663905de",
    "0008_hall_of_fame.py": "660ea589e431f2dab4020d040aa63d8c18410494622fe70d626c3126c8b016f4",
    "0009_ways_in.py": "ed50a4248dc9e24061b6cd075ac4cab55562c1dc4b454e884cad5c21ce20b02c",
    "0010_languages.py": "877fbf3136c12fbcd6ab6a0c07ef9a7294d8c5e93855897de99b468df208262a",
}


async def differences(database: Database) -> list[object]:
    """What alembic would change so that the database's tables are those that the code declares."""

    def compare(connection: Connection) -> list[object]:
        # SQLite's types are but names: it has one integer and one floating-point number.
        options = {"compare_type": not database.is_sqlite}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
        return [one for one in found if one[0] != "remove_table"]  # earlier forms made one more

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


async def test_tables_made_by_migrations_are_the_ones_the_code_declares(database: Database) -> None:
    assert await differences(database) == []


def test_every_migration_has_its_hash() -> None:
    assert {file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")} == set(HASHES)


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
    assert await differences(database) == []
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
