"""A server's settings and presets as a TOML file, for export and import."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final, NamedTuple

import tomlkit

from bot.settings.scopes import Choices, ServerSettings
from bot.settings.text import serialize
from bot.settings.values import SettingError
from bot.store.settings import WHOLE_SERVER
from config.problems import suggestion
from dream.texts import Text, _

MAX_LENGTH: Final = 64_000
"""Characters of a file, at most."""
MAX_DOTS: Final = 4
"""Dots in a line outside of strings, at most: tomllib takes quadratic time for a key of many parts."""
SECTIONS: Final = ("server", "channels", "presets")

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|\'[^\'\n]*+\'?|#.*|\n')
_NO_FILE: Final = Text("That is no settings file")


class Document(NamedTuple):
    """A parsed file with unchecked values; `choices` has a table for each channel id (or `WHOLE_SERVER`)."""

    choices: dict[int, dict[str, Any]]
    presets: dict[str, Any]


def dump(server: ServerSettings) -> str:
    """A server's settings and presets as TOML, the inverse of `parse`."""
    document = tomlkit.document()
    document.add(tomlkit.comment(_("A server's settings of Dreambot; give this file to: settings import")))
    document["server"] = _table(server.choices.get(WHOLE_SERVER, {}))
    document["channels"] = {
        str(channel): _table(chosen)
        for channel, chosen in sorted(server.choices.items())
        if channel != WHOLE_SERVER
    }
    document["presets"] = dict(sorted(server.presets.items()))
    return tomlkit.dumps(document)


def parse(text: str) -> Document:
    """Parse the text of a file that `dump` wrote. Raises SettingError."""
    if len(text) > MAX_LENGTH:
        raise SettingError(Text("That file is too large to be settings; please give one that `export` made."))
    _check_depth(text)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"{_NO_FILE}: {str(error)[:100]}.") from None
    for key, table in document.items():
        if key not in SECTIONS or not isinstance(table, dict):
            hint = suggestion(key, SECTIONS)
            raise SettingError(
                Text("“{name}” is no section of a settings file; {hint}", name=key[:40], hint=hint)
            )
    choices = {WHOLE_SERVER: document.get("server", {})}
    for key, table in document.get("channels", {}).items():
        if not key.isdecimal() or not isinstance(table, dict) or int(key[:20]) == WHOLE_SERVER:
            raise no_channel(key)
        choices[int(key[:20])] = table
    return Document(choices, document.get("presets", {}))


def no_channel(key: str | int) -> SettingError:
    """The error for a table of a channel that the server does not have."""
    return SettingError(Text("[channels.{name}] is no channel of this server.", name=str(key)[:40]))


def _check_depth(text: str) -> None:
    """Raise SettingError for keys of many parts and multi-line strings; `dump` writes neither."""
    line, dots, end = 1, 0, 0
    for string in _STRING.finditer(text):
        dots += text.count(".", end, string.start())
        if dots > MAX_DOTS:
            raise SettingError(
                Text("{no_file}: line {line} has a key of too many parts.", no_file=_NO_FILE, line=line)
            )
        end = string.end()
        if string[0] == "\n":
            line, dots = line + 1, 0
        elif string[0] in ('""', "''") and text.startswith(string[0][0], end):
            raise SettingError(
                Text("{no_file}: line {line} begins a string of several lines.", no_file=_NO_FILE, line=line)
            )
    if dots + text.count(".", end) > MAX_DOTS:
        raise SettingError(
            Text("{no_file}: line {line} has a key of too many parts.", no_file=_NO_FILE, line=line)
        )


def _table(choices: Choices) -> dict[str, Any]:
    return {name: serialize(value) for name, value in sorted(choices.items())}
