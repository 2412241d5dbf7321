"""Brings the catalogues in bot/locale/ up to date with the texts in the code.

    python -m tests.support.catalogue

What is new is untranslated there, and so English, until somebody translates it. What is gone is dropped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from bot.language import CATALOGUES, ENGLISH, LANGUAGES
from bot.settings.values import GROUPS, SETTINGS
from config.presets import load_presets

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "dream", "config")
MARKS = {"_": 1, "Text": 1, "locale_str": 1, "ngettext": 2, "CountedText": 2}
"""What marks a text in the code, and how many of its arguments are forms of it."""
COMMAND_DECORATORS = ("command", "group", "hybrid_command", "hybrid_group")


def texts() -> Catalog:
    """All texts of the code, untranslated."""
    found = Catalog(fuzzy=False)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            where, code = str(file.relative_to(ROOT)), ast.parse(file.read_text())
            here = {*marked(code), *(of_commands(code) if "commands" in where else ())}
            for text in sorted(here, key=str):
                found.add(text, locations=[(where, 0)])
    for name, field in SETTINGS.items():
        for text in (field.title, field.description):
            found.add(text or name, locations=[("bot/settings/values.py", 0)])
    for group in GROUPS:
        found.add(group, locations=[("bot/settings/values.py", 0)])
    for preset in load_presets().values():
        for text in (preset.title, preset.description):
            found.add(text, locations=[("config/presets.toml", 0)])
    return found


def marked(code: ast.Module) -> Iterator[str | tuple[str, ...]]:
    """The texts of a module that are marked as such; those with plural forms are tuples."""
    for node in ast.walk(code):
        if isinstance(node, ast.Call) and (count := MARKS.get(name_of(node.func))):
            values = [one.value for one in node.args[:count] if isinstance(one, ast.Constant)]
            forms = tuple(value for value in values if isinstance(value, str))
            if len(forms) == count:
                yield forms if count > 1 else forms[0]


def of_commands(code: ast.Module) -> Iterator[str]:
    """The descriptions of a cog's commands and their options, and the name that `help` shows of the cog."""
    for node in ast.walk(code):
        if isinstance(node, ast.ClassDef) and any(map(_is_command, node.body)):
            named = [one.value for one in node.keywords if one.arg == "name"]
            yield ast.literal_eval(named[0]) if named else node.name
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if _is_command(node):
            text = ast.get_docstring(node) or ""
            yield from dict.fromkeys([text, text.split("\n", 1)[0]])
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and name_of(call.func) == "describe":
                yield from (ast.literal_eval(option.value) for option in call.keywords)


def _is_command(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        isinstance(one, ast.Call) and name_of(one.func) in COMMAND_DECORATORS for one in node.decorator_list
    )


def name_of(node: ast.expr) -> str:
    """What is called or inherited from, without what it belongs to."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def catalogue(language: str) -> Catalog:
    """A language's catalogue as it stands."""
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def update() -> None:
    """Write every catalogue anew."""
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        file = CATALOGUES / f"{language}.po"
        known = catalogue(language) if file.exists() else Catalog(locale=language, project="Dreambot")
        known.fuzzy = False
        known.update(texts(), no_fuzzy_matching=True, update_creation_date=False)
        with file.open("wb") as out:
            write_po(out, known, width=100, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
        left = sum(not message.string or not all(message.string) for message in known if message.id)
        print(f"{file.relative_to(ROOT)}: {len(known)} texts, {left} to translate")


if __name__ == "__main__":
    update()
