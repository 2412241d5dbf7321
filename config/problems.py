"""Errors of the configuration, as text for operators."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dream.suggestions import did_you_mean
from dream.texts import _

ENV_PREFIX = "DREAMBOT_"


class Problem(NamedTuple):
    """One error of the configuration."""

    where: str
    """The file or the environment variable in which it is."""
    section: str
    key: str
    what: str
    """What is wrong and what would be right."""

    def __str__(self) -> str:
        name = f"[{self.section}] {self.key}".strip() if self.section else self.key
        return f"{self.where}: {name}: {self.what}" if name else f"{self.where}: {self.what}"


class ConfigError(Exception):
    """The configuration cannot be used; ``str()`` names each wrong section and key, one a line."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def place(section: str, key: str, file: Path) -> str:
    """Where a setting is written, or a section if `key` is empty: an environment variable, else `file`."""
    path = [name.upper() for name in (*section.split("."), key) if name]
    for length in range(len(path), 0, -1):  # a section may be a variable of its own
        if (variable := ENV_PREFIX + "__".join(path[:length])) in os.environ:
            return variable
    within = ENV_PREFIX + "__".join(path) + "__"
    return min((name for name in os.environ if not key and name.startswith(within)), default=str(file))


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    known = list(known)
    return did_you_mean(word, known, most=1) or _("known here: {names}.", names=", ".join(known))
