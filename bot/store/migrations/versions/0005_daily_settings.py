"""What admins decide about the daily dream becomes some of the server's settings."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WORDS = {"daily": DAYS, "weekdays": DAYS[:5], "weekends": DAYS[5:]}
MOVED = {
    "enabled": sa.Boolean,
    "channel_id": sa.BigInteger,
    "times": sa.Text,
    "zone": sa.Text,
    "days": sa.Text,
    "recipe": sa.Text,
    "thread": sa.Boolean,
    "kinds": sa.JSON,
    "channels": sa.JSON,
    "recent_days": sa.BigInteger,
}
DAILY = sa.table("daily", sa.column("guild_id"), *(sa.column(name, type_) for name, type_ in MOVED.items()))
SETTINGS = sa.table(
    "settings",
    sa.column("guild_id", sa.BigInteger),
    sa.column("channel_id", sa.BigInteger),
    sa.column("name", sa.String),
    sa.column("value", sa.JSON),
)


def upgrade() -> None:
    """Move the columns into rows of the table of settings."""
    connection = op.get_bind()
    rows = [
        {"guild_id": row.guild_id, "channel_id": 0, "name": name, "value": value}
        for row in connection.execute(sa.select(DAILY)).all()
        for name, value in _settings(row).items()
        if value is not None
    ]
    if rows:
        connection.execute(sa.insert(SETTINGS), rows)
    with op.batch_alter_table("daily") as daily:
        for column in MOVED:
            daily.drop_column(column)


def _settings(row: "sa.Row[Any]") -> dict[str, object]:
    return {
        "daily_enabled": row.enabled and row.channel_id is not None,
        "daily_channel": row.channel_id,
        "daily_times": row.times.split(","),
        "daily_zone": row.zone,
        "daily_days": WORDS.get(row.days) or row.days.split(","),
        "daily_recipe": row.recipe,
        "daily_thread": row.thread,
        "daily_sources": row.kinds,
        "daily_source_channels": row.channels[:25],
        "daily_source_days": row.recent_days,
    }
