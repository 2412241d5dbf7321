"""Backups, and moving from one database to another: whatever was committed is there, byte by byte."""

from __future__ import annotations

import asyncio
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, LargeBinary, Table, insert, select
from sqlalchemy import Enum as Choice
from sqlalchemy.types import TypeDecorator

from bench.support.postgres import PostgresServer
from bot.backup import BackupError, backup, move, restore
from bot.clock import Clock
from bot.pseudonyms import key_file, pseudonyms
from bot.queue.repository import JobRepository
from bot.queue.request import DreamRequest
from bot.store.copying import TABLES
from bot.store.database import Database
from bot.store.errors import StoreError
from bot.store.jobs import Job, Picture
from bot.store.lease import Lease
from bot.store.upkeep import integrity_error
from config.schema import Config, Store
from dream.recipe import Recipe

Rows = dict[str, list[tuple[Any, ...]]]
COUNT = 3


def value(table: Table, name: str, number: int) -> Any:
    """Something that fits a column, different in each row; nothing in the last where that is allowed."""
    column = table.columns[name]
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if column.nullable and number == COUNT - 1:
        return None
    match kind:
        case Choice():
            return list(kind.enums)[number % 2]
        case Boolean():
            return number % 2 == 0
        case Float():
            return number + 0.1
        case Integer():
            return (1 << 60) + number
        case DateTime():
            return datetime(2026, 5, 1 + number, 12, 0, 0, 123456, UTC)
        case JSON():
            return {"number": number, "text": "Träume"}
        case LargeBinary():
            return bytes(range(256)) * (1 + number * 4000)
        case _:
            return f"{name[:4]} {number}\u2003ü"[: getattr(kind, "length", None)]


async def fill(database: Database) -> None:
    """Rows in every table."""
    await database.open()
    async with database.engine.begin() as connection:
        for table in TABLES:
            for number in range(COUNT):
                row = {name: value(table, name, number) for name in table.columns.keys()}  # noqa: SIM118
                for key in table.foreign_keys:
                    row[key.parent.name] = value(key.column.table, key.column.name, number)
                await connection.execute(insert(table), row)


