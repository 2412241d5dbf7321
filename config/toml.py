"""Reads the operator's TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from config.problems import ConfigError, Problem

FOLDER = Path(__file__).parent
"""The folder of the shipped ``dreambot.toml`` and ``presets.toml``."""


def read_toml(file: Path) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises ConfigError if it cannot be read or parsed."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(Problem(str(file), "", "", f"cannot be read: {error.strerror}")) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(file), "", "", f"is not valid TOML: {error}")) from None
