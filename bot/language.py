"""The languages that the bot speaks: their catalogues, and which one is spoken where.

Texts are looked up in the language of the current context (`dream.texts`), which is set where a message or an
interaction comes in and where something is shown to a server. Without one, it is English.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from dream.texts import _, translations

ENGLISH: Final = "en"
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
CATALOGUES: Final = Path(__file__).parent / "locale"
"""A file of GNU gettext for each language but English: de.po, compiled when it is first needed."""


@cache
def catalogue(language: str) -> NullTranslations:
    """The translations into a language; none for English, and for one that is not spoken."""
    file = CATALOGUES / f"{language}.po"
    if language not in LANGUAGES or not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def load_catalogues() -> None:
    """Compile every catalogue now, which takes some 50 ms each, rather than while the event loop runs."""
    for language in LANGUAGES:
        catalogue(language)


def spoken(locale: object, chosen: str = "auto") -> str:
    """The language for readers with one of Discord's locales, such as "de" or "en-GB", or the one chosen."""
    language = str(locale).partition("-")[0] if chosen == "auto" else chosen
    return language if language in LANGUAGES else ENGLISH


def speak(language: str) -> None:
    """Speak a language from now on, in this task."""
    translations.set(catalogue(language))


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language within the block."""
    token = translations.set(catalogue(language))
    try:
        yield
    finally:
        translations.reset(token)


def percent(share: float) -> str:
    """A share as whole percents: 37%, or 37 % in German."""
    return _("{number}%", number=round(100 * share))


def day_and_month(day: date) -> str:
    """A day with its weekday: Thursday, 26 November."""
    return format_date(day, "EEEE, d MMMM" if _locale().language == ENGLISH else "EEEE, d. MMMM", _locale())


def ordinal(number: int) -> str:
    """A place in a line: 1st, 2nd, 3rd, 11th; in German 1., 2., 3., 11."""
    match _locale().ordinal_form(number):
        case "one":
            return _("{number}st", number=number)
        case "two":
            return _("{number}nd", number=number)
        case "few":
            return _("{number}rd", number=number)
        case _:
            return _("{number}th", number=number)


def _locale() -> Locale:
    """The conventions of the language that is spoken."""
    return Locale(translations.get().info().get("language", ENGLISH))
