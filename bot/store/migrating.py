"""Brings a database's schema up to date, by the files in `migrations`."""

from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.errors import StoreError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x647265616D  # "dream": PostgreSQL's advisory locks are numbers


async def migrate(connection: AsyncConnection) -> None:
    """Bring the schema up to date; several processes may do so at once. Raises StoreError."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    known = revisions()
    current = await connection.run_sync(current_revision)
    if current == known[-1]:
        return
    if current is not None and current not in known:
        raise StoreError(
            f"store.url: this database is at revision {current}, which this version of dreambot does not "
            "know; start the newer version, or restore a backup"
        )
    await connection.run_sync(_upgrade)


def revisions() -> list[str]:
    """All revisions of the schema, the newest last."""
    return sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current_revision(connection: Connection) -> str | None:
    """The revision of a database's schema; None in an empty one."""
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return current


def _upgrade(connection: Connection) -> None:
    from alembic import command  # a third of a second that only a new schema should cost
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
