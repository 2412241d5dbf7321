"""Bytes are counted before they are fetched, fetched a few at a time, and refused before the disk is full."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.support import pretended_dreams
from bot.clock import Clock
from bot.errors import Refused
from bot.queue.byte_semaphore import ByteSemaphore
from bot.queue.limits import LimitReached
from bot.queue.queue import Queue
from bot.queue.request import DreamRequest, Upload
from bot.store.database import Database
from bot.store.jobs import Job
from config.schema import Config, Store
from config.schema import Queue as QueueSettings
from dream.farm import Farm
from dream.recipe import Recipe

CAT = (Path(__file__).parents[3] / "dream/samples/chelsea.jpg").read_bytes()
SLOW = Recipe.parse(f"block8 steps={pretended_dreams.WAITS}")


@pytest_asyncio.fixture(scope="module")
async def farm() -> AsyncIterator[Farm]:
    farm = Farm(workers=1, memory_limit="0", render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    yield farm
    await farm.close()


class Uploads:
    """A queue with small limits, and how often a picture was fetched for it."""

    def __init__(self, database: Database, queue: Queue) -> None:
        self.database, self.queue, self.fetched = database, queue, 0

    async def ask(self, member_id: int = 1, guild_id: int | None = None, data: bytes = CAT) -> Job:
        async def fetch() -> bytes:
            self.fetched += 1
            await asyncio.sleep(0.05)
            return data

        source = Upload(len(data), fetch)
        return await self.queue.submit(
            DreamRequest(recipe=SLOW, source=source, member_id=member_id, guild_id=guild_id)
        )


@pytest_asyncio.fixture
async def uploads(farm: Farm, tmp_path: Path) -> AsyncIterator[Uploads]:
    size = len(CAT)
    limits = QueueSettings(member_bytes=2 * size, server_bytes=3 * size, total_bytes=5 * size)
    config = Config(data=tmp_path, queue=limits)
    database = Database(config.database_url)
    await database.open()
    queue = Queue(database, farm, Clock(), config)
    await queue.open()
    yield Uploads(database, queue)
    await queue.close()
    await database.close()


async def test_a_member_in_direct_messages_waits_with_so_many_bytes_and_no_more_is_fetched(
    uploads: Uploads,
) -> None:
    """On the code before, limits counted seconds alone, after the picture was fetched."""
    asked = await asyncio.gather(*(uploads.ask() for _ in range(6)), return_exceptions=True)
    refused = [answer for answer in asked if isinstance(answer, LimitReached)]
    assert (len(refused), uploads.fetched) == (4, 2)
    assert "please send a smaller one, or ask again" in str(refused[0])
    await uploads.queue.forget_member(1)
    await uploads.ask()


async def test_servers_and_all_together_have_limits_which_outlive_a_restart(uploads: Uploads) -> None:
    for member_id in (1, 2, 3):
        await uploads.ask(member_id, guild_id=7)
    with pytest.raises(LimitReached, match="This server"):
        await uploads.ask(4, guild_id=7)
    after = Queue(uploads.database, uploads.queue.farm, uploads.queue.clock, uploads.queue.config)
    await uploads.queue.close()
    await after.reconcile()
    uploads.queue = after
    with pytest.raises(LimitReached, match="This server"):
        await uploads.ask(4, guild_id=7)
    await uploads.ask(5)
    await uploads.ask(6)
    with pytest.raises(LimitReached, match="Everyone"):
        await uploads.ask(8)
    await after.close()


async def test_what_cannot_be_fetched_or_is_no_picture_counts_for_nothing(uploads: Uploads) -> None:
    for _ in range(4):
        with pytest.raises(Exception, match="picture"):
            await uploads.ask(data=b"no picture" * 9000)
    assert uploads.queue.admission.byte_limits.sum == 0


async def test_a_dream_is_refused_before_the_disk_is_full_and_the_operator_is_told_once(
    farm: Farm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(data=tmp_path, store=Store(free_bytes=10**18))
    database = Database(config.database_url)
    await database.open()
    uploads = Uploads(database, Queue(database, farm, Clock(), config))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(Refused, match="no room for more pictures just now; please"):
                await uploads.ask()
    assert uploads.fetched == 0
    assert [record.message.count("store.free_bytes") for record in caplog.records] == [1]
    await database.close()


async def test_so_many_bytes_are_held_at_once_and_the_first_is_served_first() -> None:
    semaphore, order, held, most = ByteSemaphore(64), [], 0, 0

    async def hold(number: int, count: int) -> None:
        nonlocal held, most
        async with semaphore.hold(count):
            order.append(number)
            held += count
            most = max(most, held)
            await asyncio.sleep(0)
            held -= count

    counts = [24, 24, 24, 1, 64, 1, 1]
    waiting = [asyncio.create_task(hold(number, count)) for number, count in enumerate(counts)]
    cancelled = asyncio.create_task(hold(7, 60))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4, 5, 6] and most <= 64
    await asyncio.wait_for(hold(8, 1000), 5)


async def test_many_large_uploads_taken_in_at_once_leave_the_process_small(tmp_path: Path) -> None:
    """On the code before, each was copied four times on its way to the worker that probes it."""
    program = [sys.executable, "-m", "tests.support.uploads_process", str(tmp_path), "4", "24000000"]
    printed = await asyncio.to_thread(
        subprocess.run, program, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    before, peak = map(int, printed.stdout.split())
    assert peak - before < 110, f"{before} MB grew to {peak} MB"
