"""Every button and menu is pressed when it is awkward: the right thing happens, and once.

A day after its message was posted, by a bot that was restarted meanwhile, twice at once; and on what was
deleted. Somebody who may not presses as well: `docs/permissions.md` says who may do what.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
import pytest_asyncio
import simcord
from sqlalchemy import select

from bench.support.pretended_dreams import WAITS
from bot.app import COMPONENTS
from bot.moderation import Approval
from bot.store.daily import PostState
from bot.store.hall import StarredRow
from bot.store.jobs import Job, Kind, State
from bot.store.opt_outs import Matter
from bot.store.settings import AuditRow
from bot.ui import buttons as of_dreams
from bot.ui import daily_post, hall_post
from bot.ui.choices import DreamOne, TryAll
from bot.ui.components import Component
from bot.ui.consent import Consent, Decline, Withdraw
from bot.ui.mine import Turn
from bot.ui.moderation import Decision
from bot.ui.privacy import Choice, ForgetMe
from bot.ui.recipes import DreamRecipe
from bot.ui.seeing import DreamOf
from bot.ui.settings.panel import Control
from dream.farm import Farm
from tests.support.hall_world import HallWorld
from tests.support.pictures import CAT
from tests.support.posted_rows import post_row, starred_row
from tests.support.speaker import Speaker, whispered
from tests.support.waiting import until
from tests.support.world import opened_world

DAY = 24 * 60 * 60
LOOP, BACK = "Compare as a loop", "Compare back"
QUICK = "block3 steps=1 octaves=1 size=64"


class Server(HallWorld):
    """What was pressed yesterday, and who presses it today."""

    messages: dict[str, discord.Message]
    """What has a component under it, by the component's name."""
    ids: dict[str, str]
    """The custom ids of these components."""
    operator: Speaker
    rows: dict[str, Any]
    """The database's rows that these are about, by the same names."""

    async def post(self, name: str, component: Component, row: Any = None, *above: Component) -> None:
        """Post a message with a component, and others above it."""
        view = discord.ui.View(timeout=None)
        for one in (*above, component):
            view.add_item(one)
        self.messages[name] = await self.bot_channel.send("```\nblock3 steps=1 octaves=1\n```", view=view)
        self.ids[name], self.rows[name] = component.item.custom_id, row

    async def add(self, row: Any) -> Any:
        async with self.app.database.session() as session, session.begin():
            session.add(row)
        return row

    async def press(self, who: Speaker, name: str) -> simcord.InteractionResult:
        """Press a component, or choose in it if it is a menu."""
        message = self.messages[name]
        if name == "DreamOne":
            return await who.chooses("block3", message)
        return await who.click(message, custom_id=self.ids[name])

    async def logged(self, subject: str) -> int:
        """How often something about a subject stands in the log."""
        async with self.app.database.session() as session:
            return len((await session.scalars(select(AuditRow).where(AuditRow.subject == subject))).all())

    async def job(self, name: str) -> Job | None:
        return await self.app.queue.jobs.get(self.rows[name].id)


