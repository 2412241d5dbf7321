"""Loads and validates the operator's configuration.

Sources in order of precedence: the environment (``DREAMBOT_SECTION__KEY``), the file, the default.
Secrets come from the environment or from files of their own, never from ``dreambot.toml``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from config.networks import add_networks
from config.presets import Preset, load_presets
from config.problems import ENV_PREFIX, ConfigError, Problem, place, suggestion
from config.schema import Config, Names, OwnNetwork, Section, expected
from config.toml import FOLDER, read_toml
from dream.backbone.catalog import NETWORKS
from dream.recipe import Recipe, RecipeError

ENV_CONFIG = "DREAMBOT_CONFIG"
_OWN_NETWORKS = f"{ENV_PREFIX}NETWORKS__"


def load_config(path: Path | str | None = None) -> Config:
    """Read the configuration from ``path``, else from DREAMBOT_CONFIG, else from the shipped file.

    The networks that it adds are known to the engine of this process from then on.

    Raises ConfigError, which names every wrong section and key with the nearest known one.
    """
    file = Path(path or os.environ.get(ENV_CONFIG) or FOLDER / "dreambot.toml").expanduser()
    values = read_toml(file)
    problems = [*_secrets(values, file), *_unknown_variables()]
    try:
        config = Config(**values)
    except ValidationError as error:
        found = [_problem(detail, values, file) for detail in error.errors()]
        named = {problem.where for problem in problems}  # unknown variables, which pydantic finds as well
        problems += [problem for problem in found if problem.where not in named or problem.where == str(file)]
    except SettingsError as error:
        problems += [*_no_json()] or [Problem("environment", "", "", str(error))]
    else:
        problems += add_networks(config, file)
        problems += _contradictions(config, load_presets(), file)
    if problems:
        raise ConfigError(*dict.fromkeys(problems))  # each once, however many entries of a list are wrong
    return config


def _secrets(values: Mapping[str, Any], file: Path) -> Iterator[Problem]:
    """Report secrets in the file, and remove the token from ``values``."""
    if isinstance(discord := values.get("discord"), dict) and discord.pop("token", None):
        yield Problem(
            str(file), "discord", "token", "does not belong in this file; set DISCORD_TOKEN or token_file"
        )
    store = values.get("store")
    url = store.get("url") if isinstance(store, dict) else None
    if isinstance(url, str) and ":" in url.partition("://")[2].rpartition("@")[0]:
        what = "holds a password; put that in password_file, or all of it in DREAMBOT_STORE__URL"
        yield Problem(str(file), "store", "url", what)


def _unknown_variables() -> Iterator[Problem]:
    """Report environment variables with the prefix of settings that are not settings."""
    known = {ENV_CONFIG} | {
        f"{ENV_PREFIX}{name}".upper() if field is None else f"{ENV_PREFIX}{name}__{field}".upper()
        for name, section in _sections().items()
        for field in (None, *section.model_fields, *section.retired)
    }
    known.add(f"{ENV_PREFIX}DATA")
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name not in known and not name.startswith(_OWN_NETWORKS):
            yield Problem(name, "", "", f"is no setting; {suggestion(name, sorted(known))}")


def _no_json() -> Iterator[Problem]:
    """Report environment variables that should be JSON, as lists and whole sections are, and are not."""
    for name in sorted(os.environ):
        section, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        model: type[Section] | None = _sections().get(section)
        if section == "networks" and key:
            network, _, key = key.partition("__")
            section, model = f"networks.{network}", OwnNetwork
        if not name.startswith(ENV_PREFIX) or model is None:
            continue
        field = model.model_fields.get(key)
        if key and (field is None or "tuple" not in str(field.annotation)):
            continue
        try:
            json.loads(os.environ[name])
        except ValueError:
            if field is None:
                yield Problem(name, section, "", 'should be JSON, such as {"key": "value"}')
            else:
                example = '["NAME"]' if field.annotation == Names else "[1, 2]"
                yield Problem(name, section, key, f"should be {expected(field)}; write it as JSON: {example}")


def _sections() -> dict[str, type[Section]]:
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _problem(detail: ErrorDetails, values: Mapping[str, Any], file: Path) -> Problem:
    """Describe an error of pydantic for operators, with the nearest known name."""
    section, key, *_ = loc = [*map(str, detail["loc"]), "", "", ""]
    sections = _sections()
    if section == "networks" and key:
        section, key = f"networks.{key}", loc[2]
        sections[section] = OwnNetwork
    elif not key:  # a table, or the one top-level key
        section, key = ("", section) if section not in sections else (section, "")
    where = place(section, key, file)
    match detail["type"]:
        case "extra_forbidden" if section:
            known: Mapping[str, Any] = sections[section].model_fields
            homes = [name for name, model in sections.items() if key in model.model_fields]
            hint = f"it belongs in [{homes[0]}]" if homes else suggestion(key, known)
            return Problem(where, section, key, f"is no setting; {hint}")
        case "extra_forbidden" if isinstance(values.get(key), dict):
            return Problem(where, key, "", f"is no section; {suggestion(key, sections)}")
        case "extra_forbidden":
            return Problem(where, "", key, f"is no setting here; {suggestion(key, Config.model_fields)}")
        case "value_error":
            return Problem(where, section, key, str(detail["ctx"]["error"]))
        case _ if key:
            field = (sections[section].model_fields if section else Config.model_fields)[key]
            about = f": {' '.join((field.description or '').split())}" if field.annotation is str else ""
            return Problem(where, section, key, f"should be {expected(field)}{about}")
        case _:
            return Problem(where, section, key, "should be a section with keys of its own")


def _contradictions(config: Config, presets: Mapping[str, Preset], file: Path) -> Iterator[Problem]:
    """Report values that are valid alone but contradict each other."""

    def problem(section: str, key: str, what: str) -> Problem:
        return Problem(place(section, key, file), section, key, what)

    dream, queue, discord = config.dream, config.queue, config.discord
    if unknown := [name for name in dream.networks if name not in NETWORKS]:
        suggested = suggestion(unknown[0], NETWORKS)
        yield problem("dream", "networks", f"“{unknown[0][:40]}” is no network; {suggested}")
        return
    try:
        recipe = Recipe.parse(dream.recipe, {name: preset.recipe for name, preset in presets.items()})
    except RecipeError as error:
        yield problem("dream", "recipe", str(error))
    else:
        if missing := [name for name in recipe.networks if name not in config.may_dream]:
            yield problem("dream", "recipe", f"needs {' and '.join(missing)} in networks")
    if dream.size > dream.max_size:
        yield problem("dream", "size", f"is larger than max_size, {dream.max_size}")
    if queue.member_seconds > queue.server_seconds:
        yield problem("queue", "member_seconds", "is larger than server_seconds")
    if discord.shards and max(discord.shards) >= discord.shard_count:
        yield problem("discord", "shards", "needs shard_count, and numbers below it")
