"""docs/discord.md names every request, event, intent and permission of the code, and tests that exist."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import discord
from discord.ext import commands

from bot.app import App
from bot.client import PERMISSIONS
from config.schema import Config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "discord.md").read_text()
DOMAIN = ("sandbox", "store", "queue", "daily", "settings")
CODE = [
    path
    for path in sorted((ROOT / "bot").rglob("*.py"))
    if path.relative_to(ROOT / "bot").parts[0] not in DOMAIN
]
"""What talks to Discord: not the sandbox, nor the domain, whose methods have the same names."""
TALKING = (
    discord.abc.Messageable,
    discord.Message,
    discord.PartialMessage,
    discord.Interaction,
    discord.InteractionResponse,
    discord.Webhook,
    discord.Guild,
    discord.Client,
    discord.User,
    discord.Member,
    discord.Attachment,
    discord.Thread,
    discord.TextChannel,
    discord.Reaction,
    discord.app_commands.CommandTree,
    commands.Context,
)
LOCAL = {
    "close",
    "connect",
    "from_interaction",
    "invoke",
    "start",
    "purge",
    "remove",
    "save",
    "set_translator",
}
"""Methods of these classes that ask Discord for nothing, and of ours that are called like theirs."""


def section(title: str) -> dict[str, str]:
    """A table of the page: its first column without the quotes, and its last."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return {cells[0].strip("`"): cells[-1] for cells in rows[2:]}


def awaited(tree: ast.AST) -> Iterator[str]:
    """The names of the methods that some code awaits or iterates over asynchronously."""
    for node in ast.walk(tree):
        call = node.value if isinstance(node, ast.Await) else getattr(node, "iter", None)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            yield call.func.attr


def test_every_request() -> None:
    methods = {
        name
        for owner in TALKING
        for name, method in inspect.getmembers(owner)
        if name[0] != "_" and (inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method))
    }
    used = {name for path in CODE for name in awaited(ast.parse(path.read_text()))}
    assert (used & methods) - LOCAL == set(section("Requests"))


def listeners(tree: ast.AST) -> Iterator[str]:
    """The events that some code listens for, in a cog or in the client itself."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and "listener" in ast.unparse(mark.func):
                yield ast.literal_eval(mark.args[0]) if mark.args else node.name


def test_every_event() -> None:
    heard = {name for path in CODE for name in listeners(ast.parse(path.read_text()))}
    assert heard == set(section("Events"))


async def test_every_intent_and_permission(tmp_path: Path) -> None:
    bot = App(Config(data=tmp_path)).bot
    assert {name for name, on in bot.intents if on} == set(section("Intents"))
    assert discord.Permissions(**dict.fromkeys(section("Permissions"), True)) == PERMISSIONS


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 40
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / "bot" / file).read_text(), f"{file}::{name}"
