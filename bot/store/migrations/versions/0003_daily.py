"""The daily dream: servers' wishes, the slots taken on, pictures taken away, members forgotten."""

import sqlalchemy as sa
from alembic import op

from bot.store.database import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the daily dream's tables."""
    op.create_table(
        "daily",
        sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("channel_id", sa.BigInteger),
        sa.Column("times", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("days", sa.Text, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("recipe", sa.Text),
        sa.Column("thread", sa.Boolean, nullable=False),
        sa.Column("kinds", sa.JSON, nullable=False),
        sa.Column("channels", sa.JSON, nullable=False),
        sa.Column("recent_days", sa.BigInteger, nullable=False),
        sa.Column("admin_id", sa.BigInteger),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
    )
    op.create_table(
        "daily_posts",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("slot", sa.String(40), nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("claimed_at", UtcDateTime),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.String(25)),
        sa.Column("recipe", sa.Text),
        sa.Column("preset", sa.Text),
        sa.Column("kind", sa.String(8)),
        sa.Column("source", sa.Text),
        sa.Column("digest", sa.String(32)),
        sa.Column("author_id", sa.BigInteger),
        sa.Column("source_channel_id", sa.BigInteger),
        sa.Column("source_message_id", sa.BigInteger, index=True),
        sa.Column("channel_id", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger, index=True),
        sa.Column("posted_at", UtcDateTime),
        sa.Column("votes", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("guild_id", "slot", name="daily_posts_once"),
        sa.Index("daily_posts_by_due", "state", "due_at"),
    )
    op.create_table(
        "daily_removed",
        sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("mark", sa.Text, primary_key=True),
    )
    op.create_table("daily_forgotten", sa.Column("member_hash", sa.String(40), primary_key=True))
