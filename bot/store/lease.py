"""Which bot processes are alive, so that the rows of one that died go to another.

A row that a process works on names that process in its `owner` column. On PostgreSQL, which several processes
share, each renews its lease in the table `processes`; rows whose owner has no valid lease are free for all.
A SQLite file is used by one process at a time (see `Database.lock`), so there every other owner is dead.
"""

import asyncio
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import String, delete, func, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from bot.store.base import Base
from bot.store.database import Database, shielded

DURATION: Final = timedelta(seconds=15)
"""How long a lease lasts after it was renewed."""


class Process(Base):
    """The lease of one bot process."""

    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    alive_until: Mapped[datetime]


@shielded
class Lease:
    """This process's lease. `owner` is the id that its rows carry."""

    def __init__(self, database: Database) -> None:
        self.owner: Final = secrets.token_hex(8)
        self._database = database
        self._renewed_at: float | None = None

    async def renew(self) -> bool:
        """Extend the lease by `DURATION`; whether it was still valid, or is this process's first.

        After an outage of the database every lease has run out at once. Whoever is told False must not take
        over rows now: their owners may be about to renew as well.
        """
        now = asyncio.get_running_loop().time()
        unbroken = self._renewed_at is None or now - self._renewed_at < DURATION.total_seconds()
        if not self._database.is_sqlite:
            async with self._database.session() as session, session.begin():
                clock = func.clock_timestamp()  # the database's, which all processes share
                at = (await session.scalars(select(clock))).one()
                await session.execute(delete(Process).where(Process.alive_until < at - 4 * DURATION))
                lease = {"id": self.owner, "alive_until": at + DURATION}
                renewal = update(Process).where(Process.id == self.owner).values(lease)
                if (await session.execute(renewal.returning(Process.id))).first() is None:
                    await session.execute(insert(Process).values(lease))
        self._renewed_at = now
        return unbroken

    async def release(self) -> None:
        """End the lease, so that others need not wait for it to run out."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(Process).where(Process.id == self.owner))

    def is_free(self, owner: "InstrumentedAttribute[str | None]") -> ColumnElement[bool]:
        """The condition that no living process owns a row; this process's own rows are not free."""
        if self._database.is_sqlite:
            return or_(owner.is_(None), owner != self.owner)
        alive: Any = select(Process.id).where(Process.alive_until >= func.clock_timestamp())
        return or_(owner.is_(None), owner.not_in(alive))


async def is_in_use(database: Database) -> bool:
    """Whether a process holds a lease on a PostgreSQL database; a SQLite file is locked instead."""
    if database.is_sqlite:
        return False
    async with database.session() as session:
        alive = select(func.count()).where(Process.alive_until >= func.clock_timestamp())
        return bool(await session.scalar(alive))
