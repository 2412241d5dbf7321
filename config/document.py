"""Generates ``dreambot.toml`` from the schema: ``python -m config.document``."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit
from pydantic.fields import FieldInfo

from config.schema import Config, OwnNetwork, Section, expected
from config.toml import FOLDER

HEADER = """\
Dreambot's settings. Every one is here with its default, its type and its range.

Edit this file, or copy it and say where with DREAMBOT_CONFIG=/path/to/dreambot.toml. A variable of the
environment goes before the file: DREAMBOT_FARM__WORKERS=2 sets workers in [farm]. Secrets never stand here:
the bot's token is in DISCORD_TOKEN, or in a file that [discord] token_file names.
"""


def document() -> str:
    """Return the text of a ``dreambot.toml`` with all settings, their defaults and descriptions."""
    lines = [*_comment(HEADER)]
    tables = []
    for name, field in Config.model_fields.items():
        if isinstance(field.default, Section):
            tables += ["", "", f"[{name}]", *_comment(inspect.getdoc(type(field.default)) or "")]
            for key, setting in type(field.default).model_fields.items():
                tables += ["", *_setting(key, setting, getattr(field.default, key))]
        elif name == "networks":
            tables += ["", "", *_example()]
        else:
            lines += ["", *_setting(name, field, field.default)]
    return "\n".join([*lines, *tables]) + "\n"


def _setting(key: str, field: FieldInfo, default: Any) -> Iterator[str]:
    value = "" if default is None else list(default) if isinstance(default, tuple) else default
    yield from _comment(field.description or "")
    yield from _comment(f"Type: {expected(field)}.")
    yield f"{key} = {tomlkit.item(value).as_string()}"


def _example() -> Iterator[str]:
    """The table of a network of one's own, all of it commented out."""
    yield "# [networks.NAME]"
    yield from _comment(inspect.getdoc(OwnNetwork) or "")
    for key, field in OwnNetwork.model_fields.items():
        yield "#"
        *about, value = _setting(key, field, field.default)
        yield from about
        yield f"# {value}"


def _comment(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        if paragraph != text.strip().split("\n\n")[0]:
            yield "#"
        yield from textwrap.wrap(paragraph, 108, initial_indent="# ", subsequent_indent="# ")


if __name__ == "__main__":
    Path(FOLDER / "dreambot.toml").write_text(document(), "utf-8")
