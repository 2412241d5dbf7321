"""A private PostgreSQL server, in a temporary folder and on a port of its own."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self


class NoPostgresError(Exception):
    """The server cannot be run here; `str()` says why."""


class PostgresServer:
    """`with PostgresServer() as server:` runs one until the block ends. Raises NoPostgresError.

    It runs as the user postgres where this process is root's, and does not wait for the disk.
    """

    def __init__(self) -> None:
        self._programs = _programs()
        self._user = _user()
        self._folder = Path(tempfile.mkdtemp(prefix="dreambot-postgres-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self) -> Self:
        if self._user:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "-D", self._data, "-U", "dreambot", "-A", "trust", "-N")
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._control("-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self) -> str:
        """Make an empty database; returns its URL."""
        name = f"dreambot_{secrets.token_hex(6)}"
        self._run("psql", "-q", self._url("postgres"), "-c", f"CREATE DATABASE {name}")
        return self._url(name)

    def restart(self, mode: str = "fast", down: float = 0.0) -> None:
        """Stop it, ending every connection ("fast") or by a crash ("immediate"); start it `down` s later."""
        self._control("-m", mode, "stop")
        time.sleep(down)
        self._start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _url(self, database: str) -> str:
        return f"postgresql://dreambot@{self._address}/{database}"

    def _start(self) -> None:
        port = self._address.partition(":")[2]
        settings = f"-p {port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._control("-o", settings, "start")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", *arguments)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, user=self._user)


def _programs() -> Path:
    """The folder of the newest server programs."""
    initdb = shutil.which("initdb")
    if initdb:
        return Path(initdb).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        raise NoPostgresError("PostgreSQL's server programs are not installed")
    return folders[-1]


def _user() -> str | None:
    """The user that it runs as, as it refuses to run as root; None: whoever this process runs as."""
    if os.geteuid() != 0:
        return None
    if not any(user.pw_name == "postgres" for user in pwd.getpwall()):
        raise NoPostgresError("PostgreSQL does not run as root, and no user is named postgres")
    return "postgres"
