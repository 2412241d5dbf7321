"""The daily dream's commands: what an admin can say, what is refused and with which hint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.speaker import answered

if TYPE_CHECKING:
    from tests.support.daily_world import DailyWorld


def last(world: DailyWorld) -> str:
    """What the bot said last in #dreams."""
    message = world.last()
    return message.content or str([embed.to_dict() for embed in message.embeds])


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("{here} 25:00 Europe/Berlin", "01:00"),
        ("{here} 9:75 Europe/Berlin", "09:59"),
        ("{here} 09:00 Mars/Olympus", "Europe/Berlin"),
        ("{here} 09:00 Europe/Berln", "Europe/Berlin"),
        ("{here} 09:00 UTC someday", "sunday"),
        ("{voice} 09:00 UTC", "{here}"),
        ("{other} 09:00 UTC", "{here}"),
        ("#draems 09:00 UTC", "{here}"),
        ("<#123456789012345678> 09:00 UTC", "{here}"),
        ("09:00 Europe/Berlin", "daily on #"),
        ("", "channel"),
    ],
)
async def test_bad_input_is_refused_with_the_nearest_valid_form(
    world: DailyWorld, typed: str, hint: str
) -> None:
    voice = world.guild.create_voice_channel("dream talk")
    elsewhere = world.env.create_guild("Elsewhere").create_text_channel("dreams")
    names = {"here": world.dreams.mention, "voice": voice.mention, "other": elsewhere.mention}
    await world.admin.says("!daily on " + typed.format(**names))
    assert hint.format(**names) in last(world)
    assert "\n" not in last(world)
    assert not (await world.app.settings.effective(world.guild.id)).daily_enabled


@pytest.mark.parametrize(
    "command",
    [
        "on #dreams 09:00 UTC",
        "off",
        "now",
        "preview",
        "source",
        "source add #art",
        "recipe walk",
        "history",
        "",
    ],
)
async def test_only_managers_may(world: DailyWorld, command: str) -> None:
    await world.alice.says(f"!daily {command}")
    assert "Manage Server" in last(world)


async def test_a_server_without_anything_gets_help(world: DailyWorld) -> None:
    for command, hint in (
        ("daily", "daily on #"),
        ("daily history", "daily on #"),
        ("daily now", "daily on #"),
        ("daily off", "daily on #"),
        ("daily source", "daily source add #"),
        ("daily source add folder", "samples"),
        ("daily recipe mixde5", "mixed5"),
        ("daily onn", "did you mean `!daily on`?"),
        ("daily 09:00", "`!help daily`"),
        ("daily source ad #art", "did you mean `!daily source add`?"),
        ("daily on", "`!daily on #channel 09:00 Europe/Berlin [days]`"),
        ("daily thread maybe", "`on` or `off`"),
        ("daily source days 100", "from 1 to 90"),
    ):
        await world.admin.says(f"!{command}")
        assert hint in last(world), command
    world.deny(attach_files=True, send_messages=True)
    await world.admin.at(world.art).says(f"!daily on {world.dreams.mention} 09:00 UTC")
    assert "Send Messages and Attach Files" in world.last(world.art).content


async def test_it_is_turned_on_again_as_it_was(world: DailyWorld) -> None:
    await world.admin.says(f"!daily on {world.dreams.mention} 21:30 America/St_Johns weekends")
    await world.admin.says("!daily off")
    await world.admin.says("!daily")
    assert "`!daily on` turns it on" in last(world)
    await world.admin.says("!daily on")
    assert f"in {world.dreams.mention} at 21:30 America/St_Johns, weekends" in last(world)


async def test_slash_commands_answer_the_admin_alone(world: DailyWorld) -> None:
    turned_on = await world.admin.at(world.art).uses(
        "daily on", channel=world.dreams, times="21:30", zone="America/St_Johns", days="weekends"
    )
    assert turned_on.ephemeral
    assert "21:30 America/St_Johns, weekends" in answered(turned_on).content
    zones = await world.admin.at(world.art).is_offered("daily on", "zone", "johns", channel=world.dreams)
    assert "America/St_Johns" in str(zones)
    status = await world.admin.at(world.art).uses("daily status")
    assert status.ephemeral
    fields = {field.name: field.value for field in answered(status).embeds[0].fields}
    assert str(fields["Next"]).startswith("<t:")
    preview = await world.admin.at(world.art).uses("daily preview")
    assert preview.ephemeral
    assert (await answered(preview).attachments[0].read()).startswith(b"dreamt ")
    assert not world.seen()
    assert not await world.posts()


