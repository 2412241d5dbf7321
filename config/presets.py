"""Loads the presets, recipes with names, from ``presets.toml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.problems import ConfigError, Problem
from config.toml import FOLDER, read_toml
from dream.recipe import Recipe, RecipeError
from dream.texts import _

OVERVIEW = FOLDER / "presets.jpg"
"""Each preset of the bundled networks on the same photograph; `python -m bench.presets --sheets` makes it."""


class Preset(BaseModel):
    """A named recipe with its title and description."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Annotated[str, Field(min_length=1)]
    title: str
    description: str


def load_presets(path: Path | str | None = None) -> dict[str, Preset]:
    """Read the presets from ``path``, else the shipped ones. Raises ConfigError."""
    file = Path(path or FOLDER / "presets.toml")
    presets: dict[str, Preset] = {}
    problems: list[Problem] = []
    for name, values in read_toml(file).items():
        try:
            presets[name] = Preset.model_validate(values)
            Recipe.parse(presets[name].recipe)
        except RecipeError as error:
            problems.append(Problem(str(file), name, "recipe", str(error)))
        except ValidationError as error:
            problems += [
                Problem(str(file), name, ".".join(map(str, detail["loc"])), detail["msg"])
                for detail in error.errors()
            ]
    if problems:
        raise ConfigError(*problems)
    return presets


@cache
def _titles() -> dict[str, str]:
    return {name: preset.title for name, preset in load_presets().items()}


def preset_title(name: str) -> str:
    """The title of a shipped preset in the language spoken; any other is called by its name."""
    return _(_titles()[name]) if name in _titles() else name
