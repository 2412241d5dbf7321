"""A clip whose bot was killed goes on from the frames that are there."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import pytest

from bench.support.discord_client import Wire
from dream.checkpoint import FILE, Checkpoint
from dream.picture import decode
from tests.support.clips import film, pan
from tests.support.running import PHOTO, connected, is_dream, running

FRAMES = 40


@asynccontextmanager
async def frames_saved(folder: Path) -> AsyncIterator[list[int]]:
    """How many frames each checkpoint in the cache was made after, in the order they were made."""
    found: list[int] = []

    def look() -> None:
        for file in folder.rglob(FILE):
            checkpoint = Checkpoint.load(file.parent)
            if checkpoint and checkpoint.frames not in found[-1:]:
                found.append(checkpoint.frames)

    async def look_again() -> None:
        while True:
            look()
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look_again())
    try:
        yield found
    finally:
        looking.cancel()


async def until_saved(saved: list[int]) -> int:
    async with asyncio.timeout(60):
        while not saved:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return saved[-1]


@pytest.mark.slow
async def test_a_clip_goes_on_after_its_bot_was_killed(tmp_path: Path) -> None:
    clip = film(pan(decode(PHOTO[1]), FRAMES, (192, 128), step=2))
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    async with Wire() as wire, frames_saved(tmp_path / "cache") as saved:
        async with running(wire, tmp_path, **environment) as bot:
            await connected(wire)
            await wire.say("!dream block5 steps=2", ("cat.mp4", clip))
            before = await until_saved(saved)
            bot.kill()
            await bot.wait()
        async with running(wire, tmp_path, **environment):
            (answer,) = await wire.until(lambda answers: any(map(is_dream, answers)), seconds=120)
            assert before < FRAMES
            assert saved == sorted(saved), "no frame was dreamt again from the first"
        with av.open(io.BytesIO(await wire.download(answer["attachments"][0]))) as container:
            assert container.streams.video[0].frames == FRAMES
        assert not list((tmp_path / "cache").rglob(FILE)), "nothing is kept of what is done"
