"""Keyed hashes that stand for members whose ids are not to be kept.

Blocks and opt-outs have to outlast `forget-me`. HMAC-SHA-256 with a key outside the database recognises a
member who comes back, and does not identify them to a reader of the database.
"""

import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from config.problems import ConfigError, Problem
from config.schema import Config

Pseudonym = Callable[[int], str]
"""From a member's id to the 34 characters that stand for it, always the same ones."""


def key_file(config: Config) -> Path:
    """Where the key of this installation is."""
    return config.privacy.key_file or config.folder / "privacy.key"


def pseudonyms(config: Config) -> Pseudonym:
    """The pseudonyms of this installation, whose key is made at the first start. Raises ConfigError."""
    key = _key(key_file(config))

    def pseudonym(member_id: int) -> str:
        return "m-" + hmac.digest(key, str(member_id).encode(), "sha256").hex()[:32]

    return pseudonym


def _key(file: Path) -> bytes:
    try:
        if not file.exists() or not file.stat().st_size:
            _make(file)
        key = file.read_bytes()
    except OSError as error:
        raise ConfigError(Problem(str(file), "privacy", "key_file", f"{error.strerror}")) from None
    if len(key) < 16:
        raise ConfigError(Problem(str(file), "privacy", "key_file", "holds fewer than 16 bytes"))
    return key


def _make(file: Path) -> None:
    """Write a new key to `file`: all of it or, if this process dies, nothing. An empty file is replaced."""
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as new:  # mode 0600
        temporary = Path(new.name)
        try:
            new.write(secrets.token_bytes(32))
            new.flush()
            os.fsync(new.fileno())
            if file.exists():
                temporary.replace(file)
            else:
                with suppress(FileExistsError):  # another process made one at this moment: that one counts
                    file.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
