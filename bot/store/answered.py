"""The messages whose commands were answered; the others of a channel are caught up with later."""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base
from bot.store.database import Database, shielded

_DISCORD_EPOCH: Final = 1420070400000


class Answered(Base):
    """A message whose command was answered."""

    __tablename__ = "answered"

    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int]
    guild_id: Mapped[int | None]


def snowflake(at: datetime) -> int:
    """The least Discord id that something of this moment can have."""
    return int(at.timestamp() * 1000 - _DISCORD_EPOCH) << 22


@shielded
class AnsweredRepository:
    """Reads and writes the answered messages; each method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, message_id: int, channel_id: int, guild_id: int | None) -> None:
        """Remember that a message was answered."""
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(Answered)
        row = {"message_id": message_id, "channel_id": channel_id, "guild_id": guild_id}
        async with self._database.session() as session, session.begin():
            await session.execute(insert.on_conflict_do_nothing(), row)

    async def channels(self, since: datetime, limit: int) -> list[int]:
        """The channels where a message was answered since a moment, the last used first."""
        query = (
            select(Answered.channel_id)
            .where(Answered.message_id > snowflake(since))
            .group_by(Answered.channel_id)
            .order_by(func.max(Answered.message_id).desc())
            .limit(limit)
        )
        async with self._database.session() as session, session.begin():
            return [*await session.scalars(query)]

    async def of_channel(self, channel_id: int, since: datetime) -> set[int]:
        """The answered messages of a channel since a moment."""
        query = select(Answered.message_id).where(
            Answered.message_id > snowflake(since), Answered.channel_id == channel_id
        )
        async with self._database.session() as session, session.begin():
            return {*await session.scalars(query)}

    async def purge(self, before: datetime) -> None:
        """Delete the rows of messages older than a moment."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(Answered).where(Answered.message_id < snowflake(before)))
