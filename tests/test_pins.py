"""The pins for people and for the container agree with pyproject.toml, and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HASHED = ("cpu", "gpu")


def pins(path: str, python: str) -> dict[str, str]:
    """The versions of a file for one Python, by package."""
    lines = (ROOT / path).read_text().replace("\\\n", " ").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        requirement = Requirement(re.sub(r"\s+--hash=\S+", "", line))
        here = {"python_version": python, "python_full_version": f"{python}.9"}
        if requirement.marker is None or requirement.marker.evaluate(here):
            (exact,) = requirement.specifier
            assert exact.operator == "==", line
            found[canonicalize_name(requirement.name)] = exact.version
    return found


def wanted() -> list[Requirement]:
    extras = (requirement for each in PROJECT["optional-dependencies"].values() for requirement in each)
    return [
        requirement
        for requirement in map(Requirement, [*PROJECT["dependencies"], *extras])
        if requirement.name != "dreambot"
    ]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_whatever_is_wanted_is_pinned_within_its_range(python: str) -> None:
    pinned = pins("constraints.txt", python)
    for requirement in wanted():
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement


@pytest.mark.parametrize("device", HASHED)
def test_the_container_has_the_same_versions_with_hashes(device: str) -> None:
    pinned, mine = pins("constraints.txt", "3.13"), pins(f"requirements/{device}.txt", "3.13")
    own = {name for name in mine if name not in pinned}
    assert {name: mine[name] for name in mine if name not in own} == {
        name: pinned[name] for name in mine if name not in own
    }, "run requirements/compile"
    assert all(name.startswith(("nvidia-", "tensorflow-cpu")) for name in own), "run requirements/compile"
    for line in (ROOT / f"requirements/{device}.txt").read_text().replace("\\\n", " ").splitlines():
        assert "--hash=sha256:" in line


@pytest.mark.parametrize("extra", ["bot", "sandbox", "postgres", "tracing"])
@pytest.mark.parametrize("device", HASHED)
def test_the_container_has_whatever_the_bot_wants(device: str, extra: str) -> None:
    mine = pins(f"requirements/{device}.txt", "3.13") | {"tensorflow": "2.21.0"}
    for requirement in map(Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]):
        assert requirement.name == "dreambot" or canonicalize_name(requirement.name) in mine, requirement


@pytest.mark.parametrize("path", ["constraints.txt", *(f"requirements/{device}.txt" for device in HASHED)])
def test_no_pin_names_where_it_comes_from(path: str) -> None:
    text = (ROOT / path).read_text()
    assert "://" not in text and "index-url" not in text and " @ " not in text
