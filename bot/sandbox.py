"""`dreambot sandbox`: the bot in a simulated Discord, to try it without an account.

Everything but Discord is real: farm, queue, commands. SimCord simulates Discord in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import simcord

import dream
from bot.app import App
from bot.run import wait_for_stop_signal
from bot.store.jobs import State
from bot.ui.status import status
from config.schema import Config, Store

SAMPLES = Path(dream.__file__).parent / "samples"
CAPTIONS = {
    "astronaut.jpg": "Eileen Collins, before her first flight.",
    "chelsea.jpg": "Chelsea, who would like to be left alone.",
    "coffee.jpg": "First one today.",
    "hubble_deep_field.jpg": "Ten days of looking at nothing.",
    "rocket.jpg": "Up she goes!",
}
LOOPBACK = "127.0.0.1"
SETTLE_SECONDS = 30.0
REFRESH_SECONDS = 0.3


@dataclass(frozen=True)
class Sandbox:
    """A simulated server with the bot in it."""

    app: App
    env: simcord.Env
    dreams: simcord.ChannelHandle
    general: simcord.ChannelHandle
    admin: simcord.MemberActor
    alice: simcord.MemberActor
    bob: simcord.MemberActor

    async def post_samples(self, channel: simcord.ChannelHandle) -> None:
        """Post the sample photographs in the names of two members."""
        for number, (name, caption) in enumerate(CAPTIONS.items()):
            who = (self.alice, self.bob)[number % 2]
            await who.send(channel, caption, attachments=[(name, (SAMPLES / name).read_bytes())])


@asynccontextmanager
async def open_sandbox(config: Config, settle_timeout: float = SETTLE_SECONDS) -> AsyncIterator[Sandbox]:
    """Build the app on a fresh data folder and log its bot in at a simulated server."""
    with tempfile.TemporaryDirectory(prefix="dreambot-sandbox-") as folder:
        app = App(config.model_copy(update={"data": Path(folder), "store": Store()}))
        try:
            # Opened before SimCord starts, which otherwise waits for these tasks as for the bot's reaction.
            await app.open()
            # A worker that is still coming up would keep SimCord waiting, too.
            await app.farm.probe((SAMPLES / "coffee.jpg").read_bytes(), app.queue.picture_limits)
            shards = None if config.discord.shard_count else 1
            env = simcord.Env(app.bot, shard_count=shards, settle_timeout=settle_timeout)
            await env.start()
            try:
                yield await _server(app, env)
            finally:
                await env.shutdown()
        finally:
            await app.close()


async def _server(app: App, env: simcord.Env) -> Sandbox:
    await sync_clock(env)
    assert app.bot.user
    await app.bot.user.edit(username="Dreambot")
    guild = env.create_guild("Dreamers", owner=env.create_user("ada", global_name="Ada"))
    admins = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    hidden: dict[Any, discord.PermissionOverwrite] = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        admins: discord.PermissionOverwrite(view_channel=True),
        app.bot.user: discord.PermissionOverwrite(view_channel=True),
    }
    dreams = guild.create_text_channel("dreams", topic="Post a picture and write !dream")
    general = guild.create_text_channel("general")
    guild.create_text_channel("admins", overwrites=hidden)
    members = [env.create_user(name.lower(), global_name=name) for name in ("Admin", "Alice", "Bob")]
    admin = guild.add_member(members[0], roles=[admins])
    alice, bob = (guild.add_member(user) for user in members[1:])
    return Sandbox(app, env, dreams, general, admin, alice, bob)


def say(config: Config, text: str, attach: Path | None, save: Path | None, timeout: float) -> int:
    """Send one message in #dreams and print the bot's final answer; its picture is written to `save`.

    Returns 0, 1 if the bot answered with an error, 2 if there was no answer within `timeout` seconds.
    """
    files = [(attach.name, attach.read_bytes())] if attach else []
    status, picture = asyncio.run(_say(config, text, files, timeout))
    if save and picture:
        save.write_bytes(picture)
    return status


async def _say(
    config: Config, text: str, files: list[tuple[str, bytes]], seconds: float
) -> tuple[int, bytes | None]:
    async with open_sandbox(config, settle_timeout=seconds) as sandbox:
        await sandbox.post_samples(sandbox.general)
        refused: list[Exception] = []
        sandbox.app.bot.add_listener(_collector(refused), "on_command_error")
        failed = False
        try:
            async with asyncio.timeout(seconds):
                said = await sandbox.alice.send(sandbox.dreams, text, attachments=files)
                failed = await _until_final(sandbox, said)
        except TimeoutError:
            print(f"The bot had no final answer within {seconds:g} s.", file=sys.stderr)
            return 2, None
        answers = [message for message in sandbox.dreams.history() if message.id > said.id]
        if not answers:
            print("The bot did not answer.", file=sys.stderr)
            return 2, None
        for answer in answers:
            print(_readable(answer))
        pictures = [picture for answer in answers for picture in answer.attachments]
        return int(failed or bool(refused)), await pictures[0].read() if pictures else None


async def _until_final(sandbox: Sandbox, said: discord.Message) -> bool:
    """Wait until the job of a message, if it has one, has ended and the bot's answer shows that.

    Returns whether it failed.
    """
    queue = sandbox.app.queue
    job = await queue.jobs.of_message(said.id)
    job = job and await queue.finished(job.id)
    if job is None:
        return False
    while not any(message.content == status(job).content for message in sandbox.dreams.history()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return job.state is not State.DONE


def _collector(errors: list[Exception]) -> Callable[[Any, Exception], Coroutine[Any, Any, None]]:
    async def remember(_: Any, error: Exception) -> None:
        errors.append(error)

    return remember


def _readable(message: discord.Message) -> str:
    """The text of a message and its embeds, without markup."""
    lines = [line.removeprefix("-# ") for line in message.content.splitlines()]
    for embed in message.embeds:
        lines += [embed.title or "", embed.description or ""]
        lines += [f"{field.name}: {field.value}" for field in embed.fields]
        lines += [embed.footer.text or ""]
    return "\n".join(line for line in lines if line)


def serve(config: Config, port: int) -> int:
    """Serve a web page of #dreams, and print its address, until SIGINT or until the page ends the session.

    Returns 0, or 1 if the port is taken.
    """
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        print(f"The page can't be served at port {port} ({error.strerror}): try --port 0.", file=sys.stderr)
        return 1
    return asyncio.run(_serve(config, port))


async def _serve(config: Config, port: int) -> int:
    async with open_sandbox(config) as sandbox:
        await sandbox.post_samples(sandbox.dreams)
        members = [sandbox.alice, sandbox.bob, sandbox.admin]
        preview = sandbox.env.preview(sandbox.dreams, viewers=members, layout="channel", port=port or None)
        async with preview:
            print(f"#dreams is at {preview.url}\nCtrl-C ends the sandbox.", flush=True)
            refreshing = asyncio.create_task(_refresh_page(sandbox, preview, _serialize_actions(preview)))
            await asyncio.wait(
                {asyncio.create_task(preview.wait_closed()), asyncio.create_task(wait_for_stop_signal())},
                return_when=asyncio.FIRST_COMPLETED,
            )
            refreshing.cancel()
    return 0


def _serialize_actions(preview: Any) -> asyncio.Lock:
    """Return a lock under which the page's actions run; a refresh has to hold it.

    SimCord refuses an action during a refresh, and its page then accepts no other.
    """
    lock, act = asyncio.Lock(), preview._action

    async def acting(*args: Any) -> Any:
        async with lock:
            return await act(*args)

    preview._action = acting
    return lock


async def _refresh_page(sandbox: Sandbox, preview: Any, lock: asyncio.Lock) -> None:
    """Refresh the page when the bot made requests; SimCord does so only after a member's action."""
    shown = 0
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        # Refused while the page is being loaded.
        with contextlib.suppress(simcord.SetupError, TimeoutError):
            async with lock:
                await sync_clock(sandbox.env)
                if (now := len(sandbox.env.http_requests)) != shown:
                    await preview.refresh()
                    shown = now


async def sync_clock(env: simcord.Env) -> None:
    """Advance SimCord's clock, which does not run by itself, to the current time."""
    await env.advance_time(max(0.0, (datetime.now(UTC) - env.now()).total_seconds()))