async def fill(world: Server) -> None:
    """Post a message with each of the components, of dreams of Alice's unless somebody else must be asked."""
    await world.admin.at(world.art).says(f"!settings set report_channel {world.art.mention}")
    photo = await world.alice.posts("my cat", picture=CAT)
    dream = await world.dreamt(world.alice, f"!dream {QUICK}")
    for kind in (*of_dreams.BUTTONS, *daily_post.DAILY_BUTTONS, *hall_post.HALL_BUTTONS):
        name, row = named(kind), dream
        make: Any = kind
        if kind in (of_dreams.Delete, Withdraw):
            row = await world.dreamt(world.alice, f"!dream {QUICK}", picture=CAT)
        elif kind is daily_post.Remove:  # takes its dream away
            row = await world.add(post_row(world, (await world.dreamt(world.alice, f"!sky {QUICK}")).id))
        elif kind is of_dreams.Choose:
            row = await world.dreamt(world.alice, "!compare block3 | block4", picture=CAT)
        elif kind in daily_post.DAILY_BUTTONS:
            row = await world.add(post_row(world, dream.id))
        elif kind in hall_post.HALL_BUTTONS:
            row = await world.add(starred_row(world))
        elif kind in (of_dreams.Cancel, of_dreams.PingMe, Consent, Decline):
            continue
        made = make(row.job_id if isinstance(row, StarredRow) else row.id, *([1] if name == "Choose" else []))
        await world.post(name, made, row)
    for name, loop in ((LOOP, Kind.WIPE), (BACK, Kind.BACK)):
        await world.post(name, of_dreams.Compare(dream.id, loop), dream)
    other = await world.dreamt(world.alice, f"!sky {QUICK}")
    await world.post("Remix of another", of_dreams.Remix(other.id), other)
    options = [discord.SelectOption(label="block3"), discord.SelectOption(label="block4")]
    menu = DreamOne(discord.ui.Select(options=options))
    await world.post("DreamOne", menu)
    await world.post("TryAll", TryAll(0, "On my picture"), None, menu)
    await world.post("DreamRecipe", DreamRecipe())
    await world.post("DreamOf", DreamOf(photo.id, "ostrich", "Ostrich"))
    await world.post("Turn", Turn(0, "My dreams"))
    await world.post("Choice", Choice(discord.ui.Button(label="x"), "pictures", "out"))
    await world.dreamt(world.dora, f"!sky {QUICK}")
    await world.post("ForgetMe", ForgetMe(world.dora.id))
    await world.post("Decision", Decision(Approval.ALLOWED, world.guild.id))
    await world.post("Control", Control(discord.ui.Button(label="x"), "off", 0, "previews"))


async def fill_with_what_waits(world: Server) -> None:
    """The same with dreams that wait, for their turn or for a consent."""
    await world.admin.at(world.art).says("!settings set others_pictures consent")
    photo = await world.alice.posts("my cat", picture=CAT)
    for kind in (Consent, Decline):
        await world.carl.says(f"!dream {QUICK}", reply_to=photo)
        held = (await world.jobs(world.carl))[-1]
        assert held.state is State.HELD
        await world.post(named(kind), kind(held.id), held)
    await world.admin.at(world.art).says("!settings reset others_pictures")
    for waiting in (of_dreams.Cancel, of_dreams.PingMe):
        before = {job.id for job in await world.jobs(world.alice)}
        await world.alice.says(f"!dream block3 steps={WAITS}", picture=CAT)
        (job,) = [job for job in await world.jobs(world.alice) if job.id not in before]
        await world.post(named(waiting), waiting(job.id), job)


@pytest_asyncio.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, farm: Farm) -> AsyncIterator[Server]:
    """A day after everything was posted, with a bot that was restarted since."""
    async with opened_world(tmp_path_factory.mktemp("data"), farm, Server) as world:
        world.messages, world.ids, world.rows = {}, {}, {}
        await fill(world)
        await world.env.advance_time(DAY)
        await world.app.queue.purge()
        await fill_with_what_waits(world)
        await world.restart_bot()
        world.operator = world.joined("operator")
        world.app.bot.owner_id = world.operator.id
        yield world
        await world.cancel_all()


def named(kind: type[Component]) -> str:
    """A component's name; some are called alike."""
    of = {"bot.ui.daily_post": " of a daily dream", "bot.ui.hall_post": " in the hall of fame"}
    return kind.__name__ + of.get(kind.__module__, "")


ASKS = ["Again", "Deeper", "Bigger", "Gentler", "Wilder", "Vary", "Zoom", "Compare", LOOP, BACK, "Choose"]
ASKS += ["DreamOne", "TryAll", "DreamRecipe", "DreamOf"]
SHOWS = ["Remix", "More", "ShowRecipe", "Turn", "ShowBefore of a daily dream"]


