"""What the command line says to mistakes: one sentence, before any dreaming begins."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import dream
from bot.cli import app

PHOTO = str(Path(dream.__file__).parent / "samples" / "chelsea.jpg")


def dreambot(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dream", "nowhere.jpg"], "nowhere.jpg: No such file"),
        (["dream", PHOTO, "mixde5"], "did you mean mixed5"),
        (["dream", PHOTO, "steps=0"], "a whole number from 1"),
        (["dream", PHOTO, "block3", "-o", "/nowhere/dream.png"], "there is no folder /nowhere"),
        (["dream", PHOTO, "block3", "-o", "dream.bmp"], "name it .png"),
        (["dream", PHOTO, "block3", "-o", "x" * 300 + ".png"], "can't be written"),
        (["dream", PHOTO, "block3", "zoom=1.02"], "dreambot zoom"),
        (["zoom", PHOTO, "block3", "-o", "dream.png"], "name it .mp4"),
        (["dream", PHOTO, "block3 > block4", "-o", "dream.png"], "A morph moves: name its dream .mp4"),
        (["sandbox", "--attach", PHOTO], "go with --say"),
        (["sandbox", "--say", "!dream", "--save", "/nowhere/dream.png"], "there is no folder /nowhere"),
        (["worker", "somewhere"], "write it as tls://HOST:8786"),
        (["worker", "tcp://127.0.0.1:1", "--memory-limit", "lots"], "a size such as 6GB"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = dreambot(*words)
    assert said.exit_code == 2
    assert sentence in said.stderr and len(said.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_it_tells_its_version() -> None:
    said = dreambot("--version")
    assert (said.exit_code, said.stdout) == (0, f"dreambot {version('dreambot')}\n")


def test_a_picture_that_is_there_already_outlives_a_mistake(tmp_path: Path) -> None:
    kept = tmp_path / "dream.png"
    kept.write_bytes(b"of yesterday")
    assert dreambot("dream", PHOTO, "mixde5", "-o", str(kept)).exit_code == 2
    assert kept.read_bytes() == b"of yesterday"


def test_doctors_lines_are_whole_in_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ("long" * 30) / "dreambot.toml"
    monkeypatch.setenv("COLUMNS", "80")
    said = dreambot("doctor", "--config", str(file))
    assert said.exit_code == 1
    assert len(said.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["scheduler", "--host", "0.0.0.0"], ["worker", "tcp://10.0.0.5:8786"], ["worker", "box:8786"]]
)
def test_a_cluster_that_anybody_could_rule_is_refused(words: list[str]) -> None:
    said = dreambot(*words)
    assert said.exit_code == 2
    assert "--insecure" in said.stderr and len(said.stderr.splitlines()) == 1


def test_keys_are_made_once_and_are_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    said = dreambot("certificates", str(folder))
    assert said.exit_code == 0 and f"export DASK_CONFIG={folder}" in said.stdout
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert files.keys() == {"certificate.pem", "key.pem", "dask.yaml"}
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    again = dreambot("certificates", str(folder))
    assert again.exit_code == 1 and "there already" in again.stderr
    assert files == {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_worker_says_at_once_where_it_goes() -> None:
    """Whoever starts it by hand sees that it runs, also while its scheduler is away."""
    words = [sys.executable, "-m", "bot.cli", "worker", "tcp://127.0.0.1:1", "--no-fetch", "--workers", "2"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as worker:
        try:
            assert worker.stdout and "2 workers for tcp://127.0.0.1:1" in worker.stdout.readline()
        finally:
            worker.kill()
