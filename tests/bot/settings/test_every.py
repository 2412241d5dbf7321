"""Every setting, by panel and by text, by an admin and by a member, with its effect on the next dream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bench.support.pretended_dreams import WAITS
from bot.checks import NOT_A_MANAGER
from bot.hall.best import best_schedule
from bot.settings.values import SETTINGS, Kind, kind, title
from bot.store.jobs import Job
from bot.ui.settings.panel import panel
from tests.support.settings_panel import chosen, control, notice, opened_panel, put
from tests.support.speaker import Speaker
from tests.support.waiting import until
from tests.support.world import World, more

Effect = Callable[[World], Awaitable[None]]


def dreams_of(part: str) -> Effect:
    """The next dream has this in its recipe."""

    async def effect(world: World) -> None:
        assert part in (await world.dreamt(world.alice)).recipe

    return effect


def is_marked(**marks: bool) -> Effect:
    """The next dream's job has these marks."""

    async def effect(world: World) -> None:
        job = await world.dreamt(world.alice)
        assert {name: getattr(job, name) for name in marks} == marks

    return effect


def refuses(asked: str, answer: str) -> Effect:
    """The next dream is refused with this."""

    async def effect(world: World) -> None:
        assert answer in await world.alice.says(asked)
        assert await world.jobs(world.alice) == []

    return effect


async def only_the_first_waits(world: World, second: Speaker, answer: str) -> None:
    await world.alice.says(f"!sky steps={WAITS}")
    assert answer in await second.says(f"!sky steps={WAITS}")
    for job in await world.jobs(world.alice):
        await world.app.queue.cancel(job.id)


async def members_wait(world: World) -> None:
    await only_the_first_waits(world, world.alice, "You already have")


async def servers_wait(world: World) -> None:
    await only_the_first_waits(world, world.bob, "This server already has")


async def other_prefix(world: World) -> None:
    assert await world.alice.says("!sky") == ""
    await world.dreamt(world.alice, "?sky")


async def in_german(world: World) -> None:
    assert "keinen Traum" in await world.alice.says("!cancel")


async def only_in_art(world: World) -> None:
    assert "Dreams have their place" in await world.alice.says("!sky")
    await world.dreamt(world.alice.at(world.art))


async def not_in_dreams(world: World) -> None:
    assert "aren't asked for in this channel" in await world.alice.says("!sky")
    await world.dreamt(world.alice.at(world.art))


async def only_bob(world: World) -> None:
    assert "only some members" in await world.alice.says("!sky")
    await world.dreamt(world.bob)


async def not_bob(world: World) -> None:
    assert "One of your roles" in await world.bob.says("!sky")
    await world.dreamt(world.alice)


async def bob_decides(world: World) -> None:
    assert "✅" in await world.bob.says("!settings set size 320")
    assert "size=320" in (await world.dreamt(world.alice)).recipe


def daily_says(*parts: str) -> Effect:
    """The daily dream's status says this."""

    async def effect(world: World) -> None:
        await world.admin.says("!daily")
        embed = world.dreams.last_message.embeds[0]
        said = "\n".join([embed.description or "", *(field.value or "" for field in embed.fields)])
        assert all(part in said for part in parts), said

    return effect


async def reports_arrive(world: World) -> None:
    job: Job = await world.dreamt(world.alice)
    post = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    await world.bob.presses("report", await more(world.bob, post))
    assert post.jump_url in world.art.last_message.content


async def own_pictures_only(world: World) -> None:
    assert (await world.app.settings.effective(world.guild.id)).others_pictures == "own"


async def threads_are_on(world: World) -> None:
    assert (await world.app.settings.effective(world.guild.id)).daily_thread


async def days_are_30(world: World) -> None:
    assert (await world.app.settings.effective(world.guild.id)).daily_source_days == 30


async def stars_arrive(world: World) -> None:
    job = await world.dreamt(world.alice)
    post = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    for who in (world.bob, world.mod, world.admin)[: await stars_needed(world)]:
        await who.react(post, "⭐")
    await world.app.hall_posts.sweep()
    await until(lambda: world.art.last_message is not None and "⭐" in world.art.last_message.content)


async def stars_needed(world: World) -> int:
    return (await world.app.settings.effective(world.guild.id)).hall_stars


def best_is(schedule: str) -> Effect:
    """The post of the week's best is due then."""

    async def effect(world: World) -> None:
        assert str(best_schedule(await world.app.settings.effective(world.guild.id))) == schedule

    return effect


async def best_is_planned(world: World) -> None:
    assert world.guild.id in await world.app.hall.best.servers("best_channel")


