"""Every command, button, form and offer against every role and place: docs/permissions.md is what they may.

The rows come from the bot itself, so that what is new fails here until somebody has looked at its row:

    DREAMBOT_WRITE_DOCS=1 pytest tests/bot/test_permissions.py && git diff docs/permissions.md
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from discord.ext import commands

from bot import checks
from bot.app import COMPONENTS
from bot.moderation import Approval
from bot.store.daily import PostRow
from bot.store.hall import StarredRow
from bot.ui.buttons import BUTTONS, Choose, Delete
from bot.ui.choices import DreamOne, TryAll
from bot.ui.components import Component
from bot.ui.consent import Consent, Decline, Withdraw
from bot.ui.daily_post import DAILY_BUTTONS
from bot.ui.hall_post import HALL_BUTTONS
from bot.ui.mine import Turn
from bot.ui.moderation import Decision
from bot.ui.privacy import Choice, ForgetMe
from bot.ui.recipes import DreamRecipe
from bot.ui.seeing import DreamOf
from bot.ui.settings.panel import Control
from tests.support.pictures import PHOTO
from tests.support.posted_rows import post_row, starred_row
from tests.support.speaker import Speaker
from tests.support.world import World

PAGE = Path(__file__).parents[2] / "docs/permissions.md"
REFUSALS = (
    checks.NOT_A_MANAGER,
    checks.NOT_A_MODERATOR,
    checks.NOT_A_SERVER_MODERATOR,
    checks.NOT_AN_OPERATOR,
    "works on a server only",
    "Only whoever asked",
    "Only whoever posted",
    "Only whose dream",
    "picture from before is not kept",
    "don't have that dream",
)
ROLES = (
    "stranger",
    "member",
    "asker",
    "channel moderator",
    "moderator",
    "admin role",
    "manager",
    "owner",
    "operator",
    "another server's admin",
)
HEAD = """\
# Who may do what

Made by `tests/bot/test_permissions.py`, which lets somebody of each role use every command, button, form and
offer of the bot, and compares. ✓: it is done, or only its own words are wrong; –: refused in one sentence,
with no effect.

- *stranger*: writes to the bot in direct messages, and shares no server with it but this one's invitation;
- *asker*: the member whose dream it is; *channel moderator*: has Manage Messages in this one channel;
- *moderator*: has Manage Messages by a role; *admin role*: has the role that `admin_role` names;
- *manager*: has Manage Server; *operator*: runs the bot, and is a plain member here;
- *another server's admin*: a plain member here.

