"""A database of an earlier release is brought up to date with its settings as they were."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text

from bot.clock import ManualClock
from bot.daily.server_states import ServerStates
from bot.moderation import Moderation
from bot.schedule import Schedule
from bot.settings.service import Settings
from bot.store.database import Database
from bot.store.migrating import MIGRATIONS
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
    settings = Settings(database, config, ManualClock(datetime(2026, 5, 1, tzinfo=UTC)), load_presets())
    async with database.engine.begin() as connection:
        await connection.run_sync(made_by("0002"))  # type: ignore[arg-type]
        for statement in ROWS.format(hash=settings.pseudonym(5)).strip().split(";\n"):
            await connection.execute(text(statement.replace(":", r"\:").rstrip(";")))
    await database.close()

    database = Database(database_url)
    await database.open()
    settings = Settings(database, config, ManualClock(datetime(2026, 5, 1, tzinfo=UTC)), load_presets())
    assert (await settings.server(700)).choices == {
        0: {"size": 512, "channels": (11, 12)},
        11: {"recipe": "fog steps=5", "spoiler": True},
    }
    here = await settings.effective(700, 11)
    assert str(here.parse_recipe("", await settings.presets(700))) == "block3*0.5 steps=5 size=512"
    blocks = Moderation(database, config, ManualClock(), settings.pseudonym)
    assert "ask for dreams" in str(await blocks.refusal(700, 3, 5))
    (entry,) = await settings.audit_log(700, 5)
    assert (entry.at, entry.after) == (datetime(2026, 1, 1, 12, tzinfo=UTC), 512)
    await settings.choose(700, "size", 600, by=900)
    assert len(await settings.audit_log(700, 5)) == 2
    await database.close()


DAILY = """
INSERT INTO daily VALUES (700, {true}, 11, '09:00,21:30', 'Europe/Berlin', 'weekdays', '2026-01-01 12:00:00',
    'fog', {true}, '["sky"]', '[12, 13]', 30, 900, 2, 'no permission');
INSERT INTO daily VALUES (701, {false}, NULL, '07:00', 'UTC', 'mon,wed', '2026-01-01 12:00:00',
    NULL, {false}, '["samples", "sky"]', '[]', 14, NULL, 0, NULL);
"""


async def test_what_was_decided_about_the_daily_dream_is_among_the_settings_after_upgrading(
    database_url: str, tmp_path: Path
) -> None:
    """Its table keeps how it goes: since when, who is told, and how often it failed."""
    database = Database(database_url)
    words = {"true": "1", "false": "0"} if "sqlite" in database_url else {"true": "true", "false": "false"}
    async with database.engine.begin() as connection:
        await connection.run_sync(made_by("0004"))  # type: ignore[arg-type]
        for statement in DAILY.format(**words).strip().split(";\n"):
            await connection.execute(text(statement.replace(":", r"\:").rstrip(";")))
    await database.close()

    database = Database(database_url)
    await database.open()
    settings = Settings(database, Config(data=tmp_path), ManualClock(), load_presets())
    assert (await settings.server(700)).choices[0] == {
        "daily_enabled": True,
        "daily_channel": 11,
        "daily_times": (time(9), time(21, 30)),
        "daily_zone": "Europe/Berlin",
        "daily_days": frozenset(range(5)),
        "daily_recipe": "fog",
        "daily_thread": True,
        "daily_sources": ("sky",),
        "daily_source_channels": (12, 13),
        "daily_source_days": 30,
    }
    other = await settings.effective(701)
    assert (other.daily_enabled, other.daily_times, other.daily_days) == (
        False,
        (time(7),),
        frozenset({0, 2}),
    )
    states = ServerStates(database)
    assert await states.schedules() == {
        Schedule((time(9), time(21, 30)), "Europe/Berlin", frozenset(range(5))): [(700, 11)]
    }
    row = await states.get(700)
    assert row and (row.admin_id, row.failures, str(row.reason)) == (900, 2, "no permission")
    assert await states.running_since() == dict.fromkeys((700, 701), datetime(2026, 1, 1, 12, tzinfo=UTC))
    await database.close()
