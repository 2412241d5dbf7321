"""Several dreams that one message asks for, and members who want to be told when theirs is ready."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; jobs of before were asked for one by one."""
    op.add_column("jobs", sa.Column("album_message_id", sa.BigInteger))
    op.add_column("jobs", sa.Column("album_number", sa.BigInteger))
    op.add_column("jobs", sa.Column("pings", sa.Boolean, nullable=False, server_default="0"))
    op.create_index("jobs_by_album", "jobs", ["album_message_id", "album_number"], unique=True)