async def rows(url: str) -> Rows:
    """Every row of every table, as Python sees it."""
    database = Database(url)
    async with database.engine.connect() as connection:
        found = {
            table.name: [
                tuple(row) for row in await connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in TABLES
        }
    await database.close()
    return found


def configured(folder: Path, url: str = "") -> Config:
    return Config(data=folder, store=Store(url=url))


async def test_a_backup_of_either_kind_is_restored_to_either_kind(
    tmp_path: Path, database_url: str, postgres: PostgresServer
) -> None:
    here = configured(tmp_path / "here", database_url)
    pseudonym = pseudonyms(here)(5)
    database = Database(database_url)
    await fill(database)
    await database.close()
    before = await rows(database_url)
    assert all(len(found) == COUNT for found in before.values())

    assert await backup(here, tmp_path / "backup.tar") == (tmp_path / "backup.tar").stat().st_size
    assert (tmp_path / "backup.tar").stat().st_mode & 0o777 == 0o600
    for name, url in (("there", ""), ("elsewhere", postgres.create_database())):
        there = configured(tmp_path / name, url)
        assert await restore(there, tmp_path / "backup.tar") == dict.fromkeys(before, COUNT)
        assert await rows(there.database_url) == before
        assert pseudonyms(there)(5) == pseudonym and key_file(there).stat().st_mode & 0o777 == 0o600
    assert not [*tmp_path.rglob(".dreambot-*")], "nothing half-written is left"  # noqa: ASYNC240


async def test_sqlite_is_moved_to_postgresql_which_goes_on_numbering(
    tmp_path: Path, postgres_url: str
) -> None:
    here = configured(tmp_path)
    database = Database(here.database_url)
    await fill(database)
    await database.close()
    before = await rows(here.database_url)
    await move(here, postgres_url)
    assert await rows(postgres_url) == before == await rows(here.database_url)
    target = Database(postgres_url)
    audit = next(table for table in TABLES if table.name == "audit")
    new = {name: value(audit, name, 0) for name in audit.columns.keys() if name != "id"}  # noqa: SIM118
    async with target.engine.begin() as connection:
        await connection.execute(insert(audit), new)
    await target.close()
    with pytest.raises(StoreError, match="has rows already"):
        await move(here, postgres_url)


async def test_a_database_in_use_is_not_moved(tmp_path: Path, postgres_url: str) -> None:
    here = configured(tmp_path / "here")
    database = Database(here.database_url)
    await database.open()
    database.lock()
    with pytest.raises(StoreError, match="another dreambot"):
        await move(here, postgres_url)
    await database.close()
    target = Database(postgres_url)
    await target.open()
    await Lease(target).renew()
    with pytest.raises(StoreError, match="another dreambot"):
        await move(here, postgres_url)
    await target.close()


async def test_a_backup_while_jobs_are_committed_is_whole(tmp_path: Path, database_url: str) -> None:
    here = configured(tmp_path / "here", database_url)
    database = Database(database_url)
    await database.open()
    jobs = JobRepository(database, Lease(database), Clock())
    committed: list[str] = []

    async def ask() -> None:
        while True:
            id = jobs.new_id()
            request = DreamRequest(recipe=Recipe.parse("block8"), source=id.encode() * 4000, member_id=7)
            await jobs.add(id, request, (8, 8), 1.0)
            committed.append(id)

    asking = asyncio.create_task(ask())
    while len(committed) < 20:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    before = {*committed}
    await backup(here, tmp_path / "backup.tar")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert len(committed) > len(before), "the bot went on meanwhile"
    there = configured(tmp_path / "there")
    await restore(there, tmp_path / "backup.tar")
    restored = Database(there.database_url)
    async with restored.session() as session:
        kept = {*await session.scalars(select(Job.id))}
        with_pictures = {*await session.scalars(select(Picture.job_id))}
    assert before <= kept == with_pictures <= {*committed, jobs.new_id()} | kept
    assert await integrity_error(restored.engine) is None
    await restored.close()
    await database.close()


async def test_what_would_be_lost_is_only_replaced_when_told_to(tmp_path: Path) -> None:
    here, there = configured(tmp_path / "here"), configured(tmp_path / "there")
    pseudonyms(here)
    database = Database(here.database_url)
    await fill(database)
    await database.close()
    await backup(here, tmp_path / "backup.tar")

    other = pseudonyms(there)(5)
    with pytest.raises(BackupError, match="another key"):
        await restore(there, tmp_path / "backup.tar")
    assert pseudonyms(there)(5) == other
    await restore(there, tmp_path / "backup.tar", replace=True)
    assert pseudonyms(there)(5) == pseudonyms(here)(5)
    with pytest.raises(StoreError, match="has rows already"):
        await restore(there, tmp_path / "backup.tar")
    await restore(there, tmp_path / "backup.tar", replace=True)
    assert await rows(there.database_url) == await rows(here.database_url)


@pytest.mark.parametrize("damage", ["absent", "text", "other", "torn"])
async def test_what_is_no_backup_is_refused_and_changes_nothing(tmp_path: Path, damage: str) -> None:
    here, there = configured(tmp_path / "here"), configured(tmp_path / "there")
    file = tmp_path / "backup.tar"
    database = Database(here.database_url)
    await fill(database)
    await database.close()
    await backup(here, file)
    match damage:
        case "absent":
            file.unlink()
        case "text":
            file.write_text("milk, eggs")
        case "other":
            with tarfile.open(file, "w") as archive:
                archive.add(__file__, "notes")
        case "torn":
            file.write_bytes(file.read_bytes()[:70_000])
    with pytest.raises((BackupError, StoreError), match=r"backup\.tar|dreambot\.db"):
        await restore(there, file)
    assert not (tmp_path / "there" / "dreambot.db").exists()


async def test_an_empty_installation_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="nothing to back up"):
        await backup(configured(tmp_path), tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()
