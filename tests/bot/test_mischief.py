"""Members who try what they should not, in a simulated Discord: nothing pings, leaks, hogs or breaks."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
import simcord
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType

from bench.support.pretended_dreams import WAITS
from bot.store.jobs import State
from bot.ui.buttons import BUTTONS, Again, Cancel, Choose, Deeper, Delete, Flag
from tests.support.world import World, more


def told(used: simcord.InteractionResult) -> str:
    return " ".join(message.content for message in (used.response, *used.followups) if message)


async def test_what_is_typed_comes_back_as_code(world: World) -> None:
    for typed in ("**@everyone**", "[prize](evil.example)", "||`x`||", "\u202elive", "<@&1>"):
        answer = await world.alice.says(f"!sky {typed}")
        code = answer.split("`")[1]
        assert code.replace("ˋ", "`") == typed.strip("\u202e"), answer
    (last,) = world.dreams.history()[-1:]
    assert last.flags.suppress_embeds and not last.mention_everyone and not last.role_mentions


@pytest.mark.parametrize(
    "text", ["!help {}", "!sky {}", "!layers {}", "!cancel {}", "!daily on #dreams 09:00 {}"]
)
async def test_a_wall_of_text_is_answered_too(world: World, text: str) -> None:
    wall = text.format("x" * 3000)[:2000]
    assert await world.admin.says(wall)


async def test_a_button_of_another_servers_dream_does_nothing(world: World) -> None:
    job = await world.dreamt(world.alice)
    elsewhere = World(world.app, world.env)
    channel = world.app.bot.get_channel(elsewhere.dreams.id)
    assert isinstance(channel, discord.TextChannel)
    view = discord.ui.View(timeout=None)
    for button in (Again, Deeper, Cancel, Delete, Flag):
        view.add_item(button(job.id))
    await channel.send("forged", view=view)
    (forged,) = elsewhere.dreams.history()
    for name in ("again", "deeper", "cancel", "report", "delete"):
        assert "don't have that dream" in told(await elsewhere.bob.presses(f"{name}:{job.id}", forged))
    assert await world.app.queue.jobs.picture(
        job.id, "source"
    ) is None and await world.app.queue.jobs.picture(job.id, "result")


async def test_a_button_of_another_channels_dream_shows_nothing_of_it(world: World) -> None:
    hidden = discord.PermissionOverwrite(view_channel=False)
    shown = discord.PermissionOverwrite(view_channel=True)
    overwrites: dict[Any, discord.PermissionOverwrite] = {
        world.guild.default_role: hidden,
        world.admins: shown,
        world.guild.me: shown,
    }
    secret = world.guild.create_text_channel("secret", overwrites=overwrites)
    job = await world.dreamt(world.admin.at(secret), "!sky")
    channel = world.bot_channel
    for kind in BUTTONS:
        button: Any = kind(job.id, 1) if kind is Choose else kind(job.id)  # type: ignore[call-arg]
        view = discord.ui.View(timeout=None)
        view.add_item(button)
        forged = await channel.send("forged", view=view)
        answer = told(await world.bob.presses(button.item.custom_id, forged))
        assert "don't have that dream" in answer or "Only whoever asked" in answer, kind
    assert await world.app.queue.jobs.picture(job.id, "result")
    assert not await world.jobs(world.bob)


async def test_a_reported_dream_is_removed_by_whoever_moderates_where_it_is(world: World) -> None:
    """Manage Messages in the channel of reports alone is not enough; Manage Server is."""
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    manage = discord.Permissions(manage_messages=True).value
    world.env.backend.set_overwrite(world.art.id, Overwrite(world.bob.id, OverwriteType.MEMBER, manage, 0))
    job = await world.dreamt(world.alice)
    view = discord.ui.View(timeout=None)
    view.add_item(Flag(job.id))
    channel = world.bot_channel
    await world.alice.presses("report", await channel.send("more", view=view))
    (reported,) = world.art.history()
    answer = told(await world.bob.presses("delete", reported))
    assert "or a moderator" in answer and await world.app.queue.jobs.get(job.id)
    await world.admin.presses("delete", reported)
    assert await world.app.queue.jobs.get(job.id) is None


async def test_who_may_not_write_in_a_channel_makes_the_bot_write_nothing(world: World) -> None:
    may, may_not = (discord.PermissionOverwrite(send_messages=allowed) for allowed in (True, False))
    overwrites: dict[Any, discord.PermissionOverwrite] = {
        world.guild.default_role: may_not,
        world.guild.me: may,
        world.admins: may,
    }
    news = world.guild.create_text_channel("news", overwrites=overwrites)
    await world.dreamt(world.admin.at(news), "!sky")
    (post,) = [message for message in news.history() if message.author.bot]
    assert "not write in this channel" in told(await world.alice.presses("again", post))
    assert "not write in this channel" in told(await world.alice.presses("deeper", post))
    assert news.history()[-1].id == post.id
    await world.admin.presses("again", post)
    assert news.history()[-1].id != post.id


async def test_a_report_is_made_once_however_often_it_is_pressed(world: World) -> None:
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    await world.dreamt(world.alice)
    post = world.dreams.history()[-1]
    answers = []
    for who in (world.bob, world.alice):
        panel = await more(who, post)
        answers.append(told(await who.presses("report", panel)))
    assert "have been told." in answers[0] and "told already" in answers[1]
    assert len(world.art.history()) == 1


async def test_a_dream_that_would_hold_everybody_up_is_refused(world: World) -> None:
    answer = await world.alice.says("!sky mixed10 zoom=1.02 seconds=60 size=1024 steps=50")
    assert "fewer seconds" in answer
    assert not await world.jobs(world.alice)


async def test_to_be_forgotten_stops_a_dream_on_its_way_to_the_channel(world: World) -> None:
    world.env.inject_error("PATCH", "/channels/*/messages/*", status=503, times=None)  # Discord is in trouble
    await world.alice.says("!sky")
    async with asyncio.timeout(20):
        while (await world.jobs(world.alice))[0].state is not State.DONE:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    (status,) = [message for message in world.dreams.history() if message.author.bot]
    await world.alice.says("!forget-me")
    await world.alice.presses("Delete everything of me", world.dreams.last_message)
    assert "Done" in world.dreams.last_message.content
    world.env.backend.faults.clear()
    async with asyncio.timeout(40):
        while "cancelled" not in world.dreams.history()[1].content:
            assert not world.dreams.history()[1].attachments
            await asyncio.sleep(0.05)
    assert status.id == world.dreams.history()[1].id


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 30_000,
        f"[channels.{'9' * 5000}]\nsize = 512",
        "[server]\nsize = " + "9" * 6000,
        "[server]\nprefix = 1979-05-27",
        "[server.size]\nx = 1",
        "[presets]\nok = {a = 1}",
        "[presets]\n'@everyone' = 'block8'",
        "\0",
    ],
)
async def test_a_settings_file_that_is_none_changes_nothing(world: World, text: str) -> None:
    answer = await world.admin.says("!settings import", ("settings.toml", text.encode()))
    assert answer and "noted as" not in answer and "✅" not in answer


async def test_a_channel_that_a_member_does_not_see_is_not_named_to_them(world: World) -> None:
    hidden = discord.PermissionOverwrite(view_channel=False)
    secret = world.guild.create_text_channel("secret", overwrites={world.guild.default_role: hidden})
    assert "no such channel" in await world.alice.says(f"!settings explain {secret.mention}")
    assert "no such channel" in await world.alice.says(f"!settings explain <#{'9' * 30}>")
    assert "max_size" in await world.alice.says(f"!settings explain {world.art.mention}")


async def test_many_presets_and_long_recipes_break_no_answer(world: World) -> None:
    longest = "+".join(f"mixed10:{','.join(map(str, range(1000 + n, 1032 + n)))}" for n in range(8))
    for number in range(50):
        recipe = longest if number < 3 else "block8"
        await world.app.settings.save_preset(
            world.guild.id, f"a_name_as_long_as_can_be_{number}", recipe, by=1
        )
    for text in ("!help", "!layers", "!preset", "!preset list"):
        await world.alice.says(text)
        assert world.dreams.history()[-1].embeds, text
    for who in (world.alice, world.bob):
        await who.says(f"!sky {longest} steps={WAITS}")
    line = await world.alice.says("!queue")
    assert "mixed10:1000" in line and world.bob.mention in line
    for job in (*await world.jobs(world.alice), *await world.jobs(world.bob)):
        await world.app.queue.cancel(job.id)


async def test_no_offer_is_longer_than_discord_takes(world: World) -> None:
    for typed in ("block8", "block8+" * 13, "block8+" * 30, "x" * 300):
        for choice in await world.alice.is_offered("dream", "recipe", typed):
            assert len(choice["name"]) <= 100 and len(choice["value"]) <= 100
