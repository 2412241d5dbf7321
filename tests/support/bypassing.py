"""Finds texts for people that are written in the code and not marked for the catalogue."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.catalogue import COMMAND_DECORATORS, MARKS, ROOT, name_of

MEMBERS_ERRORS = (
    *("Refused", "NotAllowed", "LimitReached", "SettingError", "ScheduleError"),
    *("RecipeError", "PictureError", "FarmError"),
)
"""Errors whose sentence members read."""

OPERATORS = re.compile(
    r"bot/(sandbox/|store/|queue/(lifecycle|statistics)\.py|daily/posts\.py|"
    r"(cli|doctor|run|backup|gateway|health|alarms|endpoint|app|pseudonyms|clock|periodic|media)\.py)"
)
"""Modules that speak to operators, to Prometheus or to nobody."""

UNREAD_CALLS = (
    "attempts",
    "Field",
    "compile",
    "sub",
    "getLogger",
    "TypeVar",
    *COMMAND_DECORATORS,
    "describe",
)
"""Calls whose texts are no members', or are read from the code by `tests.support.catalogue`."""


def unmarked() -> Iterator[tuple[str, str]]:
    """The file and the text of each literal that people may read and that no mark stands around."""
    for file in sorted((ROOT / "bot").rglob("*.py")):
        if not OPERATORS.match(where := str(file.relative_to(ROOT))):
            for text in _texts(ast.parse(file.read_text()), file):
                yield where, text
    for file in sorted((ROOT / "dream").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and name_of(node.func) in MEMBERS_ERRORS:
                yield from (
                    (str(file.relative_to(ROOT)), ast.unparse(text))
                    for text in node.args
                    if isinstance(text, ast.Constant | ast.JoinedStr)
                )


def _texts(node: ast.AST, file: Path) -> Iterator[str]:
    """The unmarked texts in a piece of code."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assert() | ast.ImportFrom():
            return  # docstrings, and what is never read
        case ast.Call(func=func):
            called = name_of(func)
            to_log = isinstance(func, ast.Attribute) and name_of(func.value) == "log"
            if called in MARKS or called in UNREAD_CALLS or to_log:
                return
        case ast.Raise(exc=ast.Call(func=func)) if name_of(func) not in MEMBERS_ERRORS:
            return
        case ast.ClassDef(keywords=keywords) if keywords:
            for one in [*node.body, *node.decorator_list]:
                yield from _texts(one, file)
            return
        case ast.AnnAssign(value=value):
            if value is not None:
                yield from _texts(value, file)
            return
        case ast.Constant(value=str(text)):
            if reads_like_a_text(text):
                yield text
            return
        case ast.FormattedValue(
            value=ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other)))
        ):
            yield from (word for word in (one, other) if any(letter.isalpha() for letter in word))
        case ast.JoinedStr(values=parts):
            written = "".join(str(one.value) for one in parts if isinstance(one, ast.Constant))
            if reads_like_a_text(written):
                yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, file)


def reads_like_a_text(text: str) -> bool:
    """Whether a literal has two words, or one that begins as sentences and labels do."""
    plain = re.sub(r"<\S*?>|\S+://\S+|\*+|`[^`]*`", " ", text).strip()
    return bool(
        re.search(r"[a-z]{2,}[,;:]? [a-z]{2,}", plain) or re.fullmatch(r"\W*[A-Z][a-z]+[.!?…]?", plain)
    )
