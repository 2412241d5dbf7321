"""What is posted in a hidden channel stays there: sources are never less public than where dreams go."""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING

import discord
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType

from bot.daily.sources import SAMPLES
from bot.visibility import is_no_less_public
from tests.support.speaker import answered

if TYPE_CHECKING:
    import simcord

    from tests.support.daily_world import DailyWorld

ROCKET = (SAMPLES / "rocket.jpg").read_bytes()
VIEW = discord.Permissions(view_channel=True).value
SHOWN, HIDDEN = (
    discord.PermissionOverwrite(view_channel=True),
    discord.PermissionOverwrite(view_channel=False),
)


def hide(world: DailyWorld, channel: simcord.ChannelHandle) -> None:
    """Let nobody see a channel but the moderators and the bot."""
    assert world.app.bot.user is not None
    overwrites = (
        Overwrite(world.guild.id, OverwriteType.ROLE, 0, VIEW),
        Overwrite(world.mods.id, OverwriteType.ROLE, VIEW, 0),
        Overwrite(world.app.bot.user.id, OverwriteType.MEMBER, VIEW, 0),
    )
    for overwrite in overwrites:
        world.env.backend.set_overwrite(channel.id, overwrite)


async def test_a_channel_that_its_admin_cannot_see_is_as_good_as_none(world: DailyWorld) -> None:
    secret = world.guild.create_text_channel("secret-hangout")
    hide(world, secret)
    for command in (f"source add {secret.mention}", "source add secret-hangout", f"on {secret.mention}"):
        await world.admin.says(f"!daily {command}")
        answer = world.last().content
        assert answer.startswith("I see no channel "), answer
        assert "is no text channel" not in answer
    assert secret.mention not in await world.admin.says("!daily on secret-h 09:00 UTC")
    settings = await world.app.settings.effective(world.guild.id)
    assert not settings.daily_source_channels and not settings.daily_channel


async def test_sources_are_offered_to_managers_alone_and_only_channels_that_they_see(
    world: DailyWorld,
) -> None:
    secret = world.guild.create_text_channel("secret-hangout")
    hide(world, secret)
    offers = await world.admin.is_offered("daily source add", "what", "")
    values = [offer["value"] for offer in offers]
    assert world.art.mention in values and "samples" in values
    assert secret.mention not in values
    assert await world.alice.is_offered("daily source add", "what", "") == []


async def test_a_source_that_not_everybody_sees_who_sees_the_target_is_refused(world: DailyWorld) -> None:
    await world.on()
    hide(world, world.art)
    world.env.backend.set_overwrite(world.art.id, Overwrite(world.admin.id, OverwriteType.MEMBER, VIEW, 0))
    await world.admin.says(f"!daily source add {world.art.mention}")
    answer = world.last().content
    assert f"not everybody who sees {world.dreams.mention} can see {world.art.mention}" in answer
    assert not (await world.app.settings.effective(world.guild.id)).daily_source_channels
    hide(world, world.dreams)  # where only those go who see the source as well
    world.env.backend.set_overwrite(world.dreams.id, Overwrite(world.admin.id, OverwriteType.MEMBER, VIEW, 0))
    await world.admin.says(f"!daily source add {world.art.mention}")
    assert (await world.app.settings.effective(world.guild.id)).daily_source_channels == (world.art.id,)


async def test_no_picture_is_taken_from_a_source_that_was_hidden_since(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    hide(world, world.art)
    await world.minute("2026-01-01T08:40")
    assert [post.kind for post in await world.posts()] == ["sky"]
    await world.admin.says("!daily source")
    answer = world.last().content
    assert "0 now" in answer and "1 channel that you can't see" in answer
    assert world.art.mention not in answer


async def test_a_dream_of_a_picture_that_was_hidden_before_its_time_is_made_anew(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    [planned] = await world.posts()
    assert planned.kind == "members"
    hide(world, world.art)
    await world.minute("2026-01-01T08:50")
    await world.minute("2026-01-01T09:00")
    assert [(post.kind, post.state) for post in await world.posts()] == [("sky", "posted")]
    assert await world.app.queue.jobs.get(planned.job_id or "") is None


async def test_a_preview_shows_no_picture_of_a_channel_that_the_admin_cannot_see(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    for channel in (world.art, world.dreams):
        hide(world, channel)
    chatter = world.guild.create_text_channel("chatter")
    preview = await world.admin.at(chatter).uses("daily preview")
    assert (await answered(preview).attachments[0].read()).startswith(b"dreamt of a sky")


async def test_the_picture_before_is_shown_to_those_alone_who_see_its_channel(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    [message] = world.seen()
    hide(world, world.art)
    pressed = await world.alice.presses("Before", message)
    assert not answered(pressed).attachments
    assert "not kept any more" in answered(pressed).content
    pressed = await world.mod.presses("Before", message)
    assert await answered(pressed).attachments[0].read() == ROCKET


async def test_roles_and_overwrites_say_who_sees_what(world: DailyWorld) -> None:
    """Random roles and overwrites, compared with members who have every combination of the roles."""
    rng = random.Random(16)
    env, results = world.env, []
    for number in range(60):
        guild = env.create_guild(f"Rooms {number}", owner=env.create_user(f"owner{number}"))
        env.backend.edit_role(guild.id, guild.id, {"permissions": VIEW if rng.random() < 0.5 else 0})
        roles = [
            guild.create_role(name, permissions=discord.Permissions(view_channel=rng.random() < 0.3))
            for name in ("one", "two", "three")
        ]
        members = [
            guild.add_member(
                env.create_user(f"m{number}-{index}"),
                roles=[role for role, has in zip(roles, chosen, strict=True) if has],
            )
            for index, chosen in enumerate(product((False, True), repeat=3))
        ]
        source, target = (
            guild.create_text_channel(
                name,
                overwrites={
                    role: rng.choice((SHOWN, HIDDEN))
                    for role in (guild.default_role, *roles)
                    if rng.random() < 0.5
                },
            )
            for name in ("source", "target")
        )
        named = number % 2 == 1
        for channel in (source, target) if named else ():
            for member in rng.sample(members, 2):
                shown = rng.random() < 0.5
                overwrite = Overwrite(
                    member.id, OverwriteType.MEMBER, VIEW if shown else 0, 0 if shown else VIEW
                )
                env.backend.set_overwrite(channel.id, overwrite)
        await env.settle()
        sees = {
            channel.id: {
                member.id
                for member in members
                if env.backend.compute_permissions(guild.id, member.id, channel.id) & VIEW
            }
            for channel in (source, target)
        }
        bot = world.app.bot
        known, aim = bot.get_channel(source.id), bot.get_channel(target.id)
        assert isinstance(known, discord.TextChannel) and isinstance(aim, discord.TextChannel)
        found = is_no_less_public(known, aim)
        if named:  # of these members the bot does not know the roles, and is careful
            assert not found or sees[target.id] <= sees[source.id], number
        else:
            assert found == (sees[target.id] <= sees[source.id]), number
        results.append(found)
    assert 10 < sum(results) < 50
