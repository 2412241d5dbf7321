"""Pictures refer to files that are stored once, by their digest."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BLOBS = sa.table("blobs", sa.column("digest"), sa.column("size"), sa.column("data", sa.LargeBinary))
PICTURES = sa.table("pictures", sa.column("job_id"), sa.column("role"), sa.column("digest"))
BEFORE = sa.table(
    "pictures_before", sa.column("job_id"), sa.column("role"), sa.column("data", sa.LargeBinary)
)


def upgrade() -> None:
    """Make the table of files, and move every picture's bytes there, one picture at a time."""
    op.add_column("jobs", sa.Column("input_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE jobs SET input_bytes = COALESCE((SELECT SUM(size) FROM pictures"
        " WHERE job_id = jobs.id AND role IN ('source', 'guide')), 0)"
    )
    op.rename_table("pictures", "pictures_before")
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "pictures",
        sa.Column("job_id", sa.String(25), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String(8), primary_key=True),
        sa.Column("digest", sa.String(64), sa.ForeignKey("blobs.digest"), nullable=False, index=True),
    )
    connection = op.get_bind()
    stored: set[str] = set()
    for job_id, role in connection.execute(sa.select(BEFORE.c.job_id, BEFORE.c.role)).all():
        this = sa.and_(BEFORE.c.job_id == job_id, BEFORE.c.role == role)
        data = connection.execute(sa.select(BEFORE.c.data).where(this)).scalar_one()
        digest = hashlib.sha256(data).hexdigest()
        # Deleted first, so that SQLite's file needs no more room than before.
        connection.execute(sa.delete(BEFORE).where(this))
        if digest not in stored:
            stored.add(digest)
            connection.execute(sa.insert(BLOBS).values(digest=digest, size=len(data), data=data))
        connection.execute(sa.insert(PICTURES).values(job_id=job_id, role=role, digest=digest))
    op.drop_table("pictures_before")
