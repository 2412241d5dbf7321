"""Permission checks of commands and components; nothing is cached between uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord
from discord.ext import commands

from bot.client import DreamBot
from bot.errors import Refused
from dream.texts import Text

T = TypeVar("T")

NOT_A_MANAGER = Text(
    "Only members with Manage Server, or the role that the admins chose for it, can do that."
)
NOT_A_MODERATOR = Text("Only moderators (Manage Messages) can do that.")
NOT_A_SERVER_MODERATOR = Text("Only moderators of the whole server (Manage Messages by a role) can do that.")
NOT_AN_OPERATOR = Text("Only the operator of this bot can do that.")


class NotAllowed(Refused, commands.CheckFailure):
    """A failed check of a command; discord.py lets checks raise only CheckFailure."""

    def __init__(self, refusal: Text) -> None:
        Exception.__init__(self, refusal)


def has_manage_server(member: discord.abc.User) -> bool:
    """Whether a member has the permission Manage Server, by their roles or as the owner."""
    return isinstance(member, discord.Member) and member.guild_permissions.manage_guild


async def is_manager(bot: DreamBot, member: discord.abc.User) -> bool:
    """Whether a member may change a server's settings."""
    if has_manage_server(member):
        return True
    if not isinstance(member, discord.Member):
        return False
    role = (await bot.settings.effective(member.guild.id)).admin_role
    return any(own.id == role for own in member.roles if not own.is_default())


async def may_moderate(interaction: discord.Interaction[DreamBot], channel_id: int | None) -> bool:
    """Whether whoever presses may remove others' dreams in a channel of this server.

    It need not be the channel of the pressed message: a report of a dream is elsewhere.
    """
    permissions = interaction.permissions
    if interaction.guild and channel_id not in (None, interaction.channel_id):
        assert isinstance(interaction.user, discord.Member)
        channel = interaction.guild.get_channel_or_thread(channel_id or 0)
        permissions = (
            channel.permissions_for(interaction.user) if channel else interaction.user.guild_permissions
        )
    return permissions.manage_messages or await is_manager(interaction.client, interaction.user)


async def is_server_moderator(bot: DreamBot, member: discord.abc.User) -> bool:
    """Whether a member may decide about other members for the whole server, such as to block them."""
    moderates = isinstance(member, discord.Member) and member.guild_permissions.manage_messages
    return moderates or await is_manager(bot, member)


async def is_operator(bot: DreamBot, user: discord.abc.User) -> bool:
    """Whether a user runs this bot."""
    return user.id in bot.config.discord.operators or await bot.is_owner(user)


def manager_only() -> Callable[[T], T]:
    """Let only managers of the server use a command. Raises NotAllowed, or NoPrivateMessage."""
    return _only(is_manager, NOT_A_MANAGER)


def server_moderator_only() -> Callable[[T], T]:
    """Let only moderators of the whole server use a command. Raises NotAllowed, or NoPrivateMessage."""
    return _only(is_server_moderator, NOT_A_SERVER_MODERATOR)


def operator_only() -> Callable[[T], T]:
    """Let only operators use a command, also in direct messages. Raises NotAllowed."""
    return _only(is_operator, NOT_AN_OPERATOR, in_messages=True)


def _only(
    may: Callable[[DreamBot, discord.abc.User], Awaitable[bool]], refusal: Text, *, in_messages: bool = False
) -> Callable[[T], T]:
    async def check(context: commands.Context[DreamBot]) -> bool:
        if context.guild is None and not in_messages:
            raise commands.NoPrivateMessage
        if not await may(context.bot, context.author):
            raise NotAllowed(refusal)
        return True

    return commands.check(check)
