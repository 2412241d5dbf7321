"""Pictures in files are this user's alone, and go even where their process is killed."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from dream.picture_folder import SMALL, PictureFolder

LEAVES_A_PICTURE = """
import asyncio, os, signal
from dream.picture_folder import PictureFolder
folder = PictureFolder()
folder.open()
print(asyncio.run(folder.put(bytes(2_000_000))), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_large_picture_is_a_file_of_this_user_and_a_small_one_none() -> None:
    folder = PictureFolder()
    folder.open()
    picture = asyncio.run(folder.put(bytes(SMALL)))
    assert isinstance(picture, Path)
    assert (picture.stat().st_mode & 0o777, folder.path.stat().st_mode & 0o777) == (0o600, 0o700)
    assert asyncio.run(folder.put(b"small")) == b"small"
    folder.remove(picture)
    folder.remove(b"small")
    assert not picture.exists()
    folder.close()
    assert not folder.path.exists()


def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    answer = subprocess.run([sys.executable, "-c", LEAVES_A_PICTURE], capture_output=True, text=True)
    left = Path(answer.stdout.strip())
    assert left.parent.parent == tmp_path and left.exists()
    first, second = PictureFolder(), PictureFolder()
    first.open()
    assert not left.parent.exists()
    second.open()
    assert first.path.exists()
    first.close()
    second.close()


def test_a_link_that_somebody_else_laid_is_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "documents"
    kept.mkdir()
    (kept / "letter").touch()
    (tmp_path / "dreambot-pictures-trap").symlink_to(kept)
    folder = PictureFolder()
    folder.open()
    folder.close()
    assert (kept / "letter").exists()


def test_without_room_for_the_file_the_picture_is_sent_itself() -> None:
    folder = PictureFolder()
    folder.open()
    folder.close()
    assert asyncio.run(folder.put(bytes(SMALL))) == bytes(SMALL)
