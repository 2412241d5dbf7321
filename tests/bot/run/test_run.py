"""`dreambot run` as an operator starts, stops and loses it, against a Discord on loopback."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yarl
from sqlalchemy.engine import make_url

from bench.support.discord_client import ROOT, Wire
from tests.support.running import PHOTO, PRETENDING, connected, is_dream, running


def seen(pid: int, file: str) -> bytes:
    """What this user sees of a process in /proc, which may be nothing."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except PermissionError:
        return b""


def open_files(process: psutil.Process) -> list[str]:
    try:
        return [file.path for file in process.open_files()]
    except psutil.AccessDenied:
        return []


async def test_it_logs_in_answers_and_leaves_when_told(tmp_path: Path) -> None:
    async with Wire() as wire, running(wire, tmp_path) as bot:
        assert bot.stdout
        invite = (await bot.stdout.readline()).decode()
        assert "oauth2/authorize" in invite and "client_id=1000" in invite
        screen = [(await bot.stdout.readline()).decode().split() for _ in range(5)]
        assert screen[1] == ["database", f"sqlite:///{tmp_path}/dreambot.db"]
        await connected(wire)
        asked = await wire.say("!dream block3 steps=2", PHOTO)

        (answer,) = await wire.until(lambda answers: any(map(is_dream, answers)))
        assert answer["message_reference"]["message_id"] == asked["id"]
        picture = await wire.download(answer["attachments"][0])
        assert picture.startswith(b"\x89PNG")

        await wire.slash("dream", recipe="block3 steps=1", picture=PHOTO)
        await wire.until(lambda answers: len(answers) == 2 and all(map(is_dream, answers)))

        assert b"tensorflow" not in seen(bot.pid, "maps")
        assert psutil.Process(bot.pid).memory_info().rss < 190e6

        workers = psutil.Process(bot.pid).children(recursive=True)
        assert workers
        for process in (bot.pid, *(worker.pid for worker in workers)):
            assert b"DISCORD_TOKEN" not in seen(process, "environ").replace(b"DISCORD_TOKEN=\0", b"")
        assert not [file for worker in workers for file in open_files(worker) if str(tmp_path) in file]
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 30) == 0
        assert not psutil.wait_procs(workers, timeout=20)[1]


async def test_a_dream_that_a_kill_interrupts_is_delivered_once(tmp_path: Path) -> None:
    async with Wire() as wire:
        async with running(wire, tmp_path, PRETENDING) as bot:
            await connected(wire)
            await wire.say("!dream block3 steps=100", PHOTO)
            (before,) = await wire.until(
                lambda answers: bool(answers) and "Dreaming" in answers[0]["content"]
            )
            workers = psutil.Process(bot.pid).children(recursive=True)
            bot.kill()
            await bot.wait()
            assert not psutil.wait_procs(workers, timeout=20)[1]

        async with running(wire, tmp_path, PRETENDING):
            (after,) = await wire.until(lambda answers: any(map(is_dream, answers)))
            assert after["id"] == before["id"]
            await wire.press(after, "delete", author="bob")
            await wire.press(after, "delete")
            await wire.until(lambda answers: not answers)


async def test_what_is_asked_while_it_is_away_is_answered_when_it_is_back(tmp_path: Path) -> None:
    async with Wire() as wire:
        async with running(wire, tmp_path) as bot:
            await connected(wire)
            await wire.say("!layers")
            await wire.until(lambda answers: len(answers) == 1)
            bot.send_signal(signal.SIGTERM)
            await bot.wait()
        await wire.say("!layers")
        async with running(wire, tmp_path):
            answers = await wire.until(lambda answers: len(answers) == 2)
            assert answers[0]["embeds"] == answers[1]["embeds"]


