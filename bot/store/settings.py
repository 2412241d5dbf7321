"""The tables of settings, presets, blocks, the audit log, servers and notices."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base

WHOLE_SERVER = 0
"""The `channel_id` of a setting of the whole server."""


class SettingRow(Base):
    """One setting that differs from its default, for a server or one of its channels; `value` is JSON."""

    __tablename__ = "settings"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class PresetRow(Base):
    """A server's own preset: a recipe with a name."""

    __tablename__ = "server_presets"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    recipe: Mapped[str] = mapped_column(Text)


class BlockRow(Base):
    """A member who may not ask for dreams on a server.

    The key is the member's keyed hash. The id, which is there to show admins whom they blocked, is removed
    when the member asks to be forgotten.
    """

    __tablename__ = "blocks"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_hash: Mapped[str] = mapped_column(String(40), primary_key=True)
    member_id: Mapped[int | None]
    until: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text)


class AuditRow(Base):
    """An entry of the audit log: a changed setting, a block, a removed dream.

    `actor` and `subject` are strings: a member's id, or the keyed hash of a forgotten member.
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
    """An operator's decision about a server, and when the bot left it."""

    __tablename__ = "servers"

    guild_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    approval: Mapped[str | None] = mapped_column("verdict", String(8))
    """One of `bot.moderation.Approval`, or None where nothing was decided."""
    left_at: Mapped[datetime | None]


class NoticeRow(Base):
    """An operator's notice to everybody; while the row "pause" exists, no new dreams are accepted."""

    __tablename__ = "notices"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
