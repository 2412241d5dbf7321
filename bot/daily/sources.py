"""Sources of daily dreams: members' pictures, the operator's folder, samples, generated skies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import dream
from dream.formats import is_picture

SAMPLES: Final = Path(dream.__file__).parent / "samples"


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that a daily dream could be made from.

    `kind` is one of "members", "folder", "samples" and "sky". `name` identifies the picture. `read` fetches
    its bytes; a sky has none.
    """

    kind: str
    name: str
    read: Callable[[], Awaitable[bytes]] | None = field(default=None, compare=False)
    author_id: int | None = None
    channel_id: int | None = None
    message_id: int | None = None


def folder_pictures(kind: str, folder: Path | None) -> list[Source]:
    """The pictures in a folder, recursively, as sources of a kind."""
    if folder is None or not folder.is_dir():
        return []
    return [
        Source(
            kind, f"{kind}/{path.relative_to(folder).as_posix()}", partial(asyncio.to_thread, path.read_bytes)
        )
        for path in sorted(folder.rglob("*"))
        if is_picture(path.name) and path.is_file()
    ]


def sky(rng: random.Random, used: Container[str] = ()) -> Source:
    """A generated sky; its name contains its seed and is not in `used`."""
    while (name := f"sky/{rng.randrange(1_000_000)}") in used:
        pass
    return Source("sky", name)
