"""A database of an earlier release is brought up to date with its settings as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text

from bot.clock import MovedClock
from bot.moderation import Moderation
from bot.settings.service import Settings
from bot.store.database import MIGRATIONS, Database
from config.presets import load_presets
from config.schema import Config

ROWS = """
INSERT INTO settings VALUES (700, 0, 'size', '512');
INSERT INTO settings VALUES (700, 0, 'channels', '[11, 12]');
INSERT INTO settings VALUES (700, 11, 'recipe', '"fog steps=5"');
INSERT INTO settings VALUES (700, 11, 'spoiler', 'true');
INSERT INTO settings VALUES (700, 0, 'a_setting_of_long_ago', '3');
INSERT INTO server_presets VALUES (700, 'fog', 'block3*0.5');
INSERT INTO blocks VALUES (700, '{hash}', 5, NULL, 'frogs');
INSERT INTO audit (at, guild_id, channel_id, actor, action, subject, before, after)
    VALUES ('2026-01-01 12:00:00', 700, 0, '900', 'set', 'size', NULL, '512');
"""


def made_by(revision: str) -> object:
    """Make the schema as it was at a revision."""

    def upgrade(connection: Connection) -> None:
        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    return upgrade


async def test_settings_of_the_first_release_hold_after_upgrading(database_url: str, tmp_path: Path) -> None:
    config = Config(data=tmp_path)
    database = Database(database_url)
    settings = Settings(database, config, MovedClock(datetime(2026, 5, 1, tzinfo=UTC)), load_presets())
    async with database.engine.begin() as connection:
        await connection.run_sync(made_by("0002"))  # type: ignore[arg-type]
        for statement in ROWS.format(hash=settings.pseudonym(5)).strip().split(";\n"):
            await connection.execute(text(statement.replace(":", r"\:").rstrip(";")))
    await database.close()

    database = Database(database_url)
    await database.open()
    settings = Settings(database, config, MovedClock(datetime(2026, 5, 1, tzinfo=UTC)), load_presets())
    assert (await settings.server(700)).choices == {
        0: {"size": 512, "channels": (11, 12)},
        11: {"recipe": "fog steps=5", "spoiler": True},
    }
    here = await settings.effective(700, 11)
    assert str(here.read("", await settings.presets(700))) == "block3*0.5 steps=5 size=512"
    blocks = Moderation(database, config, MovedClock(), settings.pseudonym)
    assert (await blocks.block_of(700, 5)).reason == "frogs"  # type: ignore[union-attr]
    (entry,) = await settings.log(700, 5)
    assert (entry.at, entry.after) == (datetime(2026, 1, 1, 12, tzinfo=UTC), 512)
    await settings.choose(700, "size", 600, by=900)
    assert len(await settings.log(700, 5)) == 2
    await database.close()
