"""A language in which every text of the catalogue is marked, and what the bot sends without a mark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from gettext import NullTranslations
from string import Formatter
from typing import Any

import pytest
import simcord

from bot.language import catalogue
from bot.settings.text import SOURCES
from bot.settings.values import SETTINGS
from config.presets import load_presets
from dream.backbone.catalog import NETWORKS
from dream.backbone.classes import names
from dream.recipe import OPTIONS

LANGUAGE = "de"
"""The language in whose place the marked one is spoken."""

TEXTS = ("content", "title", "description", "label", "placeholder", "name", "text")
"""Where Discord is told what people read."""

TYPED = re.compile(
    r"```.*?```|`[^`]*`|<[@#:t][^>]*>|\(?<?https?://\S+|@\w+|[#/!][\w-]+|\b\w*\d\w*\b|⟦[^⟧]*⟧|[a-z]+=\S*",
    re.DOTALL,
)
"""What no catalogue holds: code, mentions, addresses, commands, names with digits; and what is marked."""


class Marked(NullTranslations):
    """Puts each text between ⟦ and ⟧, but not what fills its placeholders."""

    def gettext(self, message: str) -> str:
        parts = Formatter().parse(message)
        return "".join(
            (f"⟦{text.replace('{', '{{').replace('}', '}}')}⟧" if text else "")
            + (f"{{{name}}}" if name else "")
            for text, name, _format, _conversion in parts
        )

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)


def speak_marked(patch: pytest.MonkeyPatch) -> None:
    """Speak the marked language instead of `LANGUAGE`."""

    def marked(language: str) -> NullTranslations:
        return Marked() if language == LANGUAGE else catalogue(language)

    patch.setattr("bot.language.catalogue", marked)


def speaks(env: simcord.Env, patch: pytest.MonkeyPatch, locales: dict[int, str], otherwise: str) -> None:
    """Give users the language of their Discord, by their ids; the simulated one has English for all."""
    emit = env.backend.emit

    def emit_in_language(event: str, payload: Any, *args: Any, **kwargs: Any) -> Any:
        if event == "INTERACTION_CREATE":
            user = payload["member"]["user"] if "member" in payload else payload["user"]
            payload["locale"] = locales.get(int(user["id"]), otherwise)
        return emit(event, payload, *args, **kwargs)

    patch.setattr(env.backend, "emit", emit_in_language)


def sent(env: simcord.Env, since: int = 0) -> Iterator[tuple[str, str]]:
    """What the bot told Discord for people to read, after so many calls: the call, and the text."""
    for call in env.backend.http_requests[since:]:
        if call.method in ("POST", "PATCH", "PUT") and isinstance(call.json, dict):
            for text in _texts(call.json):
                yield f"{call.method} {call.path}", text


def _texts(payload: Any, key: str = "") -> Iterator[str]:
    if isinstance(payload, dict):
        for name, value in payload.items():
            if isinstance(value, str) and (name in TEXTS or (name == "value" and "name" in payload)):
                is_choice = key == "choices" and name == "value"
                if not is_choice:
                    yield value
            else:
                yield from _texts(value, name)
    elif isinstance(payload, list):
        for one in payload:
            yield from _texts(one, key)


def unmarked_words(text: str, names_here: set[str]) -> list[str]:
    """The words of a text that no catalogue holds and nobody types."""
    left = TYPED.sub(" ", re.sub(r"⟦[^⟧]*…$", " ", text))  # a text that is cut off
    words = re.findall(r"[^\W\d_]{3,}", left)
    return [word for word in words if word.lower() not in WORDS | names_here]


WORDS = {
    word.lower()
    for text in (
        *(*SETTINGS, *SOURCES, *OPTIONS, *load_presets(), *names(), *NETWORKS),
        *(network.title for network in NETWORKS.values()),
        *(layer for network in NETWORKS.values() for layer in network.layers),
        *(choice for option in OPTIONS.values() for choice in option.choices),
        *(
            "auto everybody consent own walk daily weekdays mon tue wed thu fri sat sun UTC Europe Berlin",
            "Dreambot",
        ),
        "surprise me recipe picture class jpg png gif",
    )
    for word in re.findall(r"[^\W\d_]+", text)
}
"""What members type, and the names of networks and classes, which are the same in every language."""
