"""Who sees which channel, and whether the pictures in one may be shown in another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard

import discord

Channel = discord.abc.GuildChannel


def can_see(member: discord.abc.User, channel: Channel) -> bool:
    """Whether a member sees a channel; somebody who is no member of its server does not."""
    return isinstance(member, discord.Member) and channel.permissions_for(member).view_channel


def may_be_source(channel: object) -> TypeGuard[discord.TextChannel]:
    """Whether pictures may be taken from a channel: not age-restricted, and the bot can read its past."""
    if not isinstance(channel, discord.TextChannel) or channel.is_nsfw():
        return False
    permissions = channel.permissions_for(channel.guild.me)
    return permissions.read_messages and permissions.read_message_history


def is_no_less_public(source: Channel, target: Channel | None) -> bool:
    """Whether everybody who sees `target` sees `source`, too. No target stands for the whole server.

    Members are not known one by one, so that this goes by what roles and overwrites allow. Whether somebody
    sees the target hangs on one of their roles at most, and whether they do not see the source on another: so
    it is enough to look at every pair of roles.
    """
    guild = source.guild
    named = [*source.overwrites, *(target.overwrites if target else ())]
    roles = [role for role in guild.roles if role in named or role.permissions.view_channel]
    roles = [role for role in roles if not role.is_bot_managed() and not role.permissions.administrator]
    for first in roles:
        for second in roles:
            pair = {guild.default_role, first, second}
            if (target is None or _shows(target, pair)) and not _shows(source, pair):
                return False
    # Somebody may see the target by name.
    members = {one for one in named if not isinstance(one, discord.Role) and one.id != guild.me.id}
    return all(_sees_both_or_not(member, source, target, roles) for member in members)


def _sees_both_or_not(
    member: discord.Member | discord.Object,
    source: Channel,
    target: Channel | None,
    roles: list[discord.Role],
) -> bool:
    if isinstance(member, discord.Member):
        return can_see(member, source) or not (target is None or can_see(member, target))
    in_source = source.overwrites.get(member, discord.PermissionOverwrite()).view_channel
    in_target = target.overwrites.get(member, discord.PermissionOverwrite()).view_channel if target else None
    if in_source is None and in_target:  # of their roles nothing is known
        return all(_shows(source, {source.guild.default_role, role}) for role in roles)
    return in_source is not False or in_target is False


def _shows(channel: Channel, roles: Iterable[discord.Role]) -> bool:
    """Whether somebody with these roles, that of everybody included, sees a channel."""
    everyone = channel.guild.default_role
    allowed = any(role.permissions.view_channel for role in roles)
    overwrites = {role: channel.overwrites_for(role).view_channel for role in roles}
    if (of_everyone := overwrites.pop(everyone, None)) is not None:
        allowed = of_everyone
    if any(value is False for value in overwrites.values()):
        allowed = False
    return allowed or any(overwrites.values())
