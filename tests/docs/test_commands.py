"""Every `dreambot` command in the documentation is one that there is, with options that it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from bot.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *(ROOT / "docs").glob("*.md"),
]


def commands(page: Path) -> list[str]:
    """What follows `dreambot` in blocks of shell and in `code`."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    lines = [line.partition(" #")[0].replace("&&", "\n").strip() for line in blocks.splitlines()]
    typed = [line for line in lines if re.search(r"(^|[\s/])dreambot [a-z]", line)]
    inline = re.findall(r"`(dreambot [a-z][^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [re.split(r"(?:^|[\s/])dreambot ", line, maxsplit=1)[1] for line in typed + inline]


FOUND = [(page.name, command) for page in PAGES for command in commands(page)]


def test_there_are_some() -> None:
    assert {"README.md", "operators.md", "scale.md"} <= {page for page, _ in FOUND}


@pytest.mark.parametrize(("page", "command"), FOUND)
def test_a_command_in_the_documentation_is_understood(page: str, command: str) -> None:
    words = shlex.split(re.split(r"[;|>](?=[^']*(?:'[^']*'[^']*)*$)|&&", command)[0])
    group: Any = typer.main.get_command(app)
    while words and words[0] in getattr(group, "commands", ()):
        group = group.commands[words.pop(0)]
    assert group.name != "dreambot" or not words or words[0].startswith("-"), f"{page}: dreambot {command}"
    taken = {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= taken | {"--help", "--version"}, f"{page}: dreambot {command}"
