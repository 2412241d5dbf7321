"""Jobs remember which state their message shows; daily posts are owned as jobs are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

UNSHOWN = sa.text("undeliverable IS NULL AND (shown_state IS NULL OR shown_state != state)")


def upgrade() -> None:
    """Add the columns; a dream that was being delivered is done and not shown yet."""
    _repair()
    op.add_column("jobs", sa.Column("shown_state", sa.String(10)))
    op.add_column("jobs", sa.Column("undeliverable", sa.Text))
    op.add_column("jobs", sa.Column("erased", sa.Boolean, nullable=False, server_default=sa.false()))
    for statement in (
        "UPDATE jobs SET shown_state = state WHERE state IN ('done', 'failed', 'cancelled')",
        "UPDATE jobs SET shown_state = 'queued'"
        " WHERE state IN ('queued', 'dreaming', 'delivering') AND status_message_id IS NOT NULL",
        "UPDATE jobs SET state = 'done', finished_at = COALESCE(started_at, created_at)"
        " WHERE state = 'delivering'",
    ):
        op.execute(statement)
    op.create_index("jobs_unshown", "jobs", ["owner"], sqlite_where=UNSHOWN, postgresql_where=UNSHOWN)
    op.add_column("daily_posts", sa.Column("owner", sa.String(16)))
    with op.batch_alter_table("daily_posts") as posts:
        posts.drop_column("claimed_at")


def _repair() -> None:
    """Add what databases lack that were made with the first form of revision 0001."""
    inspector = sa.inspect(op.get_bind())
    if "author_id" not in {column["name"] for column in inspector.get_columns("jobs")}:
        op.add_column("jobs", sa.Column("author_id", sa.BigInteger))
    if not inspector.has_table("answered"):
        op.create_table(
            "answered",
            sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("channel_id", sa.BigInteger, nullable=False),
            sa.Column("guild_id", sa.BigInteger),
        )
