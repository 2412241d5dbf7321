"""The queue's tables: jobs, their pictures, and what several bot processes must agree on."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.database import Base

UNFINISHED = ("queued", "dreaming", "delivering")


class JobRow(Base):
    """One dream that was asked for. `bot.queue.jobs` says what the states mean."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(25), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(10))
    guild_id: Mapped[int | None]
    channel_id: Mapped[int | None]
    member_id: Mapped[int | None]
    request_message_id: Mapped[int | None] = mapped_column(unique=True)
    status_message_id: Mapped[int | None] = mapped_column(index=True)
    interaction_token: Mapped[str | None] = mapped_column(Text)
    recipe: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    cost: Mapped[float]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    filename: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        Index("jobs_by_state", "state", "owner"),
        Index("jobs_by_member", "member_id", "state"),
        Index("jobs_by_guild", "guild_id", "state"),
        Index("jobs_by_finish", "finished_at"),
    )


class PictureRow(Base):
    """The bytes that belong to a job; `role` is "source" or "result"."""

    __tablename__ = "pictures"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ProcessRow(Base):
    """A bot process that shares this database; jobs of one that is no longer alive go to another."""

    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    alive_until: Mapped[datetime]


class ChannelRow(Base):
    """A channel where the bot was used, and the newest message it has seen there."""

    __tablename__ = "channels"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guild_id: Mapped[int | None]
    last_message_id: Mapped[int]


class PaceRow(Base):
    """How long dreams of one kind really took on this farm; `bot.queue.estimates` keeps it."""

    __tablename__ = "paces"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
