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
    options = "--dreams 8 --slash 3 --kills 1 --seconds 4 --json"
    command = [sys.executable, "-m", "bench.faults", *options.split()]
    if bots > 1:
        command += ["--bots", str(bots), "--database", request.getfixturevalue("postgres_url")]
    result = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert (result["bots killed"], result["workers killed"]) == (1, 1)
    assert result["dreams asked for in text"] == result["  answered with one dream"] == 8
    assert result["jobs committed, by slash commands, too"] == result["  done and shown in one message"] >= 8
    wrong = ("  answered twice", "  lost", "  shown twice", "processes left")
    assert [result[name] for name in wrong] == [0, 0, 0, 0]
    assert result["database intact"]
    assert set(result["exit status after SIGTERM"]) == {0}
