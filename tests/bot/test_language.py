"""The catalogues are whole, no text bypasses them, and a text is read in its reader's language."""

from __future__ import annotations

import pickle
import re
from datetime import date
from string import Formatter

import pytest
from babel.messages.catalog import Message

from bot.errors import Refused
from bot.language import ENGLISH, LANGUAGES, day_and_month, ordinal, percent, speaking, spoken
from bot.store.base import StoredSentence
from bot.ui.permission_names import permission_name
from config.schema import Commands
from dream.suggestions import both, either
from dream.texts import CountedText, Text, _, ngettext, text_of
from tests.support.bypassing import unmarked
from tests.support.catalogue import catalogue, texts

NOT_TRANSLATED = {
    # Words that are typed, names, and what is matched and never shown.
    *("surprise me", "dream surprise me", "daily on", "daily on #dreams 09:00 Europe/Berlin"),
    *("Dreambot", "English", "Deutsch", "Factory", "Converting to"),
    # Keys: what is shown of them is in bot/ui/settings/text.py, or translated by `title`.
    *("built in", "save preset", "delete preset", "times of day", "time zone", "days of the week"),
    *("Dreams", "Limits", "Access", "Server", "Daily", "Hall"),
}

FOR_OPERATORS = ("No scheduler answers", "Pixels must be")
"""Errors of the engine that the terminal and programs get, and no member."""

TRANSLATIONS = [language for language in LANGUAGES if language != ENGLISH]


def forms(message: Message) -> list[tuple[str, str]]:
    """A message's forms in English, each with its translation; the plural stands for all plural forms."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string or ""))]
    translated = message.string if isinstance(message.string, tuple) else (message.string,)
    return [(message.id[min(number, 1)], str(one or "")) for number, one in enumerate(translated)]


def translated(language: str) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


def test_no_text_bypasses_the_catalogue() -> None:
    found = [(where, text) for where, text in unmarked() if text not in NOT_TRANSLATED]
    assert [one for one in found if not any(start in one[1] for start in FOR_OPERATORS)] == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_catalogue_holds_the_texts_of_the_code(language: str) -> None:
    in_code = {message.id for message in texts() if message.id}
    in_catalogue = {message.id for message in translated(language)}
    assert in_catalogue == in_code, (
        "run python -m tests.support.catalogue, and translate what it says is left"
    )


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_catalogue_is_complete(language: str) -> None:
    plurals = catalogue(language).num_plurals
    for message in translated(language):
        assert not message.fuzzy, message.id
        assert len(forms(message)) == (1 if isinstance(message.id, str) else plurals), message.id
        for english, text in forms(message):
            assert text, f"not translated: {english}"


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_translations_keep_placeholders_and_what_is_typed(language: str) -> None:
    for message in translated(language):
        for english, text in forms(message):
            assert placeholders(text) == placeholders(english), english
            assert sorted(re.findall(r"`.*?`", text)) == sorted(re.findall(r"`.*?`", english)), english
            assert text[:1].isspace() == english[:1].isspace(), english
            assert text.count("“") == english.count("“"), english  # what stands there is shown as code


def placeholders(text: str) -> set[str]:
    return {name for _text, name, _format, _conversion in Formatter().parse(text) if name}


def test_every_language_can_be_chosen() -> None:
    for language in LANGUAGES:
        assert Commands.model_validate({"language": language}).language == language


@pytest.mark.parametrize(
    ("locale", "chosen", "language"),
    [
        ("de", "auto", "de"),
        ("en-GB", "auto", "en"),
        ("fr", "auto", "en"),
        (None, "auto", "en"),
        ("fr", "de", "de"),
        ("de", "en", "en"),
    ],
)
def test_the_language_is_the_one_chosen_or_the_readers(
    locale: str | None, chosen: str, language: str
) -> None:
    assert spoken(locale, chosen) == language


def test_a_text_is_translated_when_it_is_read() -> None:
    error = Refused(Text("{member} is not blocked.", member="Bob"))
    assert str(error) == "Bob is not blocked."
    with speaking("de"):
        assert str(error) == "Bob ist nicht gesperrt."
        assert _("Nobody is blocked.") == "Niemand ist gesperrt."
    assert str(error) == "Bob is not blocked."


def test_a_text_comes_out_of_another_process_and_of_the_database_untranslated() -> None:
    inner = Text(
        "I know no option called “{word}”; {hint}", word="zom", hint=Text("name one recipe, without >.")
    )
    for text in (
        Text("This dream was cancelled."),
        Text("A braced { text with nothing to fill in"),
        Text('["what looks like a stored one'),
        Text("The recipe cannot be dreamt: {error} Choose one with `daily recipe`.", error=Refused(inner)),
        CountedText("{votes} vote", "{votes} votes", 2, votes="+2"),
    ):
        with speaking("de"):
            copies = [pickle.loads(pickle.dumps(text)), Text.load(text.dump())]
            stored = StoredSentence().process_bind_param(text, None)
            copies.append(StoredSentence().process_result_value(stored, None))
        for copy in copies:
            assert str(copy) == str(text)
            with speaking("de"):
                assert str(copy) == str(text)
    with speaking("de"):
        assert "meintest" not in str(text_of(Refused(inner))) and "nenn ein Rezept" in str(inner)
    assert str(Text.load("What an earlier version stored.")) == "What an earlier version stored."
    assert str(Text("")) == ""


def test_numbers_lists_and_days_are_written_as_their_readers_do() -> None:
    numbers = (1, 2, 3, 4, 11, 21, 22, 112)
    assert " ".join(map(ordinal, numbers)) == "1st 2nd 3rd 4th 11th 21st 22nd 112th"
    day = date(2026, 3, 5)
    assert (percent(0.374), day_and_month(day)) == ("37%", "Thursday, 5 March")
    assert (either("abc"), both("abc"), both("a")) == ("a, b or c", "a, b and c", "a")
    with speaking("de"):
        assert [ordinal(number) for number in numbers] == [f"{number}." for number in numbers]
        assert (percent(0.374), day_and_month(day)) == ("37 %", "Donnerstag, 5. März")
        assert (either("abc"), both("abc"), both("a")) == ("a, b oder c", "a, b und c", "a")
        assert ngettext("{votes} vote", "{votes} votes", 1, votes="+1") == "+1 Stimme"
        assert ngettext("{votes} vote", "{votes} votes", 2, votes="+2") == "+2 Stimmen"
        assert permission_name("send_messages") == "Nachrichten senden"
    assert permission_name("move_members") == "Move Members"
