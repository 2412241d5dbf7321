"""The hall of fame; whose picture a dream grew from, and who agreed; what members opt out of."""

import sqlalchemy as sa
from alembic import op

from bot.store.database import UtcDateTime

revision = "0008"
down_revision = "0007"

UNSETTLED = sa.text("generation != observed")


def upgrade() -> None:
    """Make the tables, and move who opted out of the daily dream to where all opt-outs are."""
    op.add_column("jobs", sa.Column("root", sa.String(25)))
    op.add_column("jobs", sa.Column("consented_at", UtcDateTime))
    op.add_column("jobs", sa.Column("explicit", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("jobs_by_author", "jobs", ["author_id"])
    op.create_table(
        "starred",
        sa.Column("job_id", sa.String(25), primary_key=True),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False, unique=True),
        sa.Column("member_id", sa.BigInteger, index=True),
        sa.Column("author_id", sa.BigInteger, index=True),
        sa.Column("preset", sa.String(31)),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("spoiler", sa.Boolean, nullable=False),
        sa.Column("dreamt_at", UtcDateTime, nullable=False),
        sa.Column("stars", sa.BigInteger, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("observed", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(16)),
        sa.Column("placing", sa.String(8), nullable=False),
        sa.Column("post_channel_id", sa.BigInteger),
        sa.Column("post_message_id", sa.BigInteger, index=True),
        sa.Column("posted_at", UtcDateTime),
        sa.Column("shown_stars", sa.BigInteger, nullable=False),
        sa.Column("best_id", sa.String(16), index=True),
        sa.Index("starred_by_guild", "guild_id", "dreamt_at"),
    )
    op.create_index(
        "starred_unsettled", "starred", ["guild_id"], sqlite_where=UNSETTLED, postgresql_where=UNSETTLED
    )
    op.create_table(
        "best_posts",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("slot", sa.String(40), nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(8), nullable=False, index=True),
        sa.Column("owner", sa.String(16)),
        sa.Column("channel_id", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger),
        sa.UniqueConstraint("guild_id", "slot", name="best_posts_once"),
    )
    op.create_table(
        "opt_outs",
        sa.Column("member_hash", sa.String(40), primary_key=True),
        sa.Column("matter", sa.String(8), primary_key=True),
    )
    op.execute("INSERT INTO opt_outs (member_hash, matter) SELECT member_hash, 'daily' FROM daily_forgotten")
    op.drop_table("daily_forgotten")