A slash command may what its text command may, and Discord shows it to those alone who have its default
permission, unless a server's admins decide otherwise.
"""


class People:
    """Somebody of each role, on one server."""

    def __init__(self, world: World) -> None:
        self.world, env, guild = world, world.env, world.guild
        number = len(env.backend.guilds)
        self.held = guild.create_role("Dream keepers")
        other = env.create_guild("Elsewhere", owner=env.create_user(f"elsa{number}"))
        theirs = other.create_role("Admins", permissions=discord.Permissions(administrator=True))
        visitor = env.create_user(f"visitor{number}")
        other.add_member(visitor, roles=[theirs])
        operator = env.create_user(f"operator{number}")
        channel_mod = world.joined("cmod")
        world.overwrite(world.dreams, channel_mod.id, allow=discord.Permissions(manage_messages=True))
        world.app.bot.owner_id = operator.id
        self.stranger = env.create_user(f"stranger{number}")
        self.members: dict[str, Speaker] = {
            "member": world.bob,
            "asker": world.alice,
            "channel moderator": channel_mod,
            "moderator": world.mod,
            "admin role": world.joined("keeper", self.held),
            "manager": world.admin,
            "owner": world.speaker(simcord.MemberActor(env, guild, guild.owner)),
            "operator": world.speaker(guild.add_member(operator)),
            "another server's admin": world.speaker(guild.add_member(visitor)),
        }

    async def name_admin_role(self) -> None:
        await self.world.app.settings.choose(
            self.world.guild.id,
            "admin_role",
            str(self.held.id),
            by=1,
            exists=lambda kind, number: True,
            may_set_admin_role=True,
        )


def may(answer: str) -> str:
    return "–" if any(str(refusal) in answer for refusal in REFUSALS) else "✓"


def told(used: simcord.InteractionResult) -> str:
    return " ".join(message.content for message in (used.response, *used.followups) if message)


async def ask_on_server(people: People, command: str) -> dict[str, str]:
    """What happens to each member who writes a command with nothing after it."""
    channel = people.world.guild.create_text_channel("room")
    found = {}
    for role, who in people.members.items():
        await who.at(channel).says(f"!{command}")
        found[role] = answered(channel)
    return found


async def ask_in_messages(people: People, command: str) -> str:
    await people.stranger.send_dm(f"!{command}")
    return answered(people.stranger.dm_channel)


def answered(channel: simcord.ChannelHandle) -> str:
    last = channel.last_message
    return may(last.content) if last and last.author.bot else "?"


async def press(people: People, make: Callable[[], Awaitable[Any]]) -> dict[str, str]:
    """What happens to each member who presses a button that `make` makes under a message of the bot's."""
    found = {}
    channel = people.world.app.bot.get_channel(people.world.dreams.id)
    assert isinstance(channel, discord.TextChannel)
    for role, who in people.members.items():
        view = discord.ui.View(timeout=None)
        button = await make()
        view.add_item(button)
        message = await channel.send("```\nblock3\n```", view=view)
        if isinstance(button.item, discord.ui.Select):
            used = await who.chooses("block3", message, button.item.custom_id)
        else:
            used = await who.presses(button.item.custom_id, message)
        found[role] = "✓" if used.modal else may(told(used))
    return found


def row(name: str, found: dict[str, str], direct: str) -> str:
    cells = {"stranger": direct} | found
    return f"| {name} | {' | '.join(cells[role] for role in ROLES)} |"