async def test_changes_are_in_the_settings_log(world: DailyWorld) -> None:
    await world.on("09:00, 9 pm", "Europe/Berlin", "mon-fri")
    for command in (
        "recipe serpents",
        "thread on",
        f"source add {world.art.mention}",
        "source days 5",
        "off",
    ):
        await world.admin.says(f"!daily {command}")
    await world.admin.says("!settings log")
    said = str(world.last().embeds[0].description)
    for line in (
        "**Daily dream**: not set → on",
        f"**Daily channel**: not set → {world.dreams.mention}",
        "**Daily times**: not set → `09:00, 21:00`",
        "**Daily time zone**: not set → `Europe/Berlin`",
        "**Daily days**: not set → `weekdays`",
        "**Daily recipe**: not set → `serpents`",
        "**Daily threads**: not set → on",
        f"**Daily source channels**: not set → {world.art.mention}",
        "**Daily source days**: not set → `5`",
        "**Daily dream**: on → off",
    ):
        assert f"{world.admin.mention} · set {line}" in said
    assert said.count("\n") == 9


async def test_a_recipe_is_offered_while_it_is_typed(world: DailyWorld) -> None:
    offers = await world.admin.is_offered("daily recipe", "recipe", "")
    assert offers[0]["value"] == "walk"
    offers = await world.admin.is_offered("daily recipe", "recipe", "serp")
    assert "serpents" in [offer["value"] for offer in offers]


async def test_members_may_take_their_pictures_back_by_slash_command(world: DailyWorld) -> None:
    answer = await world.alice.uses("daily forget")
    assert answer.ephemeral
    assert "not be used" in answered(answer).content


async def test_a_thread_that_may_not_be_opened_is_said(world: DailyWorld) -> None:
    await world.on()
    world.deny(create_public_threads=True)
    await world.admin.says("!daily thread on")
    assert "Create Public Threads" in last(world)


async def test_preview_by_text_goes_to_the_admin_alone(world: DailyWorld) -> None:
    await world.admin.says("!daily preview")
    assert world.last(world.admin.user.dm_channel).attachments
    assert not world.seen()


async def test_what_is_not_planned_is_dreamt_one_at_a_time(world: DailyWorld) -> None:
    await world.on()
    daily, guild = world.app.daily, world.guild.id
    asked = [daily.post_now(guild, "one"), daily.post_now(guild, "two"), daily.preview(guild, ())]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    refused = [str(one) for one in ended if isinstance(one, BaseException)]
    assert refused == ["One is being dreamt already; please wait until it is there."] * 2
    await daily.preview(guild, ())


async def test_now_posts_one_right_after_a_members_dream(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.dreamt(world.alice)
    await world.admin.at(world.art).says("!daily now")
    await world.env.settle()
    assert world.seen()[-1].content.startswith("### 🌅 A dream in between")


async def test_now_posts_one_in_between(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.admin.at(world.art).says("!daily now")
    await world.env.settle()
    [message] = world.seen()
    assert message.content.startswith("### 🌅 A dream in between")
    assert {str(reaction.emoji) for reaction in message.reactions} == {"💜", "👎"}
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    assert len(world.seen()) == 2
    await world.admin.says("!daily history")
    assert last(world).count("https://discord.com/channels/") == 2


async def test_the_status_tells_what_will_be_used_and_what_is_wrong(world: DailyWorld) -> None:
    await world.admin.says("!daily recipe serpents")
    await world.on("09:00", "UTC", "mon-fri")
    await world.minute("2026-01-01T08:40")
    await world.admin.says("!daily")
    assert "09:00 UTC, weekdays" in last(world)
    assert "block8+block11" in last(world)
    world.deny(attach_files=True)
    shown = await world.admin.at(world.art).uses("daily status")
    assert "Attach Files" in str(answered(shown).embeds[0].to_dict())
    world.deny()
    await world.admin.says("!daily off")
    await world.minute("2026-01-01T09:00")
    assert not world.seen()


async def test_changing_the_recipe_changes_the_dream_that_was_prepared(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.admin.says("!daily recipe fire7 steps=3")
    await world.minute("2026-01-01T08:41")
    await world.minute("2026-01-01T09:00")
    assert "fire7 steps=3" in world.seen()[0].content


async def test_an_empty_history_says_when_the_first_comes_where_it_is_on(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.admin.says("!daily history")
    assert "the first comes <t:" in last(world)
    assert "turns it on" not in last(world)
