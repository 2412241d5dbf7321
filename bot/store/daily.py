"""The daily dream's tables: servers, posts, and excluded pictures."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, StoredSentence
from dream.texts import Text as Sentence

PAUSE_AFTER: Final = 3
"""Consecutive failures that a server's admins have to fix after which its daily dream pauses."""


class PostState(StrEnum):
    """The state of a post; the first two are open, the others final."""

    PLANNED = "planned"
    POSTING = "posting"
    """Its message may have been sent: after a crash the channel is searched before it is sent again."""
    POSTED = "posted"
    MISSED = "missed"
    FAILED = "failed"
    REMOVED = "removed"


UNSCHEDULED: Final = "now "
"""What the slot of a post begins with that an admin asked for in between."""
OPEN: Final = (PostState.PLANNED, PostState.POSTING)


class DailyRow(Base):
    """The state of a server's daily dream; its configuration is among the server's settings."""

    __tablename__ = "daily"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]
    """When channel or times were last set; missed slots before that are not posted late."""
    admin_id: Mapped[int | None]
    """Who turned it on, and gets a direct message when it fails and no channel can be written to."""
    failures: Mapped[int] = mapped_column(default=0)
    """Consecutive posts that failed because of a missing channel, permission or recipe."""
    reason: Mapped[Sentence | None] = mapped_column(StoredSentence)

    @property
    def paused(self) -> bool:
        """Whether it is paused after `PAUSE_AFTER` failures."""
        return self.failures >= PAUSE_AFTER


class PostRow(Base):
    """The post of one slot of one server; the unique constraint keeps it from being planned twice.

    `owner` is the process that works on it (see `bot.store.lease`).
    """

    __tablename__ = "daily_posts"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=lambda: secrets.token_hex(8))
    guild_id: Mapped[int]
    slot: Mapped[str] = mapped_column(String(40))
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8), default=PostState.PLANNED)
    owner: Mapped[str | None] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str | None] = mapped_column(String(25))
    recipe: Mapped[str | None] = mapped_column(Text)
    preset: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(String(8))
    source: Mapped[str | None] = mapped_column(Text)
    """The name of its `Source`, such as "samples/coffee.jpg"."""
    digest: Mapped[str | None] = mapped_column(String(32))
    """A hash of the picture's bytes, which identifies it under another name."""
    author_id: Mapped[int | None]
    source_channel_id: Mapped[int | None]
    source_message_id: Mapped[int | None] = mapped_column(index=True)
    channel_id: Mapped[int | None]
    message_id: Mapped[int | None] = mapped_column(index=True)
    posted_at: Mapped[datetime | None]
    votes: Mapped[int] = mapped_column(default=0)
    reason: Mapped[Sentence | None] = mapped_column(StoredSentence)

    @property
    def is_scheduled(self) -> bool:
        """Whether it is of a slot of its server's schedule."""
        return not self.slot.startswith(UNSCHEDULED)

    __table_args__ = (
        UniqueConstraint("guild_id", "slot", name="daily_posts_once"),
        Index("daily_posts_by_due", "state", "due_at"),
    )


class RemovedRow(Base):
    """A picture, by its name or hash, that a moderator removed: not used again on the server."""

    __tablename__ = "daily_removed"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mark: Mapped[str] = mapped_column(Text, primary_key=True)
