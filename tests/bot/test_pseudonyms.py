"""The key of the hashes that stand for members, through crashes of whoever makes it."""

import signal
import subprocess
import sys
from pathlib import Path

from bot.pseudonyms import pseudonyms
from config.schema import Config


def test_an_empty_key_file_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    key = tmp_path / "privacy.key"
    key.touch(mode=0o644)
    assert pseudonyms(Config(data=tmp_path))(5) == pseudonyms(Config(data=tmp_path))(5)
    assert key.stat().st_size == 32 and key.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [key]


def test_a_key_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """The process dies, as on a full disk, while it writes: nothing is in the way of the next start."""
    code = (
        "import resource, signal; from pathlib import Path\n"
        "from bot.pseudonyms import pseudonyms; from config.schema import Config\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL); resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))\n"
        f"pseudonyms(Config(data=Path({str(tmp_path)!r})))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGXFSZ
    assert not (tmp_path / "privacy.key").exists()
    pseudonyms(Config(data=tmp_path))
