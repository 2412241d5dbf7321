"""What all tables have in common."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from dream.texts import Text as Sentence


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: an aware datetime in Python, UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime; SQLite stores naive ones."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class StoredSentence(TypeDecorator[Sentence]):
    """A sentence for people, stored untranslated: whoever reads it reads it in their language."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sentence | str | None, dialect: Dialect) -> str | None:
        """Store what it is made of."""
        return value.dump() if isinstance(value, Sentence) else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Sentence | None:
        """Restore it; what earlier versions stored stays as it is."""
        return None if value is None else Sentence.load(value)


class Base(DeclarativeBase):
    """The base of all tables; integers are 64 bits wide, as Discord's ids are."""

    type_annotation_map = {int: BigInteger, datetime: UtcDateTime}  # noqa: RUF012
