"""compose.yaml, the Dockerfile and the unit: their commands and settings are the bot's."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from bot.cli import app
from config.schema import Config

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: each for name, each in COMPOSE["services"].items() if name != "postgres"}
SETTINGS = {"DREAMBOT_CONFIG", "DREAMBOT_DATA"} | {
    f"DREAMBOT_{section}__{key}".upper()
    for section, field in Config.model_fields.items()
    if hasattr(field.default, "__class__") and hasattr(type(field.default), "model_fields")
    for key in type(field.default).model_fields
}


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_hardened_rotates_its_log_and_runs_a_command_that_there_is(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["tmpfs"] == ["/tmp"]
    assert service["logging"]["options"]["max-size"]
    assert service["init"], "nobody else collects a dead worker's processes"
    command = typer.main.get_command(app)
    words = service.get("command", ["run"])
    command.make_context("dreambot", list(words), resilient_parsing=True)
    assert words[0] in command.commands  # type: ignore[attr-defined]


def test_profiles_start_what_they_say() -> None:
    profiles = {name: each.get("profiles", []) for name, each in COMPOSE["services"].items()}
    assert profiles == {
        "dreambot": [],
        "postgres": ["postgres"],
        "scheduler": ["scheduler"],
        "worker-cpu": ["cpu"],
        "worker-gpu": ["gpu"],
    }
    (device,) = OURS["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and OURS["worker-gpu"]["build"]["args"]["DEVICE"] == "gpu"
    named = {
        volume.partition(":")[0]
        for each in COMPOSE["services"].values()
        for volume in each.get("volumes", ())
    }
    assert {name for name in named if name.isalpha()} == set(COMPOSE["volumes"])


@pytest.mark.parametrize(
    "file", ["compose.yaml", "Dockerfile", "deploy/dreambot", "deploy/dreambot.service", "docs/operators.md"]
)
def test_a_variable_is_a_setting(file: str) -> None:
    named = set(re.findall(r"\bDREAMBOT_[A-Z_]+\b", (ROOT / file).read_text())) - {"DREAMBOT_SECTION__KEY"}
    assert named <= SETTINGS


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_unit_and_finds_it_closed(tmp_path: Path) -> None:
    unit = tmp_path / "dreambot.service"
    text = (ROOT / "deploy/dreambot.service").read_text()
    unit.write_text(text.replace("/opt/dreambot/.venv/bin/dreambot run", "/bin/true"))
    for command in (["verify"], ["security", "--offline=true", "--threshold=25", "--no-pager"]):
        said = subprocess.run(["systemd-analyze", *command, unit], capture_output=True, text=True)
        assert said.returncode == 0 and not said.stderr, said.stdout + said.stderr


def test_the_unit_keeps_from_the_bot_nothing_that_it_needs() -> None:
    """GPUs' devices, memory that TensorFlow writes code to, and its own processes."""
    unit = (ROOT / "deploy/dreambot.service").read_text()
    for option in ("PrivateDevices", "ProtectClock", "DeviceAllow", "MemoryDenyWriteExecute"):
        assert not re.search(rf"^{option}=", unit, re.MULTILINE), option


def test_the_command_that_operators_type_runs_as_the_service_does() -> None:
    """Its user, settings and data; what `docs/operators.md` installs is readable by that user."""
    unit = (ROOT / "deploy/dreambot.service").read_text()
    script = (ROOT / "deploy/dreambot").read_text()
    guide = (ROOT / "docs/operators.md").read_text()
    user = re.search(r"^User=(\w+)$", unit, re.MULTILINE)
    assert (
        user
        and f"runuser -u {user[1]} " in script
        and f"useradd --system --home-dir /var/lib/{user[1]}" in guide
    )
    in_unit = dict(
        re.findall(r"^Environment=(DREAMBOT_CONFIG|DREAMBOT_DATA|KERAS_HOME)=(\S+)", unit, re.MULTILINE)
    )
    in_script = dict(re.findall(r"(DREAMBOT_CONFIG|DREAMBOT_DATA|KERAS_HOME)=(\S+)", script))
    assert in_script == {name: value.replace("%S", "/var/lib") for name, value in in_unit.items()}
    assert f"chgrp -R {user[1]} /etc/dreambot\n" in guide
