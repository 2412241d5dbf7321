"""`dreambot sandbox` as somebody starts and ends it."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import psutil

from bench.support import pretended_dreams
from bot.sandbox.farm import LiveFarm
from bot.sandbox.serve import open_page
from bot.sandbox.server import SAMPLES, open_sandbox
from config.schema import Config
from tests.support import seen_dreams
from tests.support.speaker import buttons
from tests.support.waiting import until

make_farm = partial(LiveFarm, workers=1, render=seen_dreams.render, warm=pretended_dreams.warm)


async def test_a_taken_port_is_answered_by_the_next_and_ctrl_c_ends_everything() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ("-m", "bot.cli", "sandbox", "--no-browser", "--port", str(port))
        sandbox = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert sandbox.stdout and sandbox.stderr
        line = (await asyncio.wait_for(sandbox.stdout.readline(), 60)).decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=", line)
        assert found and port < int(found[1]) < port + 20
        children = psutil.Process(sandbox.pid).children(recursive=True)
        sandbox.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(sandbox.wait(), 20) == 0
        assert "Traceback" not in (await sandbox.stderr.read()).decode()
        await until(lambda: not any(child.is_running() for child in children))


async def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dreambot.db").write_text("no database, but as long as the header of one would have to be")
    words = ("-m", "bot.cli", "sandbox", "--no-browser", "--data", str(tmp_path))
    sandbox = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(sandbox.communicate(), 60)
    assert sandbox.returncode == 1
    assert said.decode().startswith("store.url: the database ") and said.count(b"\n") == 1


async def test_a_folder_keeps_what_was_dreamt(tmp_path: Path) -> None:
    picture = ("coffee.jpg", (SAMPLES / "coffee.jpg").read_bytes())
    async with open_sandbox(Config(), data=tmp_path, make_farm=make_farm) as sandbox:
        await sandbox.send(sandbox.alice.send(sandbox.dreams, "!dream block3", attachments=[picture]))
        await sandbox.send(sandbox.admin.send(sandbox.admins, "!settings set size 512"))
        await until(lambda: sandbox.dreams.last_message.content.startswith("✨"))
    async with (
        open_sandbox(Config(), data=tmp_path, make_farm=make_farm) as sandbox,
        open_page(sandbox, socket.create_server(("127.0.0.1", 0))),
    ):
        assert (await sandbox.app.settings.effective(sandbox.guild.id)).size == 512
        (dream,) = [message for message in sandbox.dreams.history() if message.attachments][:1]
        assert dream.content.startswith("✨") and dream.author.bot
        (again,) = [one for one in buttons(dream) if (one.custom_id or "").startswith("again:")]
        await sandbox.interact(sandbox.bob.click(dream, custom_id=again.custom_id))
        await until(lambda: sandbox.dreams.last_message.content.startswith("✨"))
        assert sandbox.dreams.last_message.id != dream.id
