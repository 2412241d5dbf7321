"""The settings' tables: what admins decided, and who decided it when."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.database import Base

WHOLE_SERVER = 0
"""Stands in `channel_id` for a setting of the whole server."""


class SettingRow(Base):
    """One setting that a server, or one of its channels, has chosen for itself."""

    __tablename__ = "settings"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class PresetRow(Base):
    """A recipe that a server gave a name."""

    __tablename__ = "server_presets"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    recipe: Mapped[str] = mapped_column(Text)


class BlockRow(Base):
    """A member who may not ask for dreams on a server.

    The keyed hash finds the block; the id, kept to show admins whom they blocked, goes when the member asks
    to be forgotten.
    """

    __tablename__ = "blocks"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_hash: Mapped[str] = mapped_column(String(40), primary_key=True)
    member_id: Mapped[int | None]
    until: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text)


class AuditRow(Base):
    """One thing that somebody decided: a changed setting, a block, a removed dream.

    `actor` and `subject` are texts, so that a keyed hash can take a forgotten member's place.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    guild_id: Mapped[int]
    channel_id: Mapped[int]
    actor: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(64))
    before: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    after: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)

    __table_args__ = (Index("audit_by_guild", "guild_id", "id"),)


class ServerRow(Base):
    """What the operator, or time, decided about a server."""

    __tablename__ = "servers"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    verdict: Mapped[str | None] = mapped_column(String(8))
    """None: nothing decided; "asked": the operator was asked; "allowed" or "denied"."""
    left_at: Mapped[datetime | None]


class NoticeRow(Base):
    """What the operator tells everybody; the row "pause" stops new dreams with its text."""

    __tablename__ = "notices"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
