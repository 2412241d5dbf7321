"""Backs up, restores and moves what the bot remembers: its database, and the key of its pseudonyms.

A backup is a tar file with a SQLite database in it, whatever the bot's own is, so that it can be restored to
either kind. It holds the newest commit before it began; the bot may run meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bot.pseudonyms import key_file
from bot.store.copying import copy
from bot.store.database import Database
from bot.store.errors import StoreError
from bot.store.lease import is_in_use
from bot.store.upkeep import truncate_wal
from config.schema import Config

DATABASE: Final = "dreambot.db"
KEY: Final = "privacy.key"
ABOUT: Final = "about.json"


class BackupError(Exception):
    """A backup cannot be written or restored; the text is a sentence for the operator."""


async def backup(config: Config, file: Path) -> int:
    """Write a backup to `file`, whose former content is replaced once all is written; its bytes.

    Raises BackupError, StoreError, ConfigError.
    """
    database = Database(config.database_url)
    try:
        stored, newest = await database.revisions()
        if stored is None:
            raise BackupError(f"{database} is empty; there is nothing to back up.")
        with _refused(file), tempfile.TemporaryDirectory(dir=file.parent, prefix=".dreambot-backup-") as made:
            folder = Path(made)
            if database.file:
                await asyncio.to_thread(_copy_sqlite, database.file, folder / DATABASE)
            elif stored != newest:
                raise BackupError(
                    f"{database} is of an earlier version: start this version of the bot once, or back it up "
                    "with that version."
                )
            else:
                await _copy_to(database, f"sqlite:///{folder / DATABASE}")
            about = {"version": version("dreambot"), "schema": stored, "at": datetime.now(UTC).isoformat()}
            (folder / ABOUT).write_text(json.dumps(about))
            if (key := key_file(config)).exists():
                shutil.copyfile(key, folder / KEY)
            return await asyncio.to_thread(_pack, folder, file)
    finally:
        await database.close()


async def restore(config: Config, file: Path, *, replace: bool = False) -> dict[str, int]:
    """Fill the bot's database, and its key, from a backup; the rows by table.

    A database that has rows, or another key, is refused, or with `replace` overwritten. Nothing is changed if
    anything fails. Raises BackupError, StoreError, ConfigError.
    """
    key = key_file(config)
    target = Database(config.database_url)
    with _refused(file), tempfile.TemporaryDirectory(dir=key.parent, prefix=".dreambot-restore-") as made:
        folder = Path(made)
        await asyncio.to_thread(_unpack, file, folder)
        wanted = folder / KEY
        if wanted.exists() and key.exists() and not replace and key.read_bytes() != wanted.read_bytes():
            raise BackupError(f"{key} is another key than the backup's; say --replace to lose it.")
        source = Database(f"sqlite:///{folder / DATABASE}")
        try:
            await source.open()
            await _open_unused(target)
            counts = await copy(source, target, replace=replace)
        finally:
            await source.close()
            await target.close()
        if wanted.exists():
            wanted.chmod(0o600)
            wanted.replace(key)
    return counts


async def move(config: Config, url: str) -> dict[str, int]:
    """Copy the bot's database to an empty one at `url`; the rows by table. The old one stays as it is.

    Raises StoreError, ConfigError.
    """
    source, target = Database(config.database_url), Database(url)
    if source.url == target.url:
        raise StoreError(f"{target} is the database that the bot uses already (store.url)")
    try:
        if (await source.revisions())[0] is None:
            raise StoreError(f"{source} is empty (store.url); there is nothing to move")
        await _open_unused(source)
        await _open_unused(target)
        return await copy(source, target)
    except SQLAlchemyError as error:
        raise StoreError(f"{target} could not be filled: {str(error).partition(chr(10))[0]}") from error
    finally:
        await source.close()
        await target.close()


async def _open_unused(database: Database) -> None:
    """Open a database, and make sure that no bot uses it. Raises StoreError."""
    await database.open()
    database.lock()
    if await is_in_use(database):
        raise StoreError(f"{database} is in use by another dreambot; stop it first")


async def _copy_to(database: Database, url: str) -> None:
    target = Database(url)
    try:
        await target.open()
        await copy(database, target)
        await truncate_wal(target.engine)
    finally:
        await target.close()


def _copy_sqlite(file: Path, copy: Path) -> None:
    """Copy a SQLite file as it is at one moment, without what was deleted; writers go on meanwhile."""
    database = sqlite3.connect(file, timeout=60)
    try:
        database.execute("VACUUM INTO ?", (str(copy),))
    finally:
        database.close()


def _pack(folder: Path, file: Path) -> int:
    packed = folder / "backup.tar"
    with tarfile.open(packed, "w") as archive:
        for name in (ABOUT, DATABASE, KEY):
            if (folder / name).exists():
                archive.add(folder / name, arcname=name)
    packed.chmod(0o600)
    with packed.open("rb") as written:
        os.fsync(written.fileno())
    packed.replace(file)
    return file.stat().st_size


def _unpack(file: Path, folder: Path) -> None:
    with tarfile.open(file, "r:") as archive:
        files = {member.name: member for member in archive.getmembers() if member.isfile()}
        if DATABASE not in files:
            raise BackupError(f"{file} is no backup of Dreambot: it has no {DATABASE} in it.")
        for name in (DATABASE, KEY):
            if name in files and (packed := archive.extractfile(files[name])):
                with (folder / name).open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)


@contextmanager
def _refused(file: Path) -> Iterator[None]:
    """Turn what can go wrong with files into sentences."""
    try:
        yield
    except tarfile.TarError as error:
        raise BackupError(f"{file} is no backup of Dreambot, or a part of one: {error}") from error
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        what = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        where = getattr(error, "filename", None) or file
        raise BackupError(f"{where}: {what}.") from error
