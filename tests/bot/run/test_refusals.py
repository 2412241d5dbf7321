"""`dreambot run` on installations that cannot work: one sentence each, exit code 1 (2: the configuration)."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from bench.support.discord_client import ROOT, Wire
from bench.support.postgres import PostgresServer
from bot.store.database import Database

Broken = Callable[[Path, pytest.FixtureRequest], dict[str, str]]
"""Breaks something below a folder; returns the environment that leads there."""

IMPATIENT = "import bot.run; bot.run.DATABASE_TIMEOUT = 0.1; from bot.cli import main; main()"


async def refusal(folder: Path, **environment: str) -> tuple[int, str]:
    """What it says on standard error, and its exit code."""
    async with Wire() as wire:
        defaults = {"DREAMBOT_DATA": str(folder / "data"), "HOME": str(folder)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", IMPATIENT, "run"),
            cwd=ROOT,
            env=os.environ | wire.environment | defaults | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, said.decode()


def random_bytes(folder: Path, _: object) -> dict[str, str]:
    (folder / "any.db").write_bytes(os.urandom(20_000))
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/any.db"}


def newer_schema(folder: Path, _: object) -> dict[str, str]:
    with sqlite3.connect(folder / "newer.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/newer.db"}


def held_database(folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    database = Database(f"sqlite:///{folder}/held.db")
    database.lock()
    request.addfinalizer(lambda: asyncio.run(database.close()))
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/held.db"}


def absent_database(folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    server: PostgresServer = request.getfixturevalue("postgres")
    return {"DREAMBOT_STORE__URL": server.create_database() + "_not"}


def nobody_there(folder: Path, _: object) -> dict[str, str]:
    return {"DREAMBOT_STORE__URL": "postgresql://me:secret@127.0.0.1:1/dreams"}


def no_token_file(folder: Path, _: object) -> dict[str, str]:
    return {"DISCORD_TOKEN": "", "DREAMBOT_DISCORD__TOKEN_FILE": str(folder / "token")}


def no_password_file(folder: Path, _: object) -> dict[str, str]:
    return {
        "DREAMBOT_STORE__URL": "postgresql://me@127.0.0.1:1/dreams",
        "DREAMBOT_STORE__PASSWORD_FILE": str(folder / "password"),
    }


def torn_token(folder: Path, _: object) -> dict[str, str]:
    return {"DISCORD_TOKEN": "wi\nre"}


def data_below_a_file(folder: Path, _: object) -> dict[str, str]:
    (folder / "file").touch()
    return {"DREAMBOT_DATA": str(folder / "file" / "data")}


def unwritable_data(folder: Path, _: object) -> dict[str, str]:
    return {"DREAMBOT_DATA": "/proc/dreambot"}  # where root cannot write either


def short_key(folder: Path, _: object) -> dict[str, str]:
    (folder / "key").write_bytes(b"short")
    return {"DREAMBOT_PRIVACY__KEY_FILE": str(folder / "key")}


class Web(StreamRequestHandler):
    """As web servers answer what is no HTTP."""

    def handle(self) -> None:
        self.rfile.read(8)
        self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<h1>Bad Request</h1>")


def web_server_for_a_scheduler(folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    server = ThreadingTCPServer(("127.0.0.1", 0), Web)
    Thread(target=server.serve_forever, daemon=True).start()
    request.addfinalizer(server.shutdown)
    return {"DREAMBOT_FARM__SCHEDULER": "tcp://{}:{}".format(*server.server_address)}


def tls_without_keys(folder: Path, _: object) -> dict[str, str]:
    return {"DREAMBOT_FARM__SCHEDULER": "tls://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (random_bytes, "file is not a database"),
        (newer_schema, "newer version"),
        (held_database, "another dreambot is using"),
        pytest.param(absent_database, "does not exist", marks=pytest.mark.postgres),
        (nobody_there, "Connect call failed"),
        (no_token_file, "token_file"),
        (no_password_file, "password_file"),
        (torn_token, "line break"),
        (data_below_a_file, "DREAMBOT_DATA"),
        (unwritable_data, "DREAMBOT_DATA"),
        (short_key, "key_file"),
        (web_server_for_a_scheduler, "no Dask scheduler"),
        (tls_without_keys, "TLS"),
    ],
)
async def test_it_ends_in_one_sentence(
    tmp_path: Path, request: pytest.FixtureRequest, broken: Broken, sentence: str
) -> None:
    environment = await asyncio.to_thread(broken, tmp_path, request)
    code, said = await refusal(tmp_path, **environment)
    (line,) = [line for line in said.splitlines() if "WARNING" not in line and "INFO" not in line]
    assert sentence in line and "secret" not in said
    assert code == 1


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("FARM__SCHEDULER", "tcp://10.0.0.5", "with its port"),
        ("FARM__SCHEDULER", "tcp://10.0.0.5:many", "with its port"),
        ("FARM__MEMORY_LIMIT", "1.2.3GB", "memory_limit"),
    ],
)
async def test_a_setting_that_cannot_be_meant_is_refused(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    code, said = await refusal(tmp_path, **{f"DREAMBOT_{variable}": value})
    assert code == 2 and sentence in said and len(said.splitlines()) == 1