async def at_once(
    world: Server, name: str, first: Speaker, second: Speaker | None = None
) -> list[simcord.InteractionResult]:
    """Two press a component before the bot has heard of either; alone, somebody presses it twice."""
    backend, other = world.env.backend, second or first
    results: list[simcord.InteractionResult] = []
    emit = backend.emit

    def emit_both(event: str, payload: dict[str, Any], **more: Any) -> None:
        emit(event, payload, **more)
        if event == "INTERACTION_CREATE" and not results:
            record, another = simcord.interactions.base_payload(
                backend,
                type=payload["type"],
                channel_id=int(payload["channel_id"]),
                guild_id=int(payload["guild_id"]),
                user_id=other.id,
                data=payload["data"],
            )
            record.source_message_id = int(payload["message"]["id"])
            results.append(simcord.InteractionResult(world.env, record))
            emit(event, {**another, "message": payload["message"]}, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "emit", emit_both)
        return [await world.press(first, name), *results]


def answers(results: list[simcord.InteractionResult]) -> list[str]:
    """What was answered, where something was."""
    return [whispered(one) or "a form" for one in results if one.modal or whispered(one)]


@pytest.mark.parametrize("name", ASKS)
async def test_what_asks_for_a_dream_asks_for_one_of_whoever_presses(world: Server, name: str) -> None:
    erin = world.joined("erin")
    if name in ("DreamRecipe", "TryAll"):  # they dream on one's own
        await erin.posts("mine", picture=CAT)
    assert answers(await at_once(world, name, erin)) == []
    assert len(await world.jobs(erin)) == 1


@pytest.mark.parametrize("name", SHOWS)
async def test_what_shows_something_shows_it_once(world: Server, name: str) -> None:
    assert len(answers(await at_once(world, name, world.alice))) == 1


async def test_two_moderators_delete_a_dream_once(world: Server) -> None:
    job = world.rows["Delete"]
    assert "Only whoever asked" in whispered(await world.press(world.bob, "Delete"))
    await at_once(world, "Delete", world.mod, world.admin)
    assert await world.app.queue.jobs.get(job.id) is None
    assert job.status_message_id not in [message.id for message in world.dreams.history()]
    assert await world.logged(job.id) == 1


async def test_a_picture_is_withdrawn_once(world: Server) -> None:
    refused = await world.press(world.admin, "Withdraw")
    assert "Only whoever posted the picture" in whispered(refused)
    await at_once(world, "Withdraw", world.alice)
    await until(lambda: "withdrew it" in world.message_of(world.rows["Withdraw"]).content)


async def test_whoever_asked_and_a_moderator_cancel_a_dream_once(world: Server) -> None:
    assert "Only whoever asked" in whispered(await world.press(world.bob, "Cancel"))
    first, _ = await at_once(world, "Cancel", world.alice, world.mod)
    assert whispered(first) == ""
    await until(lambda: "cancelled" in world.message_of(world.rows["Cancel"]).content)


async def test_whoever_waits_is_told_once_that_they_will_be_pinged(world: Server) -> None:
    assert "Only whoever asked" in whispered(await world.press(world.bob, "PingMe"))
    assert len(answers(await at_once(world, "PingMe", world.alice))) == 1
    job = await world.job("PingMe")
    assert job and job.pings


async def test_a_question_is_answered_once(world: Server) -> None:
    agreed = {State.QUEUED, State.DREAMING, State.DONE}
    for name, states in (("Consent", agreed), ("Decline", {State.CANCELLED})):
        assert "Only whoever posted the picture" in whispered(await world.press(world.carl, name))
        said = answers(await at_once(world, name, world.alice))
        assert len(said) == (name == "Consent")
        job = await world.app.queue.jobs.for_display(world.rows[name].id)
        assert job and job.state in states


@pytest.mark.parametrize("name", ["Flag", "Flag of a daily dream", "Flag in the hall of fame"])
async def test_two_members_report_a_dream_once(world: Server, name: str) -> None:
    row = world.rows[name]
    link = f"/{row.status_message_id}" if name == "Flag" else world.messages[name].jump_url
    told = [whispered(one) for one in await at_once(world, name, world.alice, world.bob)]
    assert len(told) == 2 and all("Thank you" in answer for answer in told)
    assert sum(link in message.content for message in world.art.history()) == 1