@pytest.mark.parametrize("guilds_after", [0.5, 4])
async def test_what_one_shard_misses_is_answered_when_it_is_back(tmp_path: Path, guilds_after: float) -> None:
    """And so is what Discord sends before the server itself, also where the server comes so late that
    discord.py calls the shard ready without it, which takes two seconds.
    """
    async with Wire(servers=2) as wire, running(wire, tmp_path, DREAMBOT_DISCORD__SHARD_COUNT="2"):
        async with asyncio.timeout(60):
            while len((await wire.get("state"))["sessions"]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await wire.say("!dream x!", channel="1/dreams")
        await wire.until(lambda answers: len(answers) == 1, "1/dreams")
        await wire.call("drop", shard=1, guilds_after=guilds_after)
        missed = await wire.say("!dream x!", channel="1/dreams")
        async with asyncio.timeout(60):
            while len((await wire.get("state"))["sessions"]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        early = await wire.say("!dream x!", channel="1/dreams")
        answers = await wire.until(lambda answers: len(answers) == 3, "1/dreams", seconds=90)
        answered = {answer["message_reference"]["message_id"] for answer in answers[1:]}
        assert answered == {missed["id"], early["id"]}


@pytest.mark.parametrize(
    ("wire_options", "environment", "sentence"),
    [
        ({}, {"DISCORD_TOKEN": ""}, "set DISCORD_TOKEN"),
        ({}, {"DISCORD_TOKEN": "wrong"}, "does not accept this token"),
        ({"intents": False}, {}, "Message Content Intent"),
        ({}, {"DREAMBOT_DISCORD__API": "{address}/no/such/api"}, "cannot be reached"),
    ],
)
async def test_an_operator_is_told_what_to_do(
    tmp_path: Path, wire_options: dict[str, Any], environment: dict[str, str], sentence: str
) -> None:
    async with Wire(**wire_options) as wire:
        environment = {name: value.format(address=wire.address) for name, value in environment.items()}
        async with running(wire, tmp_path, **environment) as bot:
            _, errors = await asyncio.wait_for(bot.communicate(), 60)
        assert bot.returncode == 1
        assert sentence in errors.decode()
        assert "Traceback" not in errors.decode()


async def test_without_message_content_it_serves_slash_commands_and_mentions(tmp_path: Path) -> None:
    async with (
        Wire(intents=False) as wire,
        running(wire, tmp_path, DREAMBOT_DISCORD__MESSAGE_CONTENT="false"),
    ):
        await connected(wire)
        await wire.say("<@1000> help")
        (answer,) = await wire.until(lambda answers: len(answers) == 1)
        said = str(answer["embeds"])
        assert "/dream" in said and "don't read messages" in said
        used = await wire.slash("layers")
        async with asyncio.timeout(30):
            while not (await wire.get("interaction", id=used["id"]))["messages"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_importing_the_bot_loads_neither_tensorflow_nor_dask_nor_alembic() -> None:
    code = "import sys, bot.run; print(*{name.partition('.')[0] for name in sys.modules})"
    python = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await python.communicate()
    assert not {"tensorflow", "keras", "distributed", "dask", "alembic"} & {*printed.decode().split()}


async def lines(bot: asyncio.subprocess.Process, wanted: str) -> list[str]:
    """What it logs until a line with `wanted` in it."""
    assert bot.stderr
    heard: list[str] = []
    async with asyncio.timeout(60):
        while not heard or wanted not in heard[-1]:
            heard.append((await bot.stderr.readline()).decode())
    return heard


async def answered(wire: Wire) -> None:
    """It still hears and answers."""
    before = len(await wire.answers())
    await wire.say("!layers")
    await wire.until(lambda answers: len(answers) > before)


async def test_gateway_events_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    async with Wire() as wire, running(wire, tmp_path, PRETENDING) as bot:
        await connected(wire)
        await answered(wire)
        for text in ('{"op": 0, "s": 9, "t": "CHANNEL_CREATE", "d": {"id": "x"}}', "}{", "[]"):
            await wire.call("event", text=text)
            *before, line = await lines(bot, "Skipped a gateway event")
            assert ("CHANNEL_CREATE" in line) == ("CHANNEL_CREATE" in text)
            await answered(wire)
            assert "Traceback" not in str(before)


async def test_a_session_that_cannot_be_resumed_begins_anew_at_the_gateway_that_the_api_names(
    tmp_path: Path,
) -> None:
    async with Wire() as wire, running(wire, tmp_path, PRETENDING):
        await connected(wire)
        await wire.call("drop")
        await connected(wire)
        await answered(wire)


async def test_an_attempt_to_reconnect_is_one_line(tmp_path: Path) -> None:
    async with Wire() as wire, running(wire, tmp_path, PRETENDING) as bot:
        await connected(wire)
        wire.process.kill()
        *before, line = await lines(bot, "Attempting a reconnect")
        assert "Connect call failed" in line
        assert len(before) <= 3  # absent weights, connected, disconnected


@pytest.mark.parametrize("status", [400, 403])
async def test_text_commands_work_where_slash_commands_are_refused(tmp_path: Path, status: int) -> None:
    async with Wire() as wire:
        await wire.call("fail", method="PUT", path="/commands$", status=status)
        async with running(wire, tmp_path, PRETENDING) as bot:
            await connected(wire)
            await answered(wire)
            assert "text commands" in (await lines(bot, "slash commands"))[-1]


class LateServer:
    """An address that refuses connections until it is opened; then it forwards them to `host` and `port`."""

    def __init__(self, host: str, port: int) -> None:
        self._there = host, port
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    async def open(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, sock=self._socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(*self._there)
        await asyncio.gather(self._forward(reader, there[1]), self._forward(there[0], writer))

    @staticmethod
    async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


async def test_a_database_that_comes_late_is_waited_for(tmp_path: Path, postgres_url: str) -> None:
    url = make_url(postgres_url)
    assert url.host and url.port
    late = LateServer(url.host, url.port)
    late_url = url.set(port=late.port).render_as_string(hide_password=False)
    async with Wire() as wire, running(wire, tmp_path, PRETENDING, DREAMBOT_STORE__URL=late_url) as bot:
        assert len(await lines(bot, "opening the database failed")) == 1
        server = await late.open()
        await connected(wire)
        await answered(wire)
        server.close()


async def test_discord_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    async with Wire() as wire:
        there = yarl.URL(wire.address)
        assert there.host and there.port
        late = LateServer(there.host, there.port)
        api = f"http://127.0.0.1:{late.port}/api/v10"
        async with running(wire, tmp_path, PRETENDING, DREAMBOT_DISCORD__API=api) as bot:
            assert "Connect call failed" in (await lines(bot, f"reaching Discord at {api} failed"))[-1]
            server = await late.open()
            await connected(wire)
            await answered(wire)
            server.close()


async def test_what_belongs_to_the_operator_alone_stays_with_the_bot(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/data/dreambot.db"
    async with (
        Wire() as wire,
        running(wire, tmp_path / "data", PRETENDING, DREAMBOT_STORE__URL=database) as bot,
    ):
        await connected(wire)
        await answered(wire)
        children = psutil.Process(bot.pid).children(recursive=True)
        assert children
        for child in children:
            assert not {"DISCORD_TOKEN", "DREAMBOT_STORE__URL"} & set(child.environ())
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_weights_that_are_not_here_are_mentioned(tmp_path: Path) -> None:
    async with Wire() as wire, running(wire, tmp_path, PRETENDING, KERAS_HOME=str(tmp_path)) as bot:
        assert "dreambot weights fetch" in (await lines(bot, "InceptionV3"))[-1]