@pytest.mark.slow
async def test_everybody_may_what_the_page_says_and_no_more(world: World) -> None:
    people = People(world)
    await people.name_admin_role()
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    bot = world.app.bot
    lines = ["| command | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]
    for command in sorted(bot.walk_commands(), key=lambda command: command.qualified_name):
        assert isinstance(command, commands.Command)
        name = command.qualified_name
        slash = "/" if getattr(command, "app_command", None) else ""
        found = await ask_on_server(people, name)
        lines.append(row(f"`{slash}{name}`", found, await ask_in_messages(people, name)))
    lines += ["", "| offers while one types | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]
    for name, option in offers(bot):
        lines.append(row(f"`/{name}` {option}", await type_into(people, name, option), " "))
    await world.alice.says("!dream", ("cat.jpg", PHOTO.read_bytes()))
    (asked,) = [job for job in await world.jobs(world.alice) if job.has_source]
    dream = await world.app.queue.finished(asked.id)
    assert dream and dream.has_source and dream.request_message_id
    photograph = dream.request_message_id
    await world.alice.says("!compare block3 | block4")
    (sheet,) = [job for job in await world.jobs(world.alice) if job.variants]
    await world.app.queue.finished(sheet.id)
    await world.app.moderation.pause("later", by=1)  # whoever may ask is told so: nothing need be dreamt
    lines += ["", "| button | " + " | ".join(ROLES) + " |", "|---" * (len(ROLES) + 1) + "|"]

    async def post() -> PostRow:
        new = post_row(world, dream.id)
        async with world.app.database.session() as session, session.begin():
            session.add(new)
        return new

    async def deleted() -> Any:
        await world.app.moderation.resume(by=1)
        job = await world.dreamt(world.alice)
        await world.app.moderation.pause("later", by=1)
        return Delete(job.id)

    async def withdrawn() -> Any:
        await world.app.moderation.resume(by=1)
        before = {job.id for job in await world.jobs(world.alice)}
        await world.alice.says("!dream block3", ("cat.jpg", PHOTO.read_bytes()))
        (newest,) = {job.id for job in await world.jobs(world.alice)} - before
        await world.app.queue.finished(newest)
        await world.app.moderation.pause("later", by=1)
        return Withdraw(newest)

    async def starred() -> StarredRow:
        new = starred_row(world)
        async with world.app.database.session() as session, session.begin():
            session.add(new)
        return new

    async def taken_out(kind: Any) -> Any:
        return kind((await starred()).job_id)

    made: dict[type[Component], list[tuple[str, Callable[[], Awaitable[Any]]]]] = {
        kind: [(f"{kind.__name__} of a dream", partial(value, kind, dream.id))] for kind in BUTTONS
    }
    made[Choose] = [("Choose of a sheet", partial(value, Choose, sheet.id, 1))]
    made[Delete] = [("Delete of a dream", deleted)]
    made[Withdraw] = [("Withdraw of a dream of the asker's picture", withdrawn)]
    made[Consent] = [("Consent to a dream of the asker's picture", partial(value, Consent, dream.id))]
    made[Decline] = [("Decline of a dream of the asker's picture", partial(value, Decline, dream.id))]
    made |= {
        kind: [(f"{kind.__name__} of a daily dream", partial(made_of, kind, post))] for kind in DAILY_BUTTONS
    }
    made |= {
        kind: [(f"{kind.__name__} of a dream in the hall of fame", partial(taken_out, kind))]
        for kind in HALL_BUTTONS
    }
    made |= {
        Choice: [("*My choices*", own_choices)],
        DreamOne: [("a preset of a menu", one_of_a_menu)],
        TryAll: [("all of a menu on one's own picture", partial(value, TryAll, 0, "x"))],
        DreamRecipe: [("a recipe that was read", partial(value, DreamRecipe))],
        Turn: [("*My dreams*", partial(value, Turn, 0, "x"))],
        ForgetMe: [("*Delete everything of me*", partial(value, ForgetMe, world.alice.id))],
        DreamOf: [("a thing that `see` found", partial(value, DreamOf, photograph, "ostrich", "x"))],
        Decision: [("*Allow* a server", partial(value, Decision, Approval.ALLOWED, world.guild.id))],
        Control: [
            (f"settings' {action}", partial(control, action, subject))
            for action, subject in (
                ("open", ""),
                ("on", "previews"),
                ("edit", "prefix"),
                ("reset", "previews"),
                ("export", "Dreams"),
                ("import", "Dreams"),
                ("log", "Dreams"),
            )
        ],
    }
    registered = {kind.__name__ for kind in COMPONENTS}
    assert registered == {kind.__name__ for kind in made}, "a button that nobody looked at"
    for buttons in made.values():
        for name, make in buttons:
            lines.append(row(name, await press(people, make), " "))
    page = HEAD + "\n" + "\n".join(lines) + "\n"
    if os.environ.get("DREAMBOT_WRITE_DOCS"):
        PAGE.write_text(page)
    assert "| ? |" not in page, "somebody was not answered"
    assert page == PAGE.read_text()


def offers(bot: Any) -> list[tuple[str, str]]:
    """Every option of a slash command that completes what is typed."""
    return [
        (command.qualified_name, parameter.display_name)
        for command in bot.tree.walk_commands()
        if isinstance(command, app_commands.Command)
        for parameter in command.parameters
        if parameter.autocomplete
    ]


async def type_into(people: People, name: str, option: str) -> dict[str, str]:
    """Whether each member is offered anything."""
    return {
        role: "✓" if await who.is_offered(name, option, "") else "–" for role, who in people.members.items()
    }


async def one_of_a_menu() -> DreamOne:
    return DreamOne(discord.ui.Select(options=[discord.SelectOption(label="block3")]))


async def own_choices() -> Choice:
    return Choice(discord.ui.Button(label="x"), "hall", "mine")


async def value(kind: Any, *arguments: Any) -> Any:
    return kind(*arguments)


async def made_of(kind: Any, post: Callable[[], Awaitable[PostRow]]) -> Any:
    return kind((await post()).id)


async def control(action: str, subject: str) -> Control:
    return Control(discord.ui.Button(label="x"), action, 0, subject)
