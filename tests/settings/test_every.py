"""Every setting, by panel and by text, by an admin and by a member, with its effect on the next dream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord
import pytest
import simcord

from bot.checks import NOT_A_MANAGER
from bot.settings.values import SETTINGS, Kind, kind, title
from bot.store.jobs import Job
from bot.ui.settings.panel import panel
from tests.settings.conftest import World
from tests.settings.test_panel import chosen, control, notice, opened_panel, put

pytestmark = pytest.mark.asyncio(loop_scope="module")

Effect = Callable[[World], Awaitable[None]]


def dreams_of(part: str) -> Effect:
    """The next dream has this in its recipe."""

    async def effect(world: World) -> None:
        assert part in (await world.dream(world.alice)).recipe

    return effect


def is_marked(**marks: bool) -> Effect:
    """The next dream's job has these marks."""

    async def effect(world: World) -> None:
        job = await world.dream(world.alice)
        assert {name: getattr(job, name) for name in marks} == marks

    return effect


def refuses(asked: str, answer: str) -> Effect:
    """The next dream is refused with this."""

    async def effect(world: World) -> None:
        assert answer in await world.say(world.alice, asked)
        assert await world.jobs(world.alice) == []

    return effect


async def only_the_first_waits(world: World, second: simcord.MemberActor, answer: str) -> None:
    await world.say(world.alice, "!sky steps=50")
    assert answer in await world.say(second, "!sky steps=50")
    for job in await world.jobs(world.alice):
        await world.app.queue.cancel(job.id)


async def members_wait(world: World) -> None:
    await only_the_first_waits(world, world.alice, "You already have")


async def servers_wait(world: World) -> None:
    await only_the_first_waits(world, world.bob, "This server already has")


async def other_prefix(world: World) -> None:
    assert await world.say(world.alice, "!sky") == ""
    await world.dream(world.alice, "?sky")


async def only_in_art(world: World) -> None:
    assert "Dreams have their place" in await world.say(world.alice, "!sky")
    await world.dream(world.alice, channel=world.art)


async def not_in_dreams(world: World) -> None:
    assert "aren't asked for in this channel" in await world.say(world.alice, "!sky")
    await world.dream(world.alice, channel=world.art)


async def only_bob(world: World) -> None:
    assert "only some members" in await world.say(world.alice, "!sky")
    await world.dream(world.bob)


async def not_bob(world: World) -> None:
    assert "One of your roles" in await world.say(world.bob, "!sky")
    await world.dream(world.alice)


async def bob_decides(world: World) -> None:
    assert "✅" in await world.say(world.bob, "!settings set size 320")
    assert "size=320" in (await world.dream(world.alice)).recipe


async def reports_arrive(world: World) -> None:
    job: Job = await world.dream(world.alice)
    post = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    await world.bob.click(post, custom_id=f"report:{job.id}")
    assert post.jump_url in world.art.last_message.content


CASES: dict[str, tuple[Callable[[World], Any], Effect]] = {
    "recipe": (lambda world: "block8 steps=5", dreams_of("block8 steps=5")),
    "networks": (lambda world: ["efficientnet_lite0"], refuses("!sky fire7", "may not dream here")),
    "layers": (lambda world: "block8, block11", refuses("!sky block9", "block8, block11")),
    "size": (lambda world: 320, dreams_of("size=320")),
    "max_size": (lambda world: 600, refuses("!sky size=700", "size=600")),
    "max_steps": (lambda world: 9, refuses("!sky steps=10", "steps=9")),
    "previews": (lambda world: False, is_marked(previews=False)),
    "spoiler": (lambda world: True, is_marked(spoiler=True)),
    "member_seconds": (lambda world: 1, members_wait),
    "server_seconds": (lambda world: 1, servers_wait),
    "prefix": (lambda world: "?", other_prefix),
    "channels": (lambda world: [world.art], only_in_art),
    "forbidden_channels": (lambda world: [world.dreams], not_in_dreams),
    "roles": (lambda world: [world.fans], only_bob),
    "blocked_roles": (lambda world: [world.fans], not_bob),
    "members": (lambda world: [world.bob], only_bob),
    "admin_role": (lambda world: [world.fans], bob_decides),
    "report_channel": (lambda world: [world.art], reports_arrive),
}
assert CASES.keys() == SETTINGS.keys(), "a setting is missing from this test"


def typed(value: Any) -> str:
    """A value as somebody types it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    values = value if isinstance(value, list) else [value]
    return " ".join(getattr(one, "mention", str(one)) for one in values)


@pytest.mark.parametrize("name", CASES)
async def test_by_panel(world: World, name: str) -> None:
    wanted, effect = CASES[name]
    shown = await opened_panel(world)
    await chosen(world, shown, name)
    await put(world, shown, name, wanted(world))
    assert f"✅ **{title(name)}**" in notice(shown)
    await effect(world)


@pytest.mark.parametrize("name", CASES)
async def test_by_text(world: World, name: str) -> None:
    wanted, effect = CASES[name]
    assert f"✅ **{title(name)}**" in await world.say(
        world.admin, f"!settings set {name} {typed(wanted(world))}"
    )
    await effect(world)


@pytest.mark.parametrize("name", CASES)
async def test_a_member_is_refused_by_text_and_at_the_panels_controls(world: World, name: str) -> None:
    value = CASES[name][0](world)
    assert NOT_A_MANAGER in await world.say(world.alice, f"!settings set {name} {typed(value)}")
    # No panel is shown to a member, but controls can be pressed by whoever sees their message.
    channel = world.app.bot.get_channel(world.dreams.id)
    assert isinstance(channel, discord.TextChannel)
    shown = await channel.send(**await panel(world.app.bot, channel.guild, subject=name))
    match kind(name):
        case Kind.SWITCH:
            press = await world.alice.click(shown, custom_id=control("on" if value else "off", name))
        case Kind.NUMBER | Kind.RECIPE | Kind.PREFIX | Kind.LAYERS:
            press = await world.alice.click(shown, custom_id=control("edit", name))
        case _:
            press = await world.alice.select(shown, value, custom_id=control("set", name))
    assert press.response is not None and press.response.content == NOT_A_MANAGER
    assert (await world.app.settings.server(world.guild.id)).choices == {}
    assert (await world.dream(world.alice)).recipe.startswith("block8+block11 seed=")
