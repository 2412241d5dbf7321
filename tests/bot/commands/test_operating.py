"""What only the bot's operator can do: pause it, and let servers in or keep them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import simcord

from bot.checks import NOT_AN_OPERATOR
from bot.moderation import Approval
from config.schema import Discord, Moderation
from dream.farm import Farm
from tests.support.world import SimApp, World, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Operated:
    """A bot with an operator, and servers of any size."""

    def __init__(self, folder: Path, app: SimApp, env: simcord.Env) -> None:
        self.folder, self.app, self.env = folder, app, env
        self.operator = env.create_user("operator")

    async def restart(self) -> None:
        """Let the bot begin anew on the same data."""
        await self.app.stop()
        self.app = await opened(
            self.folder,
            self.app.farm,
            discord=Discord(operators=(self.operator.id,), commands_in_ten_seconds=0),
            moderation=Moderation(ask_above=7, deny_servers=(4 << 30,)),
        )
        await self.env.restart_bot(self.app.bot)

    def questions(self) -> list[str]:
        return [m.content for m in self.operator.dm_channel.history() if "ask_above" in m.content]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def operated(tmp_path_factory: pytest.TempPathFactory, farm: Farm) -> AsyncIterator[Operated]:
    folder = tmp_path_factory.mktemp("operated")
    app = await opened(folder, farm)
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    operated = Operated(folder, app, env)
    await operated.restart()
    yield operated
    await env.shutdown()
    await operated.app.stop()


async def test_the_operator_pauses_and_resumes_with_a_message(operated: Operated) -> None:
    world = World(operated.app, operated.env)
    operator = world.guild.add_member(operated.operator)
    assert str(NOT_AN_OPERATOR) in await world.say(world.admin, "!operator pause no")
    assert "Paused" in await world.say(operator, "!operator pause back at six o'clock")
    assert "back at six o'clock" in await world.say(world.alice, "!sky")
    assert "paused: back at six" in await world.say(operator, "!operator")
    assert "Taking dreams" in await world.say(operator, "!operator resume")
    await world.dream(world.alice)
    assert "not paused" in await world.say(operator, "!operator resume")


async def grown(operated: Operated) -> World:
    """A server that has grown, which shows when the bot connects again."""
    world = World(operated.app, operated.env)
    for number in range(5):
        world.guild.add_member(operated.env.create_user(f"more{number}"))
    await operated.restart()
    world.app = operated.app
    return world


async def test_the_operator_is_asked_once_when_a_server_has_grown(operated: Operated) -> None:
    before = len(operated.questions())
    world = await grown(operated)
    assert "is being asked" in await world.say(world.alice, "!sky")
    await operated.restart()
    world.app = operated.app
    assert "is being asked" in await world.say(world.alice, "!sky")
    assert len(operated.questions()) == before + 1
    question = operated.operator.dm_channel.last_message
    assert world.guild.name in question.content
    await operated.operator.click(question, label="Allow")
    await world.dream(world.alice)


async def test_the_operator_denies_a_server_and_the_bot_leaves(operated: Operated) -> None:
    world = await grown(operated)
    await operated.operator.click(operated.operator.dm_channel.last_message, label="Deny")
    assert operated.app.bot.get_guild(world.guild.id) is None
    assert await operated.app.moderation.approval(world.guild.id) is Approval.DENIED
    elsewhere = World(operated.app, operated.env)
    operator = elsewhere.guild.add_member(operated.operator)
    assert "✅" in await elsewhere.say(operator, f"!operator allow {world.guild.id}")
    assert await operated.app.moderation.approval(world.guild.id) is Approval.ALLOWED


async def test_a_server_on_the_operators_list_is_left_at_once(operated: Operated) -> None:
    operated.env.create_guild("Unwanted", id=4 << 30)
    await operated.env.settle()
    assert operated.app.bot.get_guild(4 << 30) is None
