"""What is done again and again."""

import asyncio
from datetime import UTC, datetime

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.periodic import Periodic


async def test_actions_run_side_by_side_and_close_stops_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    monkeypatch.setattr("bot.periodic.AsyncIOScheduler", lambda **_: scheduler)
    periodic = Periodic()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def broken() -> None:
        raise ZeroDivisionError

    periodic.every_minutes(1, slow)
    periodic.every_minutes(1, broken)
    periodic.open()
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))
    await asyncio.wait_for(begun.wait(), 5)
    assert all(job.next_run_time.second == 0 for job in scheduler.get_jobs())
    await periodic.close()
    assert ended.is_set()
    assert not [record for record in caplog.records if record.name.startswith("apscheduler")], "a traceback"
