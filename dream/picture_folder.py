"""Pictures that are handed to the worker processes of this machine as files.

In a message, Dask would copy a large picture four times in the bot's process, its client and its scheduler.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "dreambot-pictures-"

SMALL = 1_000_000
"""Bytes of a picture that is sent in a message all the same."""


class PictureFolder:
    """A folder of files that this user alone reads, each deleted once it is dreamt on.

    It is deleted by `close`, or where the process was killed before, by the next one that calls `open`.
    """

    path: Path

    def open(self) -> None:
        """Make the folder, and delete those that killed processes left."""
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            if (lock := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = _locked(self.path)
            if self._lock is not None and self.path.exists():  # else another process has just swept it up
                return

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    async def put(self, data: bytes) -> bytes | Path:
        """A picture as what is to be sent to a worker: a new file, or itself.

        The latter is for what is small, and for when there is no room for the file.
        """
        if len(data) < SMALL:
            return data
        try:
            return await asyncio.to_thread(self._write, data)
        except OSError:
            return data

    def remove(self, picture: bytes | Path) -> None:
        """Delete the file that `put` made, if it did."""
        if isinstance(picture, Path):
            picture.unlink(missing_ok=True)

    def _write(self, data: bytes) -> Path:
        with tempfile.NamedTemporaryFile(dir=self.path, delete=False) as file:
            try:
                file.write(data)
            except OSError:
                Path(file.name).unlink()
                raise
        return Path(file.name)


def _locked(folder: Path) -> int | None:
    """A lock on a folder of this user that no living process holds, or None."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
