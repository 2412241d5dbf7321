"""A short fault run; `python -m bench.faults` is the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("bots", [1, 2])
def test_nothing_is_lost_or_doubled_when_bots_and_workers_are_killed(
    bots: int, request: pytest.FixtureRequest
) -> None:
    command = [
        sys.executable,
        "-m",
        "bench.faults",
        "--dreams",
        "8",
        "--kills",
        "2",
        "--seconds",
        "6",
        "--json",
    ]
    if bots > 1:
        command += ["--bots", str(bots), "--database", request.getfixturevalue("postgres_url")]
    result = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert (result["bots killed"], result["workers killed"]) == (2, 2)
    assert result["answered with one dream"] == result["dreams asked for"] == 8
    assert result["answered twice"] == result["processes left"] == 0
    assert result["jobs in the database"] == {"done": 8}
    assert set(result["exit status after SIGTERM"]) == {0}
