"""The hall of fame's tables: dreams that were starred, and the posts of each week's best."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base


class Placing(StrEnum):
    """Where a starred dream stands."""

    OUT = "out"
    """It has no post in the hall of fame."""
    POSTING = "posting"
    """Its post may have been sent: after a crash the channel is searched before it is sent again."""
    POSTED = "posted"


class BestState(StrEnum):
    """The state of a post of the best dreams; the first two are open, the others final."""

    PLANNED = "planned"
    POSTING = "posting"
    POSTED = "posted"
    SKIPPED = "skipped"
    """There was nothing to show, or it was too late to."""
    FAILED = "failed"


OPEN_BEST: Final = (BestState.PLANNED, BestState.POSTING)


class StarredRow(Base):
    """A dream whose message was starred, and its post in the hall of fame.

    `generation` rises with whatever may change where it stands: a star, a withdrawal, an opt-out. `observed`
    is the generation that was last acted on; while they differ, `bot.delivery.hall_posts` counts the stars
    anew and posts, edits or deletes. `owner` is the process that does (see `bot.store.lease`).

    `stars` are those of members other than `member_id`, who asked for the dream; `author_id` posted its
    picture. A `withdrawn` dream never comes (back) into the hall. `best_id` is the post of a week's best that
    shows it.
    """

    __tablename__ = "starred"

    job_id: Mapped[str] = mapped_column(String(25), primary_key=True)
    guild_id: Mapped[int]
    channel_id: Mapped[int]
    message_id: Mapped[int] = mapped_column(unique=True)
    member_id: Mapped[int | None] = mapped_column(index=True)
    author_id: Mapped[int | None] = mapped_column(index=True)
    preset: Mapped[str | None] = mapped_column(String(31))
    recipe: Mapped[str] = mapped_column(Text)
    spoiler: Mapped[bool]
    dreamt_at: Mapped[datetime]
    stars: Mapped[int] = mapped_column(default=0)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    generation: Mapped[int] = mapped_column(default=1)
    observed: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(16))
    placing: Mapped[str] = mapped_column(String(8), default=Placing.OUT)
    post_channel_id: Mapped[int | None]
    post_message_id: Mapped[int | None] = mapped_column(index=True)
    posted_at: Mapped[datetime | None]
    """When posting began."""
    shown_stars: Mapped[int] = mapped_column(default=0)
    best_id: Mapped[str | None] = mapped_column(String(16), index=True)

    __table_args__ = (Index("starred_by_guild", "guild_id", "dreamt_at"),)


IS_UNSETTLED: Final = StarredRow.generation != StarredRow.observed
"""The rows that are to be acted on."""

Index("starred_unsettled", StarredRow.guild_id, sqlite_where=IS_UNSETTLED, postgresql_where=IS_UNSETTLED)


NOBODY: Final = {"member_id": None, "author_id": None}
WITHDRAWN: Final = {"withdrawn": True, "generation": StarredRow.generation + 1, **NOBODY}
"""What is set where a dream is erased."""


class BestRow(Base):
    """The post of one slot of one server; the unique constraint keeps it from being planned twice."""

    __tablename__ = "best_posts"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=lambda: secrets.token_hex(8))
    guild_id: Mapped[int]
    slot: Mapped[str] = mapped_column(String(40))
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8), default=BestState.PLANNED, index=True)
    owner: Mapped[str | None] = mapped_column(String(16))
    channel_id: Mapped[int | None]
    message_id: Mapped[int | None]

    __table_args__ = (UniqueConstraint("guild_id", "slot", name="best_posts_once"),)
