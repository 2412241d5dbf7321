"""Jobs, their pictures, and what bot processes share."""

import sqlalchemy as sa
from alembic import op

from bot.store.database import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the queue's tables."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(25), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("guild_id", sa.BigInteger),
        sa.Column("channel_id", sa.BigInteger),
        sa.Column("member_id", sa.BigInteger),
        sa.Column("author_id", sa.BigInteger),
        sa.Column("request_message_id", sa.BigInteger, unique=True),
        sa.Column("status_message_id", sa.BigInteger, index=True),
        sa.Column("interaction_token", sa.Text),
        sa.Column("parent", sa.String(25)),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("has_source", sa.Boolean, nullable=False),
        sa.Column("width", sa.BigInteger),
        sa.Column("height", sa.BigInteger),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("previews", sa.Boolean, nullable=False),
        sa.Column("spoiler", sa.Boolean, nullable=False),
        sa.Column("max_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("started_at", UtcDateTime),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("owner", sa.String(16)),
        sa.Column("reason", sa.Text),
        sa.Column("filename", sa.Text),
        sa.Column("report", sa.JSON),
        sa.Index("jobs_by_state", "state", "owner"),
        sa.Index("jobs_by_member", "member_id", "state"),
        sa.Index("jobs_by_guild", "guild_id", "state"),
        sa.Index("jobs_by_finish", "finished_at"),
    )
    op.create_table(
        "pictures",
        sa.Column("job_id", sa.String(25), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String(8), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("alive_until", UtcDateTime, nullable=False),
    )
    op.create_table(
        "answered",
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("guild_id", sa.BigInteger),
    )
    op.create_table(
        "paces",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("values", sa.JSON, nullable=False),
    )
