"""Joins lines up to Discord's limits of characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dream.texts import _

FIELD: Final = 1024
"""Characters of an embed's field, at most."""


def fitting(lines: Iterable[str], limit: int = FIELD, between: str = "\n") -> str:
    """Join as many whole lines as `limit` characters hold; "…" stands for the rest."""
    text = ""
    for line in lines:
        if len(text) + len(line) + len(between) + 1 > limit:
            return f"{text}…"
        text += line + between
    return text.removesuffix(between) or _("none yet")
