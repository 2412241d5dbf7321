"""How fast a member may give text commands: a flood is answered once, then not at all for a while."""

from __future__ import annotations

from typing import Final

import discord
from discord.ext import commands

SECONDS: Final = 10.0
ANSWERED_EVERY: Final = 60.0
"""Seconds in which a member is told once that commands come too fast."""


class CommandRate:
    """Counts each member's text commands: `most` in ten seconds, by when they were written; 0: no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._commands = _mapping(most, SECONDS)
        self._answers = _mapping(1, ANSWERED_EVERY)

    def wait(self, message: discord.Message) -> float | None:
        """Count a command; the seconds that its author has to wait for the next one, None if it may pass."""
        if not self._most:
            return None
        return self._commands.update_rate_limit(message, message.created_at.timestamp())

    def may_answer(self, message: discord.Message) -> bool:
        """Whether the author of a command that may not pass is to be told so."""
        return self._answers.update_rate_limit(message, message.created_at.timestamp()) is None


def _mapping(rate: int, seconds: float) -> commands.CooldownMapping[discord.Message]:
    return commands.CooldownMapping(commands.Cooldown(rate, seconds), commands.BucketType.user)
