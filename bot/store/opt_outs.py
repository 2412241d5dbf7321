"""The table of what members want to be left out of."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base


class Matter(StrEnum):
    """What a member can be left out of, on all servers."""

    PICTURES = "pictures"
    """Others dream on their pictures."""
    HALL = "hall"
    """Their dreams, and dreams of their pictures, come into halls of fame and among the week's best."""
    DAILY = "daily"
    """Their pictures become daily dreams."""


class OptOutRow(Base):
    """A member, by their keyed hash, who wants to be left out of something."""

    __tablename__ = "opt_outs"

    member_hash: Mapped[str] = mapped_column(String(40), primary_key=True)
    matter: Mapped[str] = mapped_column(String(8), primary_key=True)