async def test_two_moderators_remove_a_daily_dream_once(world: Server) -> None:
    name = "Remove of a daily dream"
    assert "Only moderators" in whispered(await world.press(world.alice, name))
    await at_once(world, name, world.mod, world.admin)
    assert world.messages[name].id not in [message.id for message in world.dreams.history()]
    post = await world.app.daily.posts.get(world.rows[name].id)
    assert post and post.state == PostState.REMOVED
    assert await world.logged(post.id) == 1


async def test_two_moderators_take_a_dream_out_of_the_hall_once(world: Server) -> None:
    name = "TakeOut in the hall of fame"
    assert "Only whose dream" in whispered(await world.press(world.bob, name))
    await at_once(world, name, world.mod, world.admin)
    assert await world.logged(world.rows[name].job_id) == 1


async def test_ones_own_choices_are_ones_own_and_made_once(world: Server) -> None:
    for who in (world.alice, world.bob):
        assert len(answers(await at_once(world, "Choice", who))) == 1
        assert await world.app.opt_outs.of(who.id) == {Matter.PICTURES}
        await world.app.opt_outs.remove(who.id, Matter.PICTURES)


async def test_whoever_asked_is_forgotten_once(world: Server) -> None:
    assert "Only whoever asked" in whispered(await world.press(world.bob, "ForgetMe"))
    assert await world.jobs(world.dora)
    await at_once(world, "ForgetMe", world.dora)
    assert not await world.jobs(world.dora)


async def test_a_setting_is_changed_once(world: Server) -> None:
    assert "Only members with Manage Server" in whispered(await world.press(world.alice, "Control"))
    await at_once(world, "Control", world.admin)
    assert not (await world.app.settings.effective(world.guild.id)).previews
    assert await world.logged("previews") == 1


async def test_a_server_is_decided_on_once(world: Server) -> None:
    assert "Only the operator" in whispered(await world.press(world.admin, "Decision"))
    await at_once(world, "Decision", world.operator)
    assert await world.logged(str(world.guild.id)) == 1


GONE = {
    **{named(kind): "don't have that dream any more" for kind in of_dreams.BUTTONS},
    **{named(kind): "don't know this dream any more" for kind in daily_post.DAILY_BUTTONS},
    **{named(kind): "don't know that dream any more" for kind in hall_post.HALL_BUTTONS},
    "Remove of a daily dream": "Only moderators",
}


@pytest.mark.parametrize("kind", [*of_dreams.BUTTONS, *daily_post.DAILY_BUTTONS, *hall_post.HALL_BUTTONS])
async def test_what_was_deleted_is_not_gone_on_with(world: Server, kind: Any) -> None:
    await world.post("gone", kind("gone", *([1] if kind is of_dreams.Choose else [])))
    (answer,) = answers(await at_once(world, "gone", world.alice))
    assert GONE[named(kind)] in answer


async def test_a_thing_seen_in_a_picture_that_was_deleted_is_not_dreamt(world: Server) -> None:
    photo = await world.alice.posts("my cat", picture=CAT)
    await world.post("gone", DreamOf(photo.id, "ostrich", "Ostrich"))
    await world.alice.delete(photo)
    assert "That picture is gone" in whispered(await world.press(world.bob, "gone"))


async def test_a_form_over_a_dream_that_is_deleted_meanwhile_asks_for_nothing(world: Server) -> None:
    frank = world.joined("frank")
    form = await world.press(frank, "Remix of another")
    await world.app.queue.erase(world.rows["Remix of another"].id)
    assert "don't have that dream any more" in whispered(await frank.fills(form, recipe="block4"))
    assert await world.jobs(frank) == []


def test_every_component_is_pressed() -> None:
    text = Path(__file__).read_text()
    assert [kind.__name__ for kind in COMPONENTS if f'"{named(kind)}' not in text] == []
