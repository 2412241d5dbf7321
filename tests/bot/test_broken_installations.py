"""Broken installations: `run` ends with one sentence and an exit status, `doctor` says what mends it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import NamedTuple

import dask
import discord
import distributed  # noqa: F401 (so that its settings are there to be changed)
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from typer.testing import CliRunner

import bot.run
from bench.support.discord_client import Wire
from bench.support.postgres import PostgresServer
from bot.cli import app
from bot.store.database import Database

Environment = dict[str, str]
Break = Callable[[Path, pytest.FixtureRequest], Environment]
"""Breaks something below a folder; returns the environment that leads there."""
NOTHING_SAID = ""


@pytest.fixture(scope="module")
def discord_environment() -> Iterator[Environment]:
    """The environment that leads to a stand-in for Discord."""
    with asyncio.Runner() as runner:
        wire = Wire()
        runner.run(wire.__aenter__())
        yield wire.environment
        runner.run(wire.__aexit__())


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment of its own; put back what `run` changes for the whole process."""
    for name in [name for name in os.environ if name.startswith("DREAMBOT_") or name == "DISCORD_TOKEN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DREAMBOT_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(bot.run, "DATABASE_TIMEOUT", 0.1)
    for owner, name in (
        (Route, "BASE"),
        (discord.Asset, "BASE"),
        (DiscordWebSocket, "DEFAULT_GATEWAY"),
        (discord.shard, "DiscordWebSocket"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    root, umask = logging.getLogger(), os.umask(0o077)
    handlers, level = root.handlers[:], root.level
    yield
    os.umask(umask)
    root.handlers[:], root.level = handlers, level


def setting(name: str, value: str) -> Break:
    """A variable of the environment."""
    return lambda folder, request: {name: value.format(folder=folder)}


def file(text: str) -> Break:
    """An operator's file."""

    def write(folder: Path, _: object) -> Environment:
        (folder / "mine.toml").write_text(text)
        return {"DREAMBOT_CONFIG": str(folder / "mine.toml")}

    return write


def below_a_file(folder: Path, _: object) -> Environment:
    (folder / "file").touch()
    return {"DREAMBOT_DATA": str(folder / "file" / "data")}


def random_bytes(folder: Path, _: object) -> Environment:
    (folder / "any.db").write_bytes(os.urandom(20_000))
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/any.db"}


def newer_schema(folder: Path, _: object) -> Environment:
    with sqlite3.connect(folder / "newer.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/newer.db"}


def held(folder: Path, request: pytest.FixtureRequest) -> Environment:
    database = Database(f"sqlite:///{folder}/held.db")
    asyncio.run(database.open())
    database.lock()
    request.addfinalizer(lambda: asyncio.run(database.close()))
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/held.db"}


def smashed(folder: Path, _: object) -> Environment:
    database = Database(f"sqlite:///{folder}/smashed.db")
    asyncio.run(database.open())
    asyncio.run(database.close())
    with (folder / "smashed.db").open("r+b") as pages:
        pages.seek(3 * 4096)
        pages.write(os.urandom(6 * 4096))
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}/smashed.db"}


def folder_for_a_file(folder: Path, _: object) -> Environment:
    return {"DREAMBOT_STORE__URL": f"sqlite:///{folder}"}


def absent_database(folder: Path, request: pytest.FixtureRequest) -> Environment:
    server: PostgresServer = request.getfixturevalue("postgres")
    return {"DREAMBOT_STORE__URL": server.create_database() + "_not"}


def password_file(folder: Path, _: object) -> Environment:
    url, password = "postgresql://me@127.0.0.1:1/dreams", str(folder / "password")
    return {"DREAMBOT_STORE__URL": url, "DREAMBOT_STORE__PASSWORD_FILE": password}


def token_file(folder: Path, _: object) -> Environment:
    return {"DISCORD_TOKEN": "", "DREAMBOT_DISCORD__TOKEN_FILE": str(folder / "token")}


def key(content: bytes) -> Break:
    def write(folder: Path, _: object) -> Environment:
        (folder / "key").write_bytes(content)
        return {"DREAMBOT_PRIVACY__KEY_FILE": str(folder / "key")}

    return write


def readable_key(folder: Path, _: object) -> Environment:
    (folder / "key").write_bytes(bytes(32))
    (folder / "key").chmod(0o644)
    return {"DREAMBOT_PRIVACY__KEY_FILE": str(folder / "key")}


def wrong_weights(folder: Path, _: object) -> Environment:
    (folder / "weights.h5").write_text("milk, eggs")
    return {"DREAMBOT_WEIGHTS__INCEPTION_V3": str(folder / "weights.h5")}


class Web(StreamRequestHandler):
    """As web servers answer what is no HTTP."""

    def handle(self) -> None:
        self.rfile.read(8)
        self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<h1>Bad Request</h1>")


def web_server(folder: Path, request: pytest.FixtureRequest) -> Environment:
    server = ThreadingTCPServer(("127.0.0.1", 0), Web)
    Thread(target=server.serve_forever, daemon=True).start()
    request.addfinalizer(server.shutdown)
    return {"DREAMBOT_FARM__SCHEDULER": "tcp://{}:{}".format(*server.server_address)}


def taken_port(folder: Path, request: pytest.FixtureRequest) -> Environment:
    server = socket.create_server(("127.0.0.1", 0))
    request.addfinalizer(server.close)
    return {"DREAMBOT_MONITORING__PORT": str(server.getsockname()[1])}


class Broken(NamedTuple):
    """What `run` says on an installation, and what `doctor` says mends it; None: `run` runs all the same."""

    name: str
    broken: Break
    run: str | None
    doctor: str
    status: int = 1


CONFIGURATION = [
    Broken("unknown key", file("[farm]\nworkrs = 3\n"), "did you mean workers?", "did you mean workers?"),
    Broken("unknown section", file("[frm]\nworkers = 3\n"), "did you mean farm?", "did you mean farm?"),
    Broken("wrong type", file('[farm]\nworkers = "many"\n'), "should be a whole number", "whole number"),
    Broken("no TOML", file("[farm\n"), "mine.toml", "mine.toml"),
    Broken("no file", setting("DREAMBOT_CONFIG", "{folder}/none.toml"), "none.toml", "none.toml"),
    Broken("token in the file", file('[discord]\ntoken = "x"\n'), "set DISCORD_TOKEN", "set DISCORD_TOKEN"),
    Broken(
        "password in the file",
        file('[store]\nurl = "postgresql://me:pass@host/db"\n'),
        "password_file",
        "password_file",
    ),
    Broken("unknown variable", setting("DREAMBOT_FARM__WORKRS", "3"), "DREAMBOT_FARM__WORKERS", "no setting"),
    Broken("no port", setting("DREAMBOT_FARM__SCHEDULER", "tcp://10.0.0.5"), "with its port", "its port"),
    Broken("no size", setting("DREAMBOT_FARM__MEMORY_LIMIT", "1.2.3GB"), "memory_limit", "memory_limit"),
    Broken("MySQL", setting("DREAMBOT_STORE__URL", "mysql://host/db"), "sqlite:///", "sqlite:///"),
    Broken("no recipe", setting("DREAMBOT_DREAM__RECIPE", "blokc8"), "did you mean block8", "block8"),
    Broken("shards", setting("DREAMBOT_DISCORD__SHARDS", "[3]"), "needs shard_count", "needs shard_count"),
    Broken("no list", setting("DREAMBOT_DISCORD__OPERATORS", "5, 6"), "write it as JSON", "as JSON"),
    Broken("level", setting("DREAMBOT_LOG__LEVEL", "loud"), "one of debug, info", "one of debug, info"),
]

INSTALLATION = [
    Broken("data below a file", below_a_file, "DREAMBOT_DATA", "DREAMBOT_DATA"),
    Broken("unwritable data", setting("DREAMBOT_DATA", "/proc/dreambot"), "DREAMBOT_DATA", "DREAMBOT_DATA"),
    Broken("no token", setting("DISCORD_TOKEN", ""), "set DISCORD_TOKEN", "your application → Bot"),
    Broken("no token file", token_file, "token_file", "token_file"),
    Broken("torn token", setting("DISCORD_TOKEN", "wi\nre"), "line break", "your application → Bot"),
    Broken("wrong token", setting("DISCORD_TOKEN", "wrong"), "does not accept", "your application → Bot"),
    Broken(
        "no Discord",
        setting("DREAMBOT_DISCORD__API", "http://127.0.0.1:1/api/v10"),
        None,  # it waits for Discord
        "discord.api",
    ),
    Broken("random bytes", random_bytes, "not a database", "not a database"),
    Broken("newer database", newer_schema, "newer version", "start the newer version"),
    Broken("database in use", held, "another dreambot", "another dreambot"),
    Broken("smashed database", smashed, None, "dreambot restore"),
    Broken("a folder", folder_for_a_file, "cannot be opened", "cannot be opened"),
    Broken("no database", absent_database, "does not exist", "createdb"),
    Broken(
        "no server",
        setting("DREAMBOT_STORE__URL", "postgresql://me:secret@127.0.0.1:1/dreams"),
        "Connect call failed",
        "docs/operators.md",
    ),
    Broken("no password file", password_file, "password_file", "password_file"),
    Broken("short key", key(b"short"), "key_file", "from a backup"),
    Broken("key that others read", readable_key, None, "chmod 600", 0),
    Broken("wrong weights", wrong_weights, None, "weights.inception_v3"),
    Broken("web server", web_server, "no Dask scheduler", "dreambot scheduler"),
    Broken(
        "no scheduler",
        setting("DREAMBOT_FARM__SCHEDULER", "tcp://127.0.0.1:1"),
        "farm.scheduler",
        "dreambot scheduler",
    ),
    Broken("no keys for TLS", setting("DREAMBOT_FARM__SCHEDULER", "tls://127.0.0.1:1"), "TLS", "TLS"),
    Broken("little memory", setting("DREAMBOT_FARM__MEMORY_LIMIT", "500MB"), None, "raise farm.memory_limit"),
    Broken("full disk", setting("DREAMBOT_STORE__FREE_BYTES", str(1 << 60)), None, "store.free_bytes lower"),
    Broken("no folder", setting("DREAMBOT_DAILY__FOLDER", "{folder}/no"), None, "mkdir", 0),
    Broken("port that is taken", taken_port, None, "monitoring.port", 0),
]


def named(cases: list[Broken]) -> list[object]:
    return [
        pytest.param(
            *case[1:], id=case.name, marks=pytest.mark.postgres if case.broken is absent_database else ()
        )
        for case in cases
    ]


def said_by(monkeypatch: pytest.MonkeyPatch, environment: Environment, *words: str) -> tuple[int, str, str]:
    """Exit status, standard output, and standard error without the log."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    errors = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert "Traceback" not in result.output and "secret" not in result.output
    return result.exit_code, result.stdout, "\n".join(errors)


@pytest.mark.parametrize(("broken", "run", "doctor", "status"), named(CONFIGURATION))
def test_a_configuration_that_cannot_be_meant(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    broken: Break,
    run: str,
    doctor: str,
    status: int,
) -> None:
    environment = broken(tmp_path, request)
    code, _, errors = said_by(monkeypatch, environment, "run")
    assert code == 2 and run in errors and len(errors.splitlines()) == 1
    code, said, _ = said_by(monkeypatch, environment, "doctor", "--quick")
    assert code == status and said.startswith("✗ configuration") and doctor in said


@pytest.mark.parametrize(("broken", "run", "doctor", "status"), named(INSTALLATION))
def test_a_broken_installation(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    discord_environment: Environment,
    broken: Break,
    run: str | None,
    doctor: str,
    status: int,
) -> None:
    environment = discord_environment | broken(tmp_path, request)
    code, said, _ = said_by(monkeypatch, environment, "doctor", "--quick", "--json")
    wrong = [each for each in json.loads(said) if each["level"] != "fine" and each["subject"] != "weights"]
    if "weights" in doctor:
        wrong = json.loads(said)
    assert code == status
    assert any(doctor in f"{each['detail']} → {each['mend']}" for each in wrong), wrong
    if run is not None:
        code, _, errors = said_by(monkeypatch, environment, "run")
        assert code == 1 and run in errors and len(errors.splitlines()) == 1


def test_doctor_finds_nothing_wrong_where_nothing_is(
    monkeypatch: pytest.MonkeyPatch, discord_environment: Environment
) -> None:
    code, said, _ = said_by(monkeypatch, discord_environment, "doctor", "--quick", "--json")
    found = {(each["level"], each["subject"]) for each in json.loads(said)}
    assert code == 0 and {level for level, subject in found if subject not in ("weights", "disk")} == {"fine"}
    assert {"token", "intents", "permissions", "clock", "zones", "database", "farm", "gpu"} <= {
        subject for _, subject in found
    }


def test_a_finding_is_one_line_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, discord_environment: Environment, tmp_path: Path
) -> None:
    environment = discord_environment | {"DREAMBOT_DATA": f"{tmp_path}/{'long/' * 30}"}
    _, said, _ = said_by(monkeypatch, environment, "doctor", "--quick")
    assert any(line.startswith("✓ data folder: ") and line.endswith("long") for line in said.splitlines())
    assert "\x1b" not in said
