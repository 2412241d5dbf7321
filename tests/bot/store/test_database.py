"""The database opens, migrates itself, and keeps moments and rows as they were."""

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError

from bot.store import jobs, lease
from bot.store.database import Database, shielded
from bot.store.errors import StoreError
from bot.store.upkeep import integrity_error, shrink, throttled


async def test_two_processes_may_open_a_new_database_at_once(database_url: str) -> None:
    first, second = Database(database_url), Database(database_url)
    await asyncio.gather(first.open(), second.open())
    async with second.engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    await first.close()
    await second.close()


async def test_moments_come_back_aware_and_in_utc(database: Database) -> None:
    noon_in_india = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    async with database.session() as session, session.begin():
        session.add(lease.Process(id="one", alive_until=noon_in_india))
    async with database.session() as session, session.begin():
        row = await session.get_one(lease.Process, "one")
    assert row.alive_until == noon_in_india
    assert row.alive_until.tzinfo is UTC


async def test_a_picture_cannot_outlive_its_job(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.session() as session, session.begin():
            session.add(jobs.Blob(digest="1", size=1, data=b"x"))
            await session.flush()
            session.add(jobs.Picture(job_id="nobody", role="source", digest="1"))


async def test_a_statement_that_fails_after_its_caller_was_cancelled_logs_no_traceback(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    @shielded
    class Store:
        async def fail(self) -> None:
            begun.set()
            async with database.session() as session:
                await session.execute(text("SELECT * FROM nowhere"))

    failing = asyncio.create_task(Store().fail())
    await begun.wait()
    failing.cancel()
    await asyncio.wait({failing})
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    del others
    gc.collect()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version"):
        await database.open()


@pytest.mark.parametrize("url", ["", "mysql://root@localhost/dreams", "not a url"])
def test_a_wrong_url_names_the_setting(url: str) -> None:
    with pytest.raises(StoreError, match=r"store\.url"):
        Database(url)


async def test_an_unreachable_file_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"store\.url"):
        await Database(f"sqlite:///{tmp_path}/file/dreambot.db").open()


def test_an_up_to_date_database_opens_without_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from bot.store.database import Database\n"
        f"asyncio.run(Database('sqlite:///{tmp_path}/x.db').open()); print('alembic' in sys.modules)"
    )
    run = [sys.executable, "-c", code]
    printed = [subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() for _ in "12"]
    assert printed == ["True", "False"]


def test_a_sqlite_file_is_held_by_one_process_until_it_dies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/dreambot.db"
    code = f"from bot.store.database import Database; Database({url!r}).lock(); print(1, flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout and other.stdout.readline()
    with pytest.raises(StoreError, match="another dreambot"):
        Database(url).lock()
    other.kill()
    other.wait()
    Database(url).lock()


@pytest.mark.parametrize("options", ["sslmode=prefer", "sslmode=disable&application_name=me", "ssl=prefer"])
async def test_a_url_with_libpqs_options_opens(postgres_url: str, options: str) -> None:
    database = Database(f"{postgres_url}?{options}&channel_binding=prefer")
    await database.open()
    await database.close()


async def test_sslmode_is_heeded(postgres_url: str) -> None:
    database = Database(f"{postgres_url}?sslmode=require")
    with pytest.raises(StoreError, match="SSL"):
        await database.open()


async def test_damaged_pages_are_found(tmp_path: Path) -> None:
    file = tmp_path / "dreambot.db"
    database = Database(f"sqlite:///{file}")
    await database.open()
    assert await integrity_error(database.engine) is None
    await database.close()
    with file.open("r+b") as pages:
        pages.seek(3 * 4096)
        pages.write(os.urandom(6 * 4096))
    database = Database(f"sqlite:///{file}")
    assert "Page 4" in str(await integrity_error(database.engine))
    await database.close()


async def filled_and_emptied(database: Database) -> None:
    async with database.session() as session, session.begin():
        session.add_all(jobs.Blob(digest=str(n), size=10**6, data=os.urandom(10**6)) for n in range(12))
    async with database.session() as session, session.begin():
        await session.execute(delete(jobs.Blob))


async def test_the_file_gives_back_the_room_of_what_is_deleted_while_others_use_it(tmp_path: Path) -> None:
    file = tmp_path / "dreambot.db"
    database = Database(f"sqlite:///{file}")
    await database.open()
    await filled_and_emptied(database)
    shrinking = asyncio.create_task(shrink(database.engine))
    reads = 0
    while not shrinking.done():
        async with database.session() as session, session.begin():
            await session.execute(select(jobs.Job))
        reads += 1
    await shrinking
    assert reads > 5
    assert file.stat().st_size < 10**6
    await database.close()


async def test_a_step_of_upkeep_is_followed_by_a_pause_as_long() -> None:
    began = time.monotonic()
    assert await throttled(asyncio.sleep(0.05, "done")) == "done"
    assert time.monotonic() - began >= 0.1


async def test_a_file_of_an_earlier_version_learns_to_shrink(tmp_path: Path) -> None:
    file = tmp_path / "dreambot.db"
    made = sqlite3.connect(file)
    made.executescript("PRAGMA journal_mode = WAL; CREATE TABLE earlier (id INTEGER)")
    made.close()
    for _ in range(2):
        database = Database(f"sqlite:///{file}")
        await database.open()
        await filled_and_emptied(database)
        await shrink(database.engine)
        await database.close()
        assert file.stat().st_size < 10**6


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "dreambot.db"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o644)  # as earlier versions made it
    database = Database(f"sqlite:///{file}")
    await database.open()
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
    await database.close()
