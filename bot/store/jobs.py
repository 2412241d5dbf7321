"""The queue's tables: jobs, their pictures, and what several bot processes must agree on."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy import Enum as Choice
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.database import Base


class State(StrEnum):
    """Where a job stands; every change is a committed row."""

    QUEUED = "queued"
    DREAMING = "dreaming"
    DELIVERING = "delivering"
    """Rendered and stored; the member's message does not show it yet."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self not in UNFINISHED


UNFINISHED = (State.QUEUED, State.DREAMING, State.DELIVERING)


class Kind(StrEnum):
    """What a job is for, which decides how soon its turn comes and how it is delivered."""

    DREAM = "dream"
    """A member waits for it: its status message becomes the dream."""
    DAILY = "daily"
    """Rendered ahead of `due_at`; it has no message, the daily dream posts its result."""
    ZOOM = "zoom"
    """A video; delivered as a dream is, but its turn comes last."""


def _text(choices: type[StrEnum]) -> Choice:
    return Choice(choices, native_enum=False, length=10, values_callable=lambda members: [*members])


class Job(Base):
    """One dream that was asked for.

    `member_id` asked for it, `author_id` posted its source. `request_message_id` is the message it was asked
    in (none for slash commands and buttons), `status_message_id` the one message of ours that tells how it
    goes. `width` and `height` are the source's, in pixels. `cost` is the seconds of one worker that it was
    reckoned to take. `reason` is one sentence: why it failed or was cancelled. `report` holds the fields of
    `dream.Report`.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(25), primary_key=True)
    kind: Mapped[Kind] = mapped_column(_text(Kind))
    state: Mapped[State] = mapped_column(_text(State))
    guild_id: Mapped[int | None]
    channel_id: Mapped[int | None]
    member_id: Mapped[int | None]
    author_id: Mapped[int | None]
    request_message_id: Mapped[int | None] = mapped_column(unique=True)
    status_message_id: Mapped[int | None] = mapped_column(index=True)
    interaction_token: Mapped[str | None] = mapped_column(Text)
    parent: Mapped[str | None] = mapped_column(String(25))
    recipe: Mapped[str] = mapped_column(Text)
    has_source: Mapped[bool]
    width: Mapped[int | None]
    height: Mapped[int | None]
    cost: Mapped[float]
    previews: Mapped[bool]
    spoiler: Mapped[bool]
    max_bytes: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    filename: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @property
    def has_message(self) -> bool:
        """Whether it is delivered to a channel, and not only kept for whoever asked to fetch its result."""
        return self.kind is not Kind.DAILY and self.channel_id is not None

    __table_args__ = (
        Index("jobs_by_state", "state", "owner"),
        Index("jobs_by_member", "member_id", "state"),
        Index("jobs_by_guild", "guild_id", "state"),
        Index("jobs_by_finish", "finished_at"),
    )


class Picture(Base):
    """The bytes that belong to a job; `role` is "source", "guide" or "result"."""

    __tablename__ = "pictures"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Process(Base):
    """A bot process that shares this database; jobs of one that is no longer alive go to another."""

    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    alive_until: Mapped[datetime]


class Answered(Base):
    """A message whose command was answered; `bot.queue.catchup` looks for others when the bot comes back."""

    __tablename__ = "answered"

    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int]
    guild_id: Mapped[int | None]


class Pace(Base):
    """How long dreams of one kind really took on this farm; `bot.queue.estimates` keeps it."""

    __tablename__ = "paces"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
