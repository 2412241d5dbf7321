"""Traces of a dream through the bot and its worker, as a collector on loopback receives them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.support.discord_client import Wire
from tests.support.running import PHOTO, PRETENDING, connected, is_dream, running

Spans = dict[str, tuple[str, bytes, bytes, bytes]]
"""By its name: a span's service, its trace's id, its own, and its parent's."""


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: Spans = {}

    async def receive(self, request: web.Request) -> web.Response:
        for sent in ExportTraceServiceRequest.FromString(await request.read()).resource_spans:
            names = {field.key: field.value.string_value for field in sent.resource.attributes}
            for scope in sent.scope_spans:
                for span in scope.spans:
                    self.spans[span.name] = (
                        names["service.name"],
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id,
                    )
        return web.Response()

    async def open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/traces", self.receive)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner


async def test_a_dream_is_one_trace_of_the_bot_and_its_worker(tmp_path: Path) -> None:
    collector = Collector()
    runner = await collector.open()
    there = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://{}:{}".format(*runner.addresses[0]),
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    async with Wire() as wire, running(wire, tmp_path, PRETENDING, **there):
        await connected(wire)
        await wire.say("!dream block3 steps=3", PHOTO)
        await wire.until(lambda answers: any(map(is_dream, answers)))
        async with asyncio.timeout(30):
            while len(collector.spans) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    await runner.cleanup()
    root = collector.spans["job"]
    parents = {name: (service, parent) for name, (service, _, _, parent) in collector.spans.items()}
    assert {trace for _, trace, _, _ in collector.spans.values()} == {root[1]}
    assert parents == {
        "job": ("dreambot", b""),
        "wait": ("dreambot", root[2]),
        "dream": ("dreambot", root[2]),
        "deliver": ("dreambot", root[2]),
        "render": ("dreambot-worker", root[2]),
    }
