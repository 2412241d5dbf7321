"""Every command and button of the guides for members and admins is one that the bot has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.support.pretended_dreams import WAITS
from tests.support.pictures import CAT
from tests.support.speaker import File, buttons
from tests.support.world import World, more

ROOT = Path(__file__).parents[2]
README = re.sub(
    r".*(^## What members do$.*?)^### The networks$.*",
    r"\1",
    (ROOT / "README.md").read_text("utf-8"),
    flags=re.MULTILINE | re.DOTALL,
)
MEMBERS = (ROOT / "docs/members.md").read_text("utf-8")
ADMINS, OPERATORS = (ROOT / "docs/settings.md").read_text("utf-8").split("\n## The operator\n")
EXAMPLE = re.compile(r"^ {4}(!\S.*?)(?:  .*)?$|`([!/][a-z][^`]*)`", re.MULTILINE)
"""A line of a block, up to what it says about itself, or a command within a sentence or a table."""
TESTED_ELSEWHERE = ("!see", "!dream :blobcat:", "!dream @Alice")
PICTURES: tuple[File, ...] = (("cat.jpg", CAT), ("guide.jpg", CAT))


def examples(page: str) -> list[str]:
    """What somebody who follows a page types, in its order."""
    found = (" ".join((line or code).replace(r"\|", "|").split()) for line, code in EXAMPLE.findall(page))
    return list(dict.fromkeys(found))


def typed(page: str) -> list[str]:
    """The text commands among them, except for those that take a network or Discord's own pictures."""
    return [example for example in examples(page) if example[0] == "!" and example not in TESTED_ELSEWHERE]


@contextmanager
def refusals(world: World) -> Iterator[list[Exception]]:
    """What commands were answered with instead of being done."""
    refused: list[Exception] = []

    async def refuse(context: Any, error: Exception) -> None:
        refused.append(error)

    world.app.bot.add_listener(refuse, "on_command_error")
    yield refused
    world.app.bot.remove_listener(refuse, "on_command_error")


def as_sent(world: World, text: str) -> str:
    """What Discord's client makes of the names of channels and members that are typed."""
    for channel in world.guild.channels.values():
        text = text.replace(f"#{channel.name}", channel.mention)
    return text.replace("@member", world.alice.mention)


def test_there_are_examples() -> None:
    assert "!dream serpents > coral seconds=8 as=gif" in examples(MEMBERS)
    assert "!grid block3 block8 fire7" in examples(MEMBERS) and "/forget-me" in examples(MEMBERS)
    assert "!compare serpents | cubs" in examples(README)
    assert "!settings set #art recipe puppyslug" in examples(ADMINS)


@pytest.mark.parametrize("example", dict.fromkeys(typed(MEMBERS) + typed(README)))
async def test_a_member_is_understood(world: World, example: str) -> None:
    await world.bob.posts("look", *PICTURES[:1])
    reply_to = None
    if example.startswith("!cancel"):
        await world.bob.says(f"!dream block8 steps={WAITS}")
    if example == "!recipe":
        reply_to = world.message_of(await world.dreamt(world.bob, "!dream block8"))
    has_two = "guide" in example or "only=picture" in example
    with refusals(world) as refused:
        await world.bob.says(as_sent(world, example), *PICTURES[: 2 * has_two], reply_to=reply_to)
    assert refused == []
    if example.split()[0] in ("!dream", "!sky", "!compare", "!grid"):
        assert (await world.newest_dream()).content.startswith("✨")


async def test_an_admin_is_understood(world: World) -> None:
    world.guild.create_text_channel("hall-of-fame")
    with refusals(world) as refused:
        for example in typed(ADMINS):
            if example.startswith("!operator"):
                continue
            export = next((each for each in reversed(world.answers) if each.attachments), None)
            files = [*PICTURES[: example.startswith("!dream")]]
            if example == "!settings import":
                assert export
                files = [(export.attachments[0].filename, await export.attachments[0].read())]
            await world.admin.says(as_sent(world, example), *files)
            assert not refused or example == "!daily history", f"{example}: {refused}"
            refused.clear()  # there is no history yet


async def test_an_operator_is_understood(world: World) -> None:
    operator = world.joined("operator")
    world.app.bot.owner_id, owner = operator.id, world.app.bot.owner_id
    with refusals(world) as refused:
        for example in typed(OPERATORS):
            if example.startswith("!operator"):
                await operator.says(example)
                assert not refused, f"{example}: {refused}"
    world.app.bot.owner_id = owner


async def test_a_slash_command_is_there(world: World) -> None:
    pages = README + MEMBERS + ADMINS + OPERATORS
    commands = {example[1:].split()[0] for example in examples(pages) if example[0] == "/"}
    assert {"dream", "settings"} <= commands <= {each.name for each in world.app.bot.tree.get_commands()}


async def test_the_table_of_buttons_is_what_stands_under_a_dream(world: World) -> None:
    table = re.findall(r"^\| ([^|]+?) \| [^|]+\|$", MEMBERS, re.MULTILINE)
    told = {label for cell in table for label in cell.split(", ")} - {"button", "---"}
    await world.app.settings.choose(
        world.guild.id, "report_channel", str(world.art.id), by=1, exists=lambda kind, number: True
    )
    await world.dreamt(world.alice, "!dream block8", picture=CAT)
    dream = await world.newest_dream()

    def labels(message: Any) -> set[str]:
        return {f"{button.emoji or ''} {button.label or ''}".strip() for button in buttons(message)}

    assert labels(dream) | labels(await more(world.alice, dream)) == told
