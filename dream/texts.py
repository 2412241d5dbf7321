"""Sentences that people read, in the language of whoever reads them.

They are written in English in the code, with placeholders by name, and looked up in the catalogue of GNU
gettext that the current context has as its `translations`. The engine alone has none, and so speaks English;
the bot sets them (`bot.language`).
"""

import json
from contextvars import ContextVar
from gettext import NullTranslations
from typing import Any

ENGLISH = NullTranslations()

translations: ContextVar[NullTranslations] = ContextVar("translations", default=ENGLISH)
"""The catalogue of the language that is spoken in this context."""


class Text:
    """A sentence that is translated when it is read: `str()` of it is in the language of that moment.

    Errors carry one, as whoever raises them does not know who reads them: in another process, or much later.
    The `values` fill the placeholders of `message`; texts among them, and those of errors, are translated,
    too.
    """

    def __init__(self, message: str, /, **values: Any) -> None:
        self.message = message
        self.values = {
            name: text_of(value) if isinstance(value, BaseException) else value
            for name, value in values.items()
        }

    def __str__(self) -> str:
        return self._filled(translations.get().gettext(self.message)) if self.message else ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dump()!r})"

    def __eq__(self, other: object) -> bool:
        return self.dump() == other.dump() if isinstance(other, Text) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.dump())

    def _filled(self, message: str) -> str:
        return message.format(**self.values) if self.values else message

    def dump(self) -> str:
        """The text to be stored: untranslated, for `load`."""
        stored = self._stored()
        is_plain = stored == [self.message, {}] and not self.message.startswith('["')
        return self.message if is_plain else json.dumps(stored, ensure_ascii=False)

    @classmethod
    def load(cls, stored: str) -> "Text":
        """The text that `dump` stored; anything else is a text as it stands."""
        return _loaded(json.loads(stored)) if stored.startswith('["') else cls(stored)

    def _stored(self) -> list[Any]:
        return [self.message, {name: _plain(value) for name, value in self.values.items()}]


class CountedText(Text):
    """A sentence that depends on a number, `{count}` in it: each language has plural forms of its own."""

    def __init__(self, one: str, many: str, /, count: int, **values: Any) -> None:
        super().__init__(one, count=count, **values)
        self.many, self.count = many, count

    def __str__(self) -> str:
        return self._filled(translations.get().ngettext(self.message, self.many, self.count))

    def _stored(self) -> list[Any]:
        return [self.message, self.many, {name: _plain(value) for name, value in self.values.items()}]


def _(message: str, /, **values: Any) -> str:
    """A sentence in the language that is spoken here and now."""
    return str(Text(message, **values))


def ngettext(one: str, many: str, /, count: int, **values: Any) -> str:
    """The same of one that depends on a number, `{count}` in it."""
    return str(CountedText(one, many, count, **values))


def text_of(error: BaseException) -> Text:
    """The sentence that an error carries."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, Text) else Text(str(error))


def _plain(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, Text):
        return value._stored()
    return value if isinstance(value, str | int | float) else str(value)


def _loaded(stored: Any) -> Any:
    """What `Text._stored` or `_plain` made JSON of."""
    match stored:
        case [str(message), dict(values)]:
            return Text(message, **{name: _loaded(value) for name, value in values.items()})
        case [str(one), str(many), dict(values)]:
            return CountedText(one, many, **{name: _loaded(value) for name, value in values.items()})
        case _:
            return stored
