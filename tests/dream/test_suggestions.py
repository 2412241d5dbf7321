import pytest

from dream.suggestions import did_you_mean, nearest

KNOWN = ["octaves", "steps", "America/New_York"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("octave", "did you mean octaves?"),
        ("OCTAVS", "did you mean octaves?"),
        ("america/new_yrok", "did you mean America/New_York?"),
        ("xylophone", ""),
        ("", ""),
    ],
)
def test_a_hint_names_what_resembles_the_word_in_its_own_spelling(word, hint):
    assert did_you_mean(word, KNOWN) == hint


def test_several_suggestions_are_a_choice():
    hint = did_you_mean("step", ["stems", "steps", "stop"], most=2, quoted=lambda word: f"`{word}`")
    assert hint == "did you mean `steps` or `stop`?"


def test_an_endless_word_is_not_compared():
    assert nearest("octaves" * 100_000, ["octaves" * 100_000]) == []
