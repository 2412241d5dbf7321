"""The web page of the sandbox, served to this machine's own browser alone."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final

import discord
from aiohttp import BodyPartReader, web
from tzlocal import get_localzone

from bot.sandbox.actions import Actions, Files, ImpossibleError
from bot.sandbox.conversation import Conversation, Json, commands, readable_channels
from bot.sandbox.faults import Faults
from bot.sandbox.loopback import LOOPBACK
from bot.sandbox.server import CAPTIONS, SAMPLES, Person, Sandbox

STATIC: Final = Path(__file__).parent / "static"
REFRESH_SECONDS: Final = 0.1
"""How often the page looks for what has changed."""
HEARTBEAT_SECONDS: Final = 15.0
MOST_BYTES: Final = 100 * 2**20
"""Bytes of a request, at most: a message with ten files as large as Discord takes them."""
SHOWN_INLINE: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/webm")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
DAILY_HOUR: Final = time(9)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """Serves a sandbox at a port of the loopback interface.

    Whoever wants in needs the token, which only `url` holds; the browser then keeps it as a cookie. Requests
    under another host's name, or from another site's page, are refused.
    """

    def __init__(self, sandbox: Sandbox, listening: socket.socket) -> None:
        self._sandbox, self._listening = sandbox, listening
        self._port: int = listening.getsockname()[1]
        self._token = secrets.token_urlsafe(24)
        self._cookie = f"dreambot-sandbox-{self._port}"
        self._actions, self._faults = Actions(sandbox), Faults(sandbox)
        self._files: dict[str, discord.Attachment] = {}
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BYTES)
        app.add_routes(
            [
                web.get("/", self._enter),
                web.get("/events", self._events),
                web.get("/setting", self._setting),
                web.get("/commands", self._commands),
                web.get("/samples/{name}", self._sample),
                web.get("/media/{path:.+}", self._media),
                web.post("/action", self._action),
                web.post("/clock", self._clock),
                web.post("/fault", self._fault),
                web.static("/static", STATIC),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)

    @property
    def url(self) -> str:
        """Where the page is, with the token."""
        return f"http://{LOOPBACK}:{self._port}/?token={self._token}"

    async def open(self) -> None:
        """Begin to serve."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening).start()

    async def close(self) -> None:
        """Serve no more."""
        await self._faults.close()
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever comes from elsewhere, or without the token."""
        if request.host not in {f"{name}:{self._port}" for name in (LOOPBACK, "localhost")}:
            raise web.HTTPForbidden(text="The sandbox answers under its own address only.")
        origin = request.headers.get("Origin")
        if origin != f"http://{request.host}" and (origin or request.method != "GET"):
            raise web.HTTPForbidden(text="Another site's page may not use the sandbox.")
        given = request.query.get("token") if request.path == "/" else None
        if not self._is_token(given) and not self._is_token(request.cookies.get(self._cookie)):
            raise web.HTTPForbidden(text="Please open the address that `dreambot sandbox` has printed.")
        response = await handler(request)
        if not response.prepared:
            for name, value in SAFE_HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), self._token.encode())

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        if "token" in request.query:
            entered = web.Response(status=303, headers={"Location": "/"})
            entered.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
            return entered
        return web.FileResponse(STATIC / "index.html")

    async def _setting(self, request: web.Request) -> web.Response:
        """What stays the same: who there is, and what one can try."""
        presets = self._sandbox.app.presets
        return web.json_response(
            {
                "people": [
                    {"name": person.name, "id": str(person.user.id)}
                    for person in self._sandbox.people.values()
                ],
                "bot": {"id": str(self._sandbox.bot_user.id), "name": self._sandbox.bot_user.name},
                "samples": [{"name": name, "caption": caption} for name, caption in CAPTIONS.items()],
                "presets": [
                    {"name": name, "title": preset.title, "description": preset.description}
                    for name, preset in presets.items()
                ],
            }
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send all that a person sees, and then whatever changes, as server-sent events."""
        conversation = Conversation(self._sandbox, self._person(request), self._files)
        stream = web.StreamResponse(
            headers=SAFE_HEADERS | {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await stream.prepare(request)
        loop = asyncio.get_running_loop()
        seen, spoke_at = None, 0.0
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while True:
                now = (self._sandbox.changes, len(self._sandbox.env.http_requests), self._faults.going_on)
                if now != seen or loop.time() - spoke_at > HEARTBEAT_SECONDS:
                    seen, spoke_at = now, loop.time()
                    news = conversation.news() | self._standing()
                    await stream.write(f"data: {json.dumps(news)}\n\n".encode())
                await asyncio.sleep(REFRESH_SECONDS)
        return stream

    def _standing(self) -> Json:
        clock = self._sandbox.clock
        return {
            "seconds": clock.now().timestamp(),
            "ahead": clock.ahead.total_seconds(),
            "faults": self._faults.going_on,
            "ready": self._sandbox.is_ready,
        }

    async def _commands(self, request: web.Request) -> web.Response:
        person = self._person(request)
        for channel, _ in readable_channels(self._sandbox, person):
            if str(channel.id) == request.query.get("channel"):
                return web.json_response(commands(self._sandbox, person, channel))
        raise web.HTTPNotFound

    async def _sample(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in CAPTIONS:
            raise web.HTTPNotFound
        return web.FileResponse(SAMPLES / name)

    async def _media(self, request: web.Request) -> web.Response:
        file = self._files.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        data = await file.read()
        headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=3600"}
        type = (file.content_type or "").partition(";")[0]
        if type not in SHOWN_INLINE:
            type = "application/octet-stream"
            headers["Content-Disposition"] = "attachment"
        try:
            start, stop, _ = request.http_range.indices(len(data))
        except ValueError:
            raise web.HTTPRequestRangeNotSatisfiable from None
        if stop - start < len(data):
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            return web.Response(status=206, body=data[start:stop], content_type=type, headers=headers)
        return web.Response(body=data, content_type=type, headers=headers)

    async def _action(self, request: web.Request) -> web.Response:
        action, files = await _read_form(request)
        try:
            return web.json_response(await self._actions.perform(action, files))
        except ImpossibleError as error:
            return web.json_response({"error": str(error)}, status=409)

    async def _clock(self, request: web.Request) -> web.Response:
        """Move the clock by hours, or to tomorrow's daily dream."""
        wanted = await request.json()
        await self._sandbox.move_clock(
            timedelta(hours=float(wanted["hours"])) if "hours" in wanted else self._until_daily()
        )
        return web.json_response({})

    def _until_daily(self) -> timedelta:
        now = self._sandbox.clock.now()
        tomorrow = now.astimezone(get_localzone()).date() + timedelta(days=1)
        return datetime.combine(tomorrow, DAILY_HOUR, get_localzone()) - now

    async def _fault(self, request: web.Request) -> web.Response:
        try:
            await self._faults.cause((await request.json())["fault"])
        except KeyError:
            raise web.HTTPNotFound from None
        except (ImpossibleError, discord.HTTPException) as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({})

    def _person(self, request: web.Request) -> Person:
        try:
            return self._sandbox.people[request.query["as"]]
        except KeyError:
            raise web.HTTPNotFound from None


async def _read_form(request: web.Request) -> tuple[Json, Files]:
    if request.content_type != "multipart/form-data":
        raise web.HTTPBadRequest
    action: Json = {}
    files: dict[str, list[tuple[str, bytes]]] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise web.HTTPBadRequest
        if part.filename is None:
            action = json.loads(await part.text())
        else:
            files.setdefault(part.name, []).append((part.filename, bytes(await part.read())))
    return action, files
