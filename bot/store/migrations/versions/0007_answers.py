"""Jobs know their preset, what they grew from and where that stands, and the variants of a sheet."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; jobs of before have none of it."""
    op.add_column("jobs", sa.Column("preset", sa.String(31)))
    op.add_column("jobs", sa.Column("action", sa.String(10)))
    op.add_column("jobs", sa.Column("origin_channel_id", sa.BigInteger))
    op.add_column("jobs", sa.Column("origin_message_id", sa.BigInteger))
    op.add_column("jobs", sa.Column("variants", sa.JSON))
