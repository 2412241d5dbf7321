"""What can go wrong around the bot, at a press."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import discord
import psutil

from bot.sandbox.actions import ImpossibleError
from bot.sandbox.server import Sandbox

OUTAGE_SECONDS = 60.0
"""How long Discord answers 500."""
PERMISSION_SECONDS = 60.0
"""How long the bot may not write in #dreams."""


class _WhileOn(os.PathLike[str]):
    """A pattern of paths that matches all while it is on; SimCord's errors cannot be taken back otherwise."""

    on = False

    def __fspath__(self) -> str:
        return "*" if self.on else ""


class Faults:
    """Breaks the sandbox in the ways that the real Discord, and a real machine, break."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._outage = _WhileOn()
        pattern: Any = self._outage
        sandbox.env.inject_error("*", pattern, status=500, times=None)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._by_name: dict[str, Callable[[], Awaitable[None]]] = {
            "outage": self._discord_away,
            "message": self._delete_message,
            "permission": self._take_permission,
            "worker": self._kill_worker,
            "bot": self._restart_bot,
        }

    @property
    def going_on(self) -> list[str]:
        """The names of the faults that last."""
        return [name for name, task in self._tasks.items() if not task.done()]

    async def cause(self, name: str) -> None:
        """Let something go wrong. Raises ImpossibleError; KeyError for an unknown name."""
        cause = self._by_name[name]
        if name not in self.going_on:
            await cause()
            self._sandbox.changes += 1

    async def close(self) -> None:
        """End the faults that last."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, name: str, lasting: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await lasting()
            finally:
                self._sandbox.changes += 1

        self._tasks[name] = asyncio.create_task(run())

    async def _discord_away(self) -> None:
        """Discord answers everything with 500 for a minute."""

        async def lasting() -> None:
            self._outage.on = True
            try:
                await asyncio.sleep(OUTAGE_SECONDS)
            finally:
                self._outage.on = False

        self._begin("outage", lasting)

    async def _delete_message(self) -> None:
        """A moderator deletes the bot's newest message in #dreams."""
        sandbox = self._sandbox
        said = [message for message in sandbox.dreams.history() if message.author.id == sandbox.bot_user.id]
        if not said:
            raise ImpossibleError("The bot has said nothing in #dreams yet: let it dream first.")
        await sandbox.send(sandbox.admin.delete(said[-1]))

    async def _take_permission(self) -> None:
        """The bot may not write in #dreams for a minute."""
        bot = self._sandbox.env.bot
        channel = bot.get_channel(self._sandbox.dreams.id)
        assert isinstance(channel, discord.TextChannel)
        # The bot's own account sets it: its role in the sandbox may, and SimCord's members cannot.
        await channel.set_permissions(channel.guild.me, send_messages=False, attach_files=False)

        async def lasting() -> None:
            try:
                await asyncio.sleep(PERMISSION_SECONDS)
            finally:
                again = self._sandbox.env.bot.get_channel(channel.id)
                assert isinstance(again, discord.TextChannel)
                await again.set_permissions(again.guild.me, overwrite=None)

        self._begin("permission", lasting)

    async def _kill_worker(self) -> None:
        """The processes that dream are killed; their nanny starts others."""
        children = psutil.Process().children(recursive=True)
        workers = [process for process in children if "spawn_main" in " ".join(process.cmdline())]
        if not workers:
            raise ImpossibleError("No worker is up yet: wait a moment.")
        for worker in workers:
            worker.kill()

    async def _restart_bot(self) -> None:
        """The bot is killed, and started again."""
        self._begin("bot", self._sandbox.restart_bot)
