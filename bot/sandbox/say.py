"""`dreambot sandbox --say`: one message to the bot, and its answer, without a page."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import discord

from bot.sandbox.server import Sandbox, open_sandbox
from bot.store.jobs import State
from bot.ui.status import status
from config.schema import Config


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
