"""A short fault run; `python -m bench.faults` is the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.support.postgres import PostgresServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def run(*more: str) -> dict[str, int]:
    """What `bench.faults` finds in a few seconds."""
    options = "--dreams 8 --slash 3 --kills 1 --seconds 4 --json"
    command = [sys.executable, "-m", "bench.faults", *options.split(), *more]
    result = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    wrong = ("  not answered", "  answered twice", "  lost", "  stranded", "  shown twice", "limits held")
    assert {name: result[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert (result["bots killed"], result["workers killed"], result["processes left"]) == (1, 1, 0)
    assert result["dreams asked for in text"] == 8
    assert result["database intact"]
    assert set(result["exit statuses after SIGTERM"]) == {0}
    return result  # type: ignore[no-any-return]


@pytest.mark.parametrize("bots", [1, pytest.param(2, marks=pytest.mark.postgres)])
def test_nothing_is_lost_or_doubled_when_bots_and_workers_are_killed(
    bots: int, request: pytest.FixtureRequest
) -> None:
    two = ["--bots", "2", "--database", request.getfixturevalue("postgres_url")] if bots > 1 else []
    result = run(*two)
    assert result["  answered with one dream"] == 8
    assert result["jobs committed, by slash commands, too"] == result["  done and shown in one message"] >= 8


def test_nothing_is_lost_or_stranded_when_postgresql_restarts(postgres: PostgresServer) -> None:
    result = run("--restarts", "1")
    assert result["restarts of the database"] == 1
    assert result["  answered with one dream"] + result["  refused, with a reason"] == 8
