"""What `pyproject.toml` lists as extras: packages that only a part of Dreambot needs."""

import sys


def install(extra: str) -> str:
    """The command that adds an extra to this installation: pip knows it by name, whatever it came from."""
    return f"{sys.executable} -m pip install 'dreambot[{extra}]'"