CASES: dict[str, tuple[Callable[[World], Any], Effect]] = {
    "recipe": (lambda world: "block8 steps=5", dreams_of("block8 steps=5")),
    "networks": (lambda world: ["efficientnet_lite0"], refuses("!sky fire7", "may not dream here")),
    "layers": (lambda world: "block9, block11", refuses("!sky block8", "block9, block11")),
    "size": (lambda world: 320, dreams_of("size=320")),
    "max_size": (lambda world: 600, refuses("!sky size=700", "from 16 to 600")),
    "max_steps": (lambda world: 9, refuses("!sky steps=10", "from 1 to 9")),
    "previews": (lambda world: False, is_marked(previews=False)),
    "spoiler": (lambda world: True, is_marked(spoiler=True)),
    "member_seconds": (lambda world: 1, members_wait),
    "server_seconds": (lambda world: 1, servers_wait),
    "prefix": (lambda world: "?", other_prefix),
    "language": (lambda world: ["de"], in_german),
    "channels": (lambda world: [world.art], only_in_art),
    "forbidden_channels": (lambda world: [world.dreams], not_in_dreams),
    "roles": (lambda world: [world.fans], only_bob),
    "blocked_roles": (lambda world: [world.fans], not_bob),
    "members": (lambda world: [world.bob], only_bob),
    "admin_role": (lambda world: [world.fans], bob_decides),
    "report_channel": (lambda world: [world.art], reports_arrive),
    "others_pictures": (lambda world: ["own"], own_pictures_only),
    "hall_channel": (lambda world: [world.art], stars_arrive),
    "hall_stars": (lambda world: 2, stars_arrive),
    "best_channel": (lambda world: [world.art], best_is_planned),
    "best_times": (lambda world: "12:30", best_is("12:30 UTC, sun")),
    "best_days": (lambda world: ["fri"], best_is("18:00 UTC, fri")),
    "daily_enabled": (lambda world: True, daily_says("It is **on**: 09:00 UTC, daily")),
    "daily_channel": (lambda world: [world.dreams], daily_says("in <#")),
    "daily_times": (lambda world: "07:00 21:30", daily_says("07:00, 21:30 UTC")),
    "daily_zone": (lambda world: "Europe/Berlin", daily_says("09:00 Europe/Berlin")),
    "daily_days": (lambda world: ["mon", "tue"], daily_says("09:00 UTC, mon,tue")),
    "daily_recipe": (lambda world: "block8 steps=5", daily_says("block8 steps=5")),
    "daily_thread": (lambda world: True, threads_are_on),
    "daily_sources": (lambda world: ["sky"], daily_says("skies")),
    "daily_source_channels": (lambda world: [world.art], daily_says("members' pictures")),
    "daily_source_days": (lambda world: 30, days_are_30),
}
assert CASES.keys() == SETTINGS.keys(), "a setting is missing from this test"


def typed(value: Any) -> str:
    """A value as somebody types it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    values = value if isinstance(value, list) else [value]
    return " ".join(getattr(one, "mention", str(one)) for one in values)


async def turn_on_the_daily_dream(world: World, name: str) -> None:
    """Let the daily dream say when and where, for the tests of its settings; and the hall of fame where."""
    if name == "hall_stars":
        await world.app.settings.choose(world.guild.id, "hall_channel", world.art.id, by=1)
    if not name.startswith("daily"):
        return
    channel = world.art if name == "daily_channel" else world.dreams
    await world.app.settings.choose(world.guild.id, "daily_channel", channel.id, by=1)
    if name != "daily_enabled":
        await world.app.settings.choose(world.guild.id, "daily_enabled", True, by=1)


@pytest.mark.parametrize("name", CASES)
async def test_by_panel(world: World, name: str) -> None:
    wanted, effect = CASES[name]
    await turn_on_the_daily_dream(world, name)
    shown = await opened_panel(world)
    await chosen(world, shown, name)
    await put(world, shown, name, wanted(world))
    assert f"✅ **{title(name)}**" in notice(shown)
    await effect(world)


@pytest.mark.parametrize("name", CASES)
async def test_by_text(world: World, name: str) -> None:
    wanted, effect = CASES[name]
    await turn_on_the_daily_dream(world, name)
    named = "Sprache" if name == "language" else title(name)  # from then on it speaks German
    assert f"✅ **{named}**" in await world.admin.says(f"!settings set {name} {typed(wanted(world))}")
    await effect(world)


@pytest.mark.parametrize("name", CASES)
async def test_a_member_is_refused_by_text_and_at_the_panels_controls(world: World, name: str) -> None:
    value = CASES[name][0](world)
    assert str(NOT_A_MANAGER) in await world.alice.says(f"!settings set {name} {typed(value)}")
    # No panel is shown to a member, but controls can be pressed by whoever sees their message.
    channel = world.bot_channel
    shown = await channel.send(**await panel(world.app.bot, channel.guild, subject=name))
    match kind(name):
        case Kind.SWITCH:
            press = await world.alice.presses(control("on" if value else "off", name), shown)
        case Kind.NUMBER | Kind.RECIPE | Kind.PREFIX | Kind.LAYERS | Kind.TIMES | Kind.ZONE:
            press = await world.alice.presses(control("edit", name), shown)
        case _:
            press = await world.alice.chooses(value, shown, control("set", name))
    assert press.response is not None and press.response.content == str(NOT_A_MANAGER)
    assert (await world.app.settings.server(world.guild.id)).choices == {}
    assert (await world.dreamt(world.alice)).recipe.startswith("block9+block11 ")
