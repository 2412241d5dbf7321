"""What is done again and again."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bot.periodic import Periodic
from tests.support.waiting import until

JUST_BEFORE_NOON = datetime(2026, 5, 1, 11, 59, 59, 950_000, tzinfo=UTC)


async def test_actions_run_side_by_side_and_close_stops_them(caplog: pytest.LogCaptureFixture) -> None:
    periodic = Periodic()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with time_machine.travel(JUST_BEFORE_NOON):
        periodic.every_minutes(1, slow)
        periodic.open()
        await asyncio.wait_for(begun.wait(), 5)
        await periodic.close()
    assert ended.is_set()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_an_action_that_fails_runs_again_at_its_next_time(caplog: pytest.LogCaptureFixture) -> None:
    periodic = Periodic()
    tried: list[None] = []

    async def broken() -> None:
        tried.append(None)
        raise ZeroDivisionError("a broken action")

    periodic.every_seconds(0.01, broken)
    periodic.open()
    await until(lambda: len(tried) > 1)
    await periodic.close()
    assert "a broken action" in caplog.text


@pytest.mark.parametrize("step", [timedelta(hours=-2), timedelta(days=-400), timedelta(hours=3)])
async def test_nothing_stands_still_when_the_clock_is_set_back_or_forward(
    step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.periodic.WATCH_SECONDS", 0.1)
    with time_machine.travel(JUST_BEFORE_NOON) as clock:
        periodic = Periodic()
        seconds: list[datetime] = []
        minutes: list[datetime] = []

        async def every_second() -> None:
            seconds.append(datetime.now(UTC))

        async def every_minute() -> None:
            minutes.append(datetime.now(UTC))

        periodic.every_seconds(0.1, every_second)
        periodic.every_minutes(1, every_minute)
        periodic.open()
        await until(lambda: bool(seconds and minutes))
        clock.move_to(JUST_BEFORE_NOON + step - timedelta(seconds=5))
        before = len(seconds), len(minutes)
        await until(lambda: len(seconds) > before[0] + 3 and len(minutes) > before[1])
        await periodic.close()
