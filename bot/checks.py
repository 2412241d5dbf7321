"""Who may do what on a server, asked anew at every command and every press."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import discord
from discord.ext import commands

from bot.client import DreamBot
from bot.errors import Refused

T = TypeVar("T")

NOT_A_MANAGER = "Only members with Manage Server, or the role that the admins chose for it, can do that."
NOT_A_MODERATOR = "Only moderators (Manage Messages) can do that."
NOT_AN_OPERATOR = "Only the operator of this bot can do that."


class NotAllowed(Refused, commands.CheckFailure):
    """A refusal of a command's check, in the form that discord.py lets a check raise."""


async def is_manager(bot: DreamBot, member: discord.abc.User, permissions: discord.Permissions) -> bool:
    """Whether a member may change a server's settings."""
    if permissions.manage_guild:
        return True
    if not isinstance(member, discord.Member):
        return False
    role = (await bot.settings.effective(member.guild.id)).admin_role
    return any(own.id == role for own in member.roles)


async def is_moderator(bot: DreamBot, member: discord.abc.User, permissions: discord.Permissions) -> bool:
    """Whether a member may remove others' dreams and block members."""
    return permissions.manage_messages or await is_manager(bot, member, permissions)


async def is_operator(bot: DreamBot, user: discord.abc.User) -> bool:
    """Whether a user runs this bot."""
    return user.id in bot.config.discord.operators or await bot.is_owner(user)


def manager_only() -> Callable[[T], T]:
    """Let only managers of the server use a command. Raises NotAllowed."""

    async def check(context: commands.Context[DreamBot]) -> bool:
        if context.guild is None:
            raise commands.NoPrivateMessage
        if not await is_manager(context.bot, context.author, context.permissions):
            raise NotAllowed(NOT_A_MANAGER)
        return True

    return commands.check(check)


def moderator_only() -> Callable[[T], T]:
    """Let only moderators of the server use a command. Raises NotAllowed."""

    async def check(context: commands.Context[DreamBot]) -> bool:
        if context.guild is None:
            raise commands.NoPrivateMessage
        if not await is_moderator(context.bot, context.author, context.permissions):
            raise NotAllowed(NOT_A_MODERATOR)
        return True

    return commands.check(check)


def operator_only() -> Callable[[T], T]:
    """Let only operators use a command. Raises NotAllowed."""

    async def check(context: commands.Context[DreamBot]) -> bool:
        if not await is_operator(context.bot, context.author):
            raise NotAllowed(NOT_AN_OPERATOR)
        return True

    return commands.check(check)
