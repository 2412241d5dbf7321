"""The queue's tables: jobs, their pictures, and what the cost model has learnt."""

import dataclasses
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, and_, or_
from sqlalchemy import Enum as Choice
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, StoredSentence
from dream.dreamer import Report
from dream.texts import Text as Sentence

T = TypeVar("T")


class State(StrEnum):
    """Where a job stands. `bot.queue.lifecycle` says which changes there are and who may make them."""

    HELD = "held"
    """Whoever posted its picture is asked first whether it may be dreamt on."""
    QUEUED = "queued"
    DREAMING = "dreaming"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self not in (State.HELD, *UNFINISHED)


UNFINISHED = (State.QUEUED, State.DREAMING)


class Kind(StrEnum):
    """What a job is for, which decides how soon its turn comes and how it is delivered."""

    DREAM = "dream"
    """A member waits for it: its status message becomes the dream."""
    DAILY = "daily"
    """Rendered ahead of `due_at`; it has no message, the daily dream posts its result."""
    ZOOM = "zoom"
    """A video; delivered as a dream is, but its turn comes last."""
    SHEET = "sheet"
    """Several small dreams on one picture, to choose from: the job's `variants`."""
    SIDES = "sides"
    """A picture beside its dream; nothing is dreamt."""
    WIPE = "wipe"
    """The same as a loop that wipes from one to the other."""
    BACK = "back"
    """The same as a loop in which the dream turns back into the picture."""

    @property
    def is_comparison(self) -> bool:
        """Whether it only shows a picture and its dream."""
        return self in (Kind.SIDES, Kind.WIPE, Kind.BACK)


def _text(choices: type[StrEnum]) -> Choice:
    return Choice(choices, native_enum=False, length=10, values_callable=lambda members: [*members])


class Job(Base):
    """One dream that was asked for.

    `member_id` asked for it, `author_id` posted its source. `request_message_id` is the message it was
    asked in (none for slash commands and buttons), `status_message_id` the one message of ours that shows
    its state. Where a message has several pictures, those after the first have it as `album_message_id`,
    and an `album_number` from 1. `width` and `height` are the source's, in pixels; `input_bytes` is the
    size of its source and guide. `cost` is the seconds of one worker that it was expected to take.
    `owner` is the process that works on it (see `bot.store.lease`). `preset` is the name of the preset
    that was asked for. `parent` is the job that it grew from, and `action` how ("deeper"); the message of
    `origin_message_id` holds the picture that it grew from. `root` is the job in which the first picture
    of a line of dreams was dreamt on, and `consented_at` when `author_id` agreed to somebody else's
    dreaming on it. `explicit` is whether Discord marked the picture as such. `variants` are what a sheet
    shows. `reason` is one sentence: why it failed or was cancelled. `report` holds the fields of
    `dream.Report`. Who asked for a job that `pings` is told when it is done. Its message is in `language`.

    `shown_state` is the state that the status message was last recorded to show; `undeliverable` is why
    Discord will never show a later one. An `erased` job is deleted for everybody; its row stays, without
    anything of the member, until its message shows that it was cancelled.
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
    album_message_id: Mapped[int | None]
    album_number: Mapped[int | None]
    status_message_id: Mapped[int | None] = mapped_column(index=True)
    interaction_token: Mapped[str | None] = mapped_column(Text)
    parent: Mapped[str | None] = mapped_column(String(25))
    action: Mapped[str | None] = mapped_column(String(10))
    origin_channel_id: Mapped[int | None]
    origin_message_id: Mapped[int | None]
    root: Mapped[str | None] = mapped_column(String(25))
    consented_at: Mapped[datetime | None]
    recipe: Mapped[str] = mapped_column(Text)
    preset: Mapped[str | None] = mapped_column(String(31))
    variants: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    has_source: Mapped[bool]
    width: Mapped[int | None]
    height: Mapped[int | None]
    input_bytes: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float]
    previews: Mapped[bool]
    spoiler: Mapped[bool]
    explicit: Mapped[bool] = mapped_column(default=False)
    max_bytes: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[Sentence | None] = mapped_column(StoredSentence)
    filename: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    shown_state: Mapped[State | None] = mapped_column(_text(State))
    undeliverable: Mapped[str | None] = mapped_column(Text)
    erased: Mapped[bool] = mapped_column(default=False)
    pings: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(8), default="en")

    @property
    def asked_message_id(self) -> int | None:
        """The message that asked for it, alone or with others."""
        return self.request_message_id or self.album_message_id

    @property
    def has_message(self) -> bool:
        """Whether it is delivered to a channel, and not only kept for whoever asked to fetch its result."""
        return self.kind is not Kind.DAILY and self.channel_id is not None

    @property
    def needs_showing(self) -> bool:
        """Whether its message is still to be sent, or to be edited to show how it ended."""
        if not self.has_message or self.undeliverable is not None:
            return False
        return self.shown_state is None or (self.state.is_final and self.shown_state is not self.state)

    @property
    def dream_report(self) -> Report | None:
        """What was dreamt and how; None before, or where another version of the bot stored other fields."""
        return restored(Report, self.report)

    __table_args__ = (
        Index("jobs_by_state", "state", "owner"),
        Index("jobs_by_member", "member_id", "state"),
        Index("jobs_by_author", "author_id"),
        Index("jobs_by_guild", "guild_id", "state"),
        Index("jobs_by_finish", "finished_at"),
        Index("jobs_by_album", "album_message_id", "album_number", unique=True),
    )


IS_UNSHOWN = and_(Job.undeliverable.is_(None), or_(Job.shown_state.is_(None), Job.shown_state != Job.state))
"""The rows among which those that need showing are, as `jobs_unshown` indexes them."""

Index("jobs_unshown", Job.owner, sqlite_where=IS_UNSHOWN, postgresql_where=IS_UNSHOWN)


def restored(kind: type[T], values: dict[str, Any] | None) -> T | None:
    """The dataclass that was stored as JSON, or None if its fields of today cannot be made of it.

    Fields that are unknown today are left out; those that have a default may be missing.
    """
    if values is None:
        return None
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    try:
        return kind(**{name: value for name, value in values.items() if name in known})
    except TypeError:
        return None


class Blob(Base):
    """A file that pictures refer to, stored once; `digest` is its SHA-256, as 64 hexadecimal digits."""

    __tablename__ = "blobs"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Picture(Base):
    """A file that belongs to a job; `role` is "source", "guide" (which a comparison shows beside the
    source) or "result"."""

    __tablename__ = "pictures"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)
    digest: Mapped[str] = mapped_column(ForeignKey("blobs.digest"), index=True)


class CostFit(Base):
    """How long dreams of one layer or network took on this farm; `bot.queue.cost_model` keeps it."""

    __tablename__ = "paces"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
