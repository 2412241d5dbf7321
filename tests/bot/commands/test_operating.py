"""What only the bot's operator can do: pause it, and let servers in or keep them out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import discord
import pytest
import pytest_asyncio
import simcord

from bot.checks import NOT_AN_OPERATOR
from bot.moderation import Approval
from config.schema import Discord, Moderation
from dream.farm import Farm
from tests.support.world import SimApp, World, opened, simulated_discord


class Operated:
    """A bot with an operator, and servers of any size."""

    def __init__(self, app: SimApp, env: simcord.Env) -> None:
        self.app, self.env = app, env
        self.operator = env.create_user("operator")

    def server(self) -> World:
        """A new server."""
        return World(self.app, self.env)

    async def restart(self) -> None:
        """Let the bot begin anew on the same data."""
        await self.app.stop()
        self.app = self.app.again(
            discord=Discord(operators=(self.operator.id,), commands_in_ten_seconds=0),
            moderation=Moderation(ask_above=7, deny_servers=(4 << 30,)),
        )
        await self.app.open()
        await self.env.restart_bot(self.app.bot)

    def questions(self) -> list[discord.Message]:
        """What the operator was asked."""
        return [one for one in self.operator.dm_channel.history() if "ask_above" in one.content]

    async def answers(self, label: str) -> None:
        """Let the operator press a button of the newest question."""
        await self.operator.click(self.questions()[-1], label=label)


@pytest_asyncio.fixture(scope="module")
async def operated(tmp_path_factory: pytest.TempPathFactory, farm: Farm) -> AsyncIterator[Operated]:
    app = await opened(tmp_path_factory.mktemp("operated"), farm)
    async with simulated_discord(app) as env:
        operated = Operated(app, env)
        await operated.restart()
        yield operated
    await operated.app.stop()


async def test_the_operator_pauses_and_resumes_with_a_message(operated: Operated) -> None:
    world = operated.server()
    operator = world.speaker(world.guild.add_member(operated.operator))
    assert str(NOT_AN_OPERATOR) in await world.admin.says("!operator pause no")
    assert "Paused" in await operator.says("!operator pause back at six o'clock")
    assert "back at six o'clock" in await world.alice.says("!sky")
    assert "paused: back at six" in await operator.says("!operator")
    assert "Taking dreams" in await operator.says("!operator resume")
    await world.dreamt(world.alice)
    assert "not paused" in await operator.says("!operator resume")


async def grown(operated: Operated) -> World:
    """A server that has grown, which shows when the bot connects again."""
    world = operated.server()
    for number in range(5):
        world.guild.add_member(operated.env.create_user(f"more{number}"))
    await operated.restart()
    world.app = operated.app
    return world


async def test_the_operator_is_asked_once_when_a_server_has_grown(operated: Operated) -> None:
    before = len(operated.questions())
    world = await grown(operated)
    assert "is being asked" in await world.alice.says("!sky")
    await operated.restart()
    world.app = operated.app
    assert "is being asked" in await world.alice.says("!sky")
    assert len(operated.questions()) == before + 1
    assert world.guild.name in operated.questions()[-1].content
    await operated.answers("Allow")
    await world.dreamt(world.alice)


async def test_the_operator_denies_a_server_and_the_bot_leaves(operated: Operated) -> None:
    world = await grown(operated)
    await operated.answers("Deny")
    assert operated.app.bot.get_guild(world.guild.id) is None
    assert await operated.app.moderation.approval(world.guild.id) is Approval.DENIED
    elsewhere = operated.server()
    operator = elsewhere.speaker(elsewhere.guild.add_member(operated.operator))
    assert "✅" in await operator.says(f"!operator allow {world.guild.id}")
    assert await operated.app.moderation.approval(world.guild.id) is Approval.ALLOWED


async def test_a_server_on_the_operators_list_is_left_at_once(operated: Operated) -> None:
    operated.env.create_guild("Unwanted", id=4 << 30)
    await operated.env.settle()
    assert operated.app.bot.get_guild(4 << 30) is None
