"""What an operator sees of a bot that runs: its log, its metrics, and how it stands in words."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bench.support.discord_client import ROOT, Wire
from tests.support.running import PHOTO, PRETENDING, connected, free_port, is_dream, running


async def page(port: str, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def samples(port: str) -> dict[str, float]:
    """What a scrape says, by name and labels."""
    _, text = await page(port, "/metrics")
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def status(port: str, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "status", *options),
        cwd=ROOT,
        env=os.environ | {"DREAMBOT_MONITORING__PORT": port},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_dreams_life_is_logged_counted_and_told(tmp_path: Path) -> None:
    port = free_port()
    async with Wire() as wire, running(wire, tmp_path, PRETENDING, DREAMBOT_MONITORING__PORT=port) as bot:
        await connected(wire)
        await wire.say("!dream block3 steps=3", PHOTO)
        await wire.say("!dream block3 steps=13", PHOTO)  # which is no picture
        for _ in range(3):
            await wire.say("!dream block3 steps=2", PHOTO)
        await wire.until(lambda answers: sum(map(is_dream, answers)) == 4)
        await wire.until(lambda answers: any("is no picture" in answer["content"] for answer in answers))
        scrapes = [await samples(port)]
        code, said = await status(port)
        assert code == 0 and "0 dreaming" in said and "4 done, 1 failed" in said and "1 up" in said
        for _ in range(3):  # one of which is being dreamt when it is looked for
            await wire.say("!dream block3 steps=100", PHOTO)
        async with asyncio.timeout(60):
            while not scrapes[-1].get("dreambot_jobs dreaming"):
                scrapes.append(await samples(port))
        for scrape in scrapes:
            ended = sum(scrape[f"dreambot_jobs_ended_total {end}"] for end in ("done", "failed", "cancelled"))
            waiting = scrape["dreambot_jobs queued"] + scrape["dreambot_jobs dreaming"]
            assert scrape["dreambot_jobs_asked_total dream"] == ended + waiting
        assert scrapes[0]["dreambot_jobs_ended_total done"] == 4
        assert scrapes[-1]["dreambot_job_failures_total PictureError"] == 1
        assert scrapes[0]["dreambot_wait_seconds_count efficientnet_lite0"] == 5
        assert scrapes[-1]["dreambot_workers"] == scrapes[-1]["dreambot_ready"] == 1
        assert await page(port, "/readyz") == await page(port, "/healthz") == (200, "ok\n")
        bot.send_signal(signal.SIGTERM)
        assert bot.stderr
        heard: list[dict[str, Any]] = [json.loads(line) for line in (await bot.stderr.read()).splitlines()]

    lives: dict[str, list[str]] = {}
    processes: dict[str, set[int]] = {}
    for line in heard:
        if "job" in line:
            lives.setdefault(line["job"], []).append(line["event"])
            processes.setdefault(line["job"], set()).add(line["process"])
    done = next(id for id, life in lives.items() if "done" in life)
    life = [event.partition(" ")[0] for event in lives[done]]
    assert sorted(life) == ["asked", "begun", "delivered", "done", "dreaming", "dreamt"]
    assert len(processes[done]) == 2, "the bot and its worker"
    failed = next(life for life in lives.values() if "failed" in life)
    assert failed[-2:] == ["failed", "delivered"]
    events = {line["event"] for line in heard}
    assert {"connected", "a worker is up"} <= events
    assert "alice" not in str(heard) and "chelsea" not in str(heard)


async def test_a_status_without_a_bot_says_where_it_was_looked_for() -> None:
    port = free_port()
    code, said = await status(port)
    assert code == 2 and f"127.0.0.1:{port} (monitoring.host" in said
    code, said = await status("0")
    assert code == 2 and "monitoring.port is 0" in said


async def test_a_port_that_is_taken_stops_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        async with Wire() as wire, running(wire, tmp_path, PRETENDING, DREAMBOT_MONITORING__PORT=port) as bot:
            await connected(wire)
            await wire.say("!layers")
            await wire.until(bool)
            bot.kill()
            assert bot.stderr
            assert "monitoring.port" in (await bot.stderr.read()).decode()
