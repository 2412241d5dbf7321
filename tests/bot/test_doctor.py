"""What `dreambot doctor` finds: in the operator's file, the database, the token, the weights and the farm."""

from __future__ import annotations

import os
from pathlib import Path

import dask
import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bench.support.discord_client import Wire
from bot.doctor import Level, examine
from bot.store.database import Database


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("DREAMBOT_") or name == "DISCORD_TOKEN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DREAMBOT_DATA", str(tmp_path / "data"))
    for owner, name in ((Route, "BASE"), (discord.Asset, "BASE"), (DiscordWebSocket, "DEFAULT_GATEWAY")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back what is pointed elsewhere


async def found(subject: str, path: Path | None = None) -> dict[Level, str]:
    return {level: detail for level, about, detail in await examine(path) if about == subject}


async def test_a_mistake_in_the_operators_file(tmp_path: Path) -> None:
    (tmp_path / "dreambot.toml").write_text("[farm]\nworkrs = 3\n[dream]\nsize = 9\n")
    findings = await examine(tmp_path / "dreambot.toml")
    assert [level for level, *_ in findings] == [Level.WRONG] * 2
    assert "[farm] workrs: is no setting; did you mean workers?" in str(findings)


async def test_a_new_installation(tmp_path: Path) -> None:
    assert Level.GOOD in await found("configuration")
    assert "is empty; the first start fills it" in (await found("database"))[Level.GOOD]
    assert not (tmp_path / "data" / "dreambot.db").exists(), "looking changes nothing"
    assert "DISCORD_TOKEN" in (await found("discord"))[Level.WRONG]
    assert "worker on this machine" in (await found("farm"))[Level.GOOD]


async def test_a_database_that_is_up_to_date_and_one_of_another_version(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMBOT_STORE__URL", database_url)
    database = Database(database_url)
    await database.open()
    assert "up to date" in (await found("database"))[Level.GOOD]
    for revision, level, said in (("0001", Level.NOTE, "earlier"), ("9999", Level.WRONG, "newer version")):
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        assert said in (await found("database"))[level]
    await database.close()


async def test_a_database_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBOT_STORE__URL", "postgresql://me:secret@127.0.0.1:1/dreams")
    said = (await found("database"))[Level.WRONG]
    assert "store.url" in said and "127.0.0.1:1" in said and "secret" not in said


async def test_weights_that_the_operator_names_and_are_not_there_or_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "notes.h5").write_text("milk, eggs")
    for name in ("nothing.h5", "notes.h5"):
        monkeypatch.setenv("DREAMBOT_WEIGHTS__INCEPTION_V3", str(tmp_path / name))
        assert "weights.inception_v3" in (await found("weights"))[Level.WRONG]


async def test_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBOT_FARM__SCHEDULER", "tcp://127.0.0.1:1")
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        assert "farm.scheduler" in (await found("farm"))[Level.WRONG]


async def test_discord_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire(intents=False) as wire:
        for name, value in wire.environment.items():
            monkeypatch.setenv(name, value)
        findings = await found("discord")
        assert "the token is" in findings[Level.GOOD]
        assert "Message Content Intent" in findings[Level.WRONG]
        monkeypatch.setenv("DREAMBOT_DISCORD__MESSAGE_CONTENT", "false")
        assert Level.WRONG not in await found("discord")
        monkeypatch.setenv("DISCORD_TOKEN", "wrong")
        assert "does not accept this token" in (await found("discord"))[Level.WRONG]
    monkeypatch.setenv("DREAMBOT_DISCORD__API", "http://127.0.0.1:1/api/v10")
    assert "cannot be reached" in (await found("discord"))[Level.WRONG]


async def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    key = tmp_path / "data" / "privacy.key"
    key.parent.mkdir()
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    assert "chmod 600" in (await found("data folder"))[Level.NOTE]


async def test_a_data_folder_below_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DREAMBOT_DATA", str(tmp_path / "file" / "data"))
    assert "DREAMBOT_DATA" in (await found("data folder"))[Level.WRONG]


async def test_a_token_that_was_torn_or_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "to\nken")
    assert "line break" in (await found("discord"))[Level.WRONG]
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setenv("DREAMBOT_DISCORD__TOKEN_FILE", str(tmp_path / "token"))
    assert "[discord] token_file: cannot be read" in (await found("discord"))[Level.WRONG]


async def test_a_database_with_smashed_pages_and_one_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "dreambot.db"
    monkeypatch.setenv("DREAMBOT_STORE__URL", f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    await database.open()
    database.lock()
    assert "another dreambot" in (await found("database"))[Level.WRONG]
    await database.close()
    assert Level.WRONG not in await found("database")
    with file.open("r+b") as pages:
        pages.seek(3 * 4096)
        pages.write(os.urandom(6 * 4096))
    assert "restore a backup" in (await found("database"))[Level.WRONG]


async def test_workers_with_less_memory_than_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBOT_FARM__MEMORY_LIMIT", "500MB")
    assert "raise farm.memory_limit" in (await found("farm"))[Level.WRONG]
    monkeypatch.setenv("DREAMBOT_FARM__MEMORY_LIMIT", "0")
    assert Level.WRONG not in await found("farm")
    monkeypatch.setenv("DREAMBOT_FARM__MEMORY_LIMIT", "auto")
    monkeypatch.setenv("DREAMBOT_FARM__WORKERS", "200")
    assert "set farm.workers lower" in (await found("farm"))[Level.WRONG]
