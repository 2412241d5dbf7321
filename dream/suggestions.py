"""The hint "did you mean …?" for a word that is not one of those known."""

import difflib
from collections.abc import Callable, Iterable

from dream.texts import _

MAX_LENGTH = 64
"""A longer word gets no suggestion: no known one is near it, and comparing takes quadratic time."""


def nearest(word: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.5) -> list[str]:
    """At most `most` of the `known` words that resemble `word`, best first, whatever their case.

    `cutoff` is the least similarity, in [0, 1]: difflib's ratio.
    """
    if len(word) > MAX_LENGTH:
        return []
    spellings = {one.lower(): one for one in known}
    return [spellings[key] for key in difflib.get_close_matches(word.lower(), spellings, most, cutoff)]


def did_you_mean(
    word: str,
    known: Iterable[str],
    *,
    most: int = 3,
    cutoff: float = 0.5,
    quoted: Callable[[str], str] = str,
) -> str:
    """The end of a sentence, "did you mean octaves or scale?", or "" if nothing resembles `word`.

    `quoted` is what is done to each suggestion, such as putting it between backticks.
    """
    near = nearest(word, known, most=most, cutoff=cutoff)
    return _("did you mean {words}?", words=either([quoted(one) for one in near])) if near else ""


def either(words: Iterable[str]) -> str:
    """The words as a choice: "a, b or c". At least one is needed."""
    *most, last = words
    return _("{most} or {last}", most=", ".join(most), last=last) if most else last


def both(words: Iterable[str]) -> str:
    """The words as a list: "a, b and c". At least one is needed."""
    *most, last = words
    return _("{most} and {last}", most=", ".join(most), last=last) if most else last
