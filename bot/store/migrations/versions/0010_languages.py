"""The language of a job's message."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; messages of before are in English."""
    op.add_column("jobs", sa.Column("language", sa.String(8), nullable=False, server_default="en"))
