"""What `dreambot doctor` finds: in the operator's file, the database, the token, the weights and the farm."""

from __future__ import annotations

import os
import re
from pathlib import Path

import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bench.support.discord_client import Wire
from bot.doctor import Level, examine
from bot.store.database import Database
from tests.support.running import PRETENDING, connected, free_port, running


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("DREAMBOT_") or name == "DISCORD_TOKEN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DREAMBOT_DATA", str(tmp_path / "data"))
    for owner, name in ((Route, "BASE"), (discord.Asset, "BASE"), (DiscordWebSocket, "DEFAULT_GATEWAY")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back what is pointed elsewhere


async def found(subject: str, path: Path | None = None) -> dict[Level, str]:
    """The findings on a subject, the last of each level."""
    findings = [finding for finding in await examine(path) if finding.subject == subject]
    return {finding.level: f"{finding.detail} → {finding.mend}" for finding in findings}


async def test_a_mistake_in_the_operators_file(tmp_path: Path) -> None:
    (tmp_path / "dreambot.toml").write_text("[farm]\nworkrs = 3\n[dream]\nsize = 9\n")
    findings = await examine(tmp_path / "dreambot.toml")
    assert [finding.level for finding in findings] == [Level.FAILURE] * 2
    assert "[farm] workrs: is no setting; did you mean workers?" in str(findings)


async def test_a_new_installation(tmp_path: Path) -> None:
    assert Level.FINE in await found("configuration")
    assert "is empty; the first start fills it" in (await found("database"))[Level.FINE]
    assert not (tmp_path / "data" / "dreambot.db").exists(), "looking changes nothing"
    assert "DISCORD_TOKEN" in (await found("token"))[Level.FAILURE]
    assert "worker on this machine" in (await found("farm"))[Level.FINE]


async def test_a_database_that_is_up_to_date_and_one_of_another_version(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMBOT_STORE__URL", database_url)
    database = Database(database_url)
    await database.open()
    assert "up to date" in (await found("database"))[Level.FINE]
    for revision, level, said in (
        ("0001", Level.WARNING, "earlier"),
        ("9999", Level.FAILURE, "newer version"),
    ):
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        assert said in (await found("database"))[level]
    await database.close()


async def test_weights_that_the_operator_names_and_are_not_there_or_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "notes.h5").write_text("milk, eggs")
    for name in ("nothing.h5", "notes.h5"):
        monkeypatch.setenv("DREAMBOT_WEIGHTS__INCEPTION_V3", str(tmp_path / name))
        assert "weights.inception_v3" in (await found("weights"))[Level.FAILURE]


async def test_discord_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire(intents=False) as wire:
        for name, value in wire.environment.items():
            monkeypatch.setenv(name, value)
        assert "Message Content Intent" in (await found("intents"))[Level.FAILURE]
        monkeypatch.setenv("DREAMBOT_DISCORD__MESSAGE_CONTENT", "false")
        assert Level.FAILURE not in await found("intents")
        assert "1 of 1 servers" in (await found("permissions"))[Level.FINE]
        await wire.call("restrict", bits=discord.Permissions(attach_files=True).value)
        assert (
            "Server 0" in (lacks := (await found("permissions"))[Level.WARNING]) and "attach files" in lacks
        )


async def test_a_clock_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wire() as wire:
        for name, value in wire.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("bot.doctor.CLOCK_SECONDS", -1)
        assert "timedatectl" in (await found("clock"))[Level.WARNING]


async def test_a_small_dream_tells_its_time_and_devices() -> None:
    (dream,) = [each for each in await examine(dream=True) if each.subject == "dream"]
    assert dream.level is Level.FINE
    assert re.fullmatch(
        r"256 pixels in [\d.]+ s, after [\d.]+ s to get ready; devices: CPU:0.*", dream.detail
    )


async def test_a_small_dream_says_what_its_libraries_lack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (dream,) = [each for each in await examine(dream=True) if each.subject == "dream"]
    assert dream.level is Level.FAILURE
    assert "ImportError: libcudart" in dream.detail and "pip install" in (dream.mend or "")


async def test_a_database_with_smashed_pages_and_one_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "dreambot.db"
    monkeypatch.setenv("DREAMBOT_STORE__URL", f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    await database.open()
    database.lock()
    assert "another dreambot" in (await found("database"))[Level.FAILURE]
    await database.close()
    assert Level.FAILURE not in await found("database")
    with file.open("r+b") as pages:
        pages.seek(3 * 4096)
        pages.write(os.urandom(6 * 4096))
    assert "dreambot restore" in (await found("database"))[Level.FAILURE]


async def test_a_database_in_use_is_no_fault_where_this_very_bot_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It answers at `monitoring.port`, and says that it uses that database."""
    port = free_port()
    async with Wire() as wire, running(wire, tmp_path, PRETENDING, DREAMBOT_MONITORING__PORT=port):
        await connected(wire)
        monkeypatch.setenv("DREAMBOT_DATA", str(tmp_path))
        for name, value in (wire.environment | {"DREAMBOT_MONITORING__PORT": port}).items():
            monkeypatch.setenv(name, value)
        levels = {finding.subject: finding for finding in await examine()}
        assert levels["database"].level is levels["monitoring"].level is Level.FINE
        assert "it runs" in levels["bot"].detail
        elsewhere = Database(f"sqlite:///{tmp_path}/elsewhere.db")
        await elsewhere.open()
        elsewhere.lock()
        monkeypatch.setenv("DREAMBOT_STORE__URL", f"sqlite:///{tmp_path}/elsewhere.db")
        assert "another dreambot" in (await found("database"))[Level.FAILURE]
        assert "cannot be served" in (await found("monitoring"))[Level.WARNING]
        await elsewhere.close()


async def test_workers_with_less_memory_than_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBOT_FARM__MEMORY_LIMIT", "500MB")
    assert "raise farm.memory_limit" in (await found("farm"))[Level.FAILURE]
    monkeypatch.setenv("DREAMBOT_FARM__MEMORY_LIMIT", "0")
    assert Level.FAILURE not in await found("farm")
    monkeypatch.setenv("DREAMBOT_FARM__MEMORY_LIMIT", "auto")
    monkeypatch.setenv("DREAMBOT_FARM__WORKERS", "200")
    assert "set farm.workers lower" in (await found("farm"))[Level.FAILURE]
