"""Serves /metrics for Prometheus, /healthz and /readyz for process managers, /status for people."""

from __future__ import annotations

import logging
from dataclasses import asdict

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bot.health import HealthMonitor
from config.schema import Monitoring

log = logging.getLogger(__name__)


class Endpoint:
    """An HTTP server at `monitoring.host` and `monitoring.port`; with port 0 there is none."""

    def __init__(self, health: HealthMonitor, config: Monitoring) -> None:
        self._health, self._config = health, config
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen. Where that is impossible an error is logged, and the bot goes on without."""
        if not self._config.port:
            return
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._is_alive)
        app.router.add_get("/readyz", self._is_ready)
        app.router.add_get("/status", self._status)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._config.host, self._config.port).start()
        except OSError as error:
            log.error(
                "/metrics and /readyz are not served at %s:%d (monitoring.host, monitoring.port): %s",
                self._config.host,
                self._config.port,
                error.strerror,
            )

    async def close(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        await self._health.check()
        page = generate_latest(self._health.registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _is_alive(self, _request: web.Request) -> web.Response:
        """The event loop runs, or there were no answer; nothing else is a reason to restart the bot."""
        return web.Response(text="ok\n")

    async def _is_ready(self, _request: web.Request) -> web.Response:
        unready = (await self._health.check()).unready
        if unready:
            return web.Response(status=503, text="".join(f"{line}\n" for line in unready.values()))
        return web.Response(text="ok\n")

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(await self._health.check()))
