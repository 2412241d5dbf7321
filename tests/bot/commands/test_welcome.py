"""What a server reads when the bot joins it."""

from __future__ import annotations

from typing import Any

import discord
import simcord

from bot.client import PERMISSIONS
from bot.moderation import Approval
from tests.support.world import World


async def joined(world: World, guild: simcord.GuildHandle) -> None:
    """Let the bot learn that it has joined a server, which by now has its channels."""
    found = world.app.bot.get_guild(guild.id)
    assert found
    cog: Any = world.app.bot.get_cog("Welcome")
    await cog.on_guild_join(found)


def hidden(guild: simcord.GuildHandle, **for_bot: bool) -> dict[Any, discord.PermissionOverwrite]:
    return {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        guild.me: discord.PermissionOverwrite(**for_bot),
    }


async def test_three_things_to_try_in_the_first_channel_that_everybody_sees(world: World) -> None:
    guild = world.env.create_guild("Newcomers")
    staff = guild.create_text_channel("staff", overwrites=hidden(guild, view_channel=True))
    mute = guild.create_text_channel(
        "rules", overwrites={guild.default_role: discord.PermissionOverwrite(send_messages=False)}
    )
    general = guild.create_text_channel("general")
    await joined(world, guild)
    assert not staff.history() and not mute.history()
    (hello,) = general.history()
    assert [line[:2] for line in hello.content.splitlines()[1:4]] == ["1.", "2.", "3."]
    assert "`!dream`" in hello.content and "`!sky`" in hello.content and "`/settings`" in hello.content
    assert len(hello.content.splitlines()) <= 8


async def test_a_permission_that_is_missing_is_named(world: World) -> None:
    guild = world.env.create_guild("Strict")
    guild.create_text_channel("general")
    found = world.app.bot.get_guild(guild.id)
    assert found
    withheld = discord.Permissions(attach_files=True, add_reactions=True).value
    for role in world.env.backend.get_guild(guild.id).roles.values():
        role.permissions &= ~(withheld | discord.Permissions(administrator=True).value)
        world.env.backend.announce_role_updates(guild.id, [role])
    await world.env.settle()
    await joined(world, guild)
    (hello,) = guild.channels["general"].history()
    absent = PERMISSIONS.value & ~found.me.guild_permissions.value
    assert absent
    for name, on in PERMISSIONS:
        is_named = f"**{name.replace('_', ' ').title()}**" in hello.content
        assert is_named == (on and not getattr(found.me.guild_permissions, name)), name


async def test_where_it_may_write_nowhere_or_may_not_be_it_says_nothing(world: World) -> None:
    silent = world.env.create_guild("Silent")
    silent.create_text_channel(
        "rules", overwrites={silent.default_role: discord.PermissionOverwrite(send_messages=False)}
    )
    await joined(world, silent)
    assert not silent.channels["rules"].history()
    denied = world.env.create_guild("Denied")
    general = denied.create_text_channel("general")
    await world.app.bot.moderation.decide(denied.id, Approval.DENIED, by=1)
    await joined(world, denied)
    assert not general.history()
