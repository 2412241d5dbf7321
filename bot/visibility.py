"""Who can see which channel, and whether pictures of one channel may be shown in another."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations_with_replacement
from typing import TypeGuard

import discord

Channel = discord.abc.GuildChannel


def can_see(member: discord.abc.User, channel: Channel) -> bool:
    """Whether a user can see a channel; False for users who are not members of its server."""
    return isinstance(member, discord.Member) and channel.permissions_for(member).view_channel


def visible_channels(asker: discord.abc.User) -> list[discord.abc.GuildChannel]:
    """The channels that a member can see, text channels first; none for users outside a server."""
    if not isinstance(asker, discord.Member):
        return []
    guild = asker.guild
    channels = dict.fromkeys([*guild.text_channels, *guild.channels])
    return [channel for channel in channels if can_see(asker, channel)]


def may_be_source(channel: object) -> TypeGuard[discord.TextChannel]:
    """Whether it is a text channel that is not age-restricted and whose history the bot can read."""
    if not isinstance(channel, discord.TextChannel) or channel.is_nsfw():
        return False
    permissions = channel.permissions_for(channel.guild.me)
    return permissions.read_messages and permissions.read_message_history


def listed_channel(channel: object) -> Channel | None:
    """The channel that decides who sees this one: a thread's own; nothing tells that of a private thread."""
    if isinstance(channel, discord.Thread):
        return None if channel.is_private() else channel.parent
    return channel if isinstance(channel, Channel) else None


def is_age_restricted(channel: object) -> bool:
    """Whether a channel, or that of a thread, is for adults only."""
    return isinstance(channel, discord.abc.GuildChannel | discord.Thread) and bool(
        getattr(channel, "is_nsfw", bool)()
    )


def may_be_shown(source: object, target: Channel) -> bool:
    """Whether what was posted in a channel or thread may be shown in another: to nobody who may not see it
    there, and to adults only if it was for them."""
    listed = listed_channel(source)
    if listed is None or (is_age_restricted(source) and not is_age_restricted(target)):
        return False
    return is_no_less_public(listed, target)


def is_no_less_public(source: Channel, target: Channel | None) -> bool:
    """Whether everybody who sees `target` sees `source`, too. No target stands for the whole server.

    The member list is not cached, so this checks what roles and overwrites allow. One role at most is needed
    for a member to see the target, and one at most for them not to see the source, so checking every pair of
    roles is sufficient.
    """
    guild = source.guild
    named = {*source.overwrites, *(target.overwrites if target else ())}
    seeing = [role for role in guild.roles if role.permissions.view_channel and role not in named]
    unnamed = [role for role in seeing if _is_a_members(role)][:1]  # all of them are alike
    roles = [one for one in named if isinstance(one, discord.Role) and _is_a_members(one)] + unnamed
    for pair in combinations_with_replacement([guild.default_role, *roles], 2):
        held = {guild.default_role, *pair}
        if (target is None or _shows(target, held)) and not _shows(source, held):
            return False
    members = {one for one in named if not isinstance(one, discord.Role) and one.id != guild.me.id}
    return all(_sees_source_if_target(member, source, target, roles) for member in members)


def _is_a_members(role: discord.Role) -> bool:
    """Whether members can have a role that overwrites apply to: no bot's own, no administrators'."""
    is_a_bots = role.is_bot_managed() or (role.managed and role in role.guild.me.roles)
    return not is_a_bots and not role.permissions.administrator


def _sees_source_if_target(
    member: discord.Member | discord.Object,
    source: Channel,
    target: Channel | None,
    roles: list[discord.Role],
) -> bool:
    """The same for a member whom an overwrite names; of one who is not cached the roles are not known."""
    if isinstance(member, discord.Member):
        return can_see(member, source) or not (target is None or can_see(member, target))
    neutral = discord.PermissionOverwrite()
    in_source = source.overwrites.get(member, neutral).view_channel
    in_target = target.overwrites.get(member, neutral).view_channel if target else None
    if in_source or in_target is False:
        return True
    if in_source is None and in_target:
        everyone = source.guild.default_role
        return all(_shows(source, {everyone, role}) for role in (everyone, *roles))
    return in_source is None


def _shows(channel: Channel, roles: Iterable[discord.Role]) -> bool:
    """Whether a member with these roles, which include @everyone, can see a channel."""
    everyone = channel.guild.default_role
    allowed = any(role.permissions.view_channel for role in roles)
    overwrites = {role: channel.overwrites_for(role).view_channel for role in roles}
    if (of_everyone := overwrites.pop(everyone, None)) is not None:
        allowed = of_everyone
    if any(value is False for value in overwrites.values()):
        allowed = False
    return allowed or any(overwrites.values())
