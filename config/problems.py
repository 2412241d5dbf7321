"""Errors of the configuration, as text for operators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dream.suggestions import did_you_mean
from dream.texts import _


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


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    known = list(known)
    return did_you_mean(word, known, most=1) or _("known here: {names}.", names=", ".join(known))
