"""The REST API and the CDN of the Discord stand-in: nonces, rate limits with 429s, failures at will."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from aiohttp import web

from bench.support.discord_session import Json
from bench.support.discord_world import TOKEN, RefusalError, World

BUCKETS = {"POST": (5, 5.0), "PATCH": (5, 5.0), "DELETE": (5, 1.0), "PUT": (1, 0.3), "GET": (50, 1.0)}
GLOBAL = (50, 1.0)
NONCE_SECONDS = 300.0


class Limiter:
    """Fixed windows, as Discord's headers describe them."""

    def __init__(self) -> None:
        self.windows: dict[str, tuple[float, int]] = {}

    def take(self, key: str, limit: int, seconds: float) -> tuple[int, float]:
        """Calls left in this window (-1: refused) and seconds until it ends."""
        now = time.monotonic()
        end, used = self.windows.get(key, (0.0, 0))
        if now >= end:
            end, used = now + seconds, 0
        self.windows[key] = (end, used + 1)
        return max(limit - used - 1, -1), end - now


def in_json(answer: Any, status: int, headers: dict[str, str]) -> web.Response:
    """An answer under exactly the content type that discord.py reads JSON under."""
    body = json.dumps(answer).encode()
    return web.Response(body=body, status=status, headers=headers | {"Content-Type": "application/json"})


class Rest:
    """Discord's routes that the bot uses."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.limiter = Limiter()
        self.nonces: dict[tuple[str, str], tuple[float, Json]] = {}

    def add_routes(self, router: web.UrlDispatcher) -> None:
        api, message = "/api/v10", "/channels/{channel}/messages"
        hook = "/webhooks/{application}/{token}"
        for method, path, handler in [
            ("GET", "/users/@me", self.me),
            ("GET", "/users/@me/guilds", self.get_guilds),
            ("GET", "/oauth2/applications/@me", self.application),
            ("GET", "/gateway/bot", self.gateway_address),
            ("PUT", "/applications/{application}/commands", self.put_commands),
            ("GET", message, self.get_history),
            ("POST", message, self.post_message),
            ("GET", message + "/{message}", self.get_message),
            ("PATCH", message + "/{message}", self.patch_message),
            ("DELETE", message + "/{message}", self.delete_message),
            ("PUT", message + "/{message}/reactions/{emoji}/@me", self.react),
            ("GET", "/guilds/{guild}/members/{user}", self.get_member),
            ("POST", "/interactions/{interaction}/{token}/callback", self.callback),
            ("POST", hook, self.follow_up),
            ("PATCH", hook + "/messages/{message}", self.original),
            ("DELETE", hook + "/messages/{message}", self.original),
        ]:
            router.add_route(method, api + path, handler)
        router.add_get("/cdn/{path:.*}", self.cdn)

    @web.middleware
    async def discipline(self, request: web.Request, handler: Any) -> Any:
        """What every REST call meets first: the token, planned failures, rate limits."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        path = request.path.removeprefix("/api/v10")
        self.world.requests[f"{request.method} {re.sub(r'[0-9]+', '#', path)}"] += 1
        headers: dict[str, str] = {}
        try:
            exempt = path.startswith(("/interactions", "/webhooks"))
            if not exempt and request.headers.get("Authorization") != f"Bot {TOKEN}":
                raise RefusalError(401, 0, "401: Unauthorized")
            for failure in self.world.failures:
                if (
                    failure["times"]
                    and failure["method"] == request.method
                    and re.search(failure["path"], path)
                ):
                    failure["times"] -= 1
                    raise RefusalError(failure["status"], failure.get("code", 0), "planned failure")
            if self.world.limits and not exempt:
                headers, late = self.pace(request.method, path)
                if late is not None:
                    return in_json(late, 429, headers | {"Via": "1.1 wire"})
            answer = await handler(request)
        except RefusalError as refusal:
            return in_json(refusal.body, refusal.status, headers)
        if answer is None:
            return web.Response(status=204, headers=headers)
        return in_json(answer, 200, headers)

    def pace(self, method: str, path: str) -> tuple[dict[str, str], Json | None]:
        major = re.match(r"/(channels|guilds)/(\d+)", path)
        bucket = re.sub(r"\d{2,}", "#", path)
        left, seconds = self.limiter.take("global", *GLOBAL)
        if left < 0:
            headers = {"Retry-After": f"{seconds:.3f}", "X-RateLimit-Global": "true"}
            return headers, {"message": "slow down", "retry_after": seconds, "global": True}
        limit, window = BUCKETS[method]
        left, seconds = self.limiter.take(f"{method} {bucket} {major and major[2]}", limit, window)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": f"{time.time() + seconds:.3f}",
            "X-RateLimit-Reset-After": f"{seconds:.3f}",
            "X-RateLimit-Bucket": f"{method}{bucket}".replace("/", "-"),
        }
        late = {"message": "slow down", "retry_after": seconds, "global": False} if left < 0 else None
        return headers, late

    async def body(self, request: web.Request, channel: str) -> tuple[Json, list[Json] | None]:
        """A call's JSON and the attachments that the message shall have (None: left as they are)."""
        files: dict[str, tuple[str, bytes]] = {}
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            body = json.loads(str(form["payload_json"]))
            for key, value in form.items():
                if isinstance(value, web.FileField):
                    files[key.removeprefix("files[").removesuffix("]")] = (value.filename, value.file.read())
        else:
            body = await request.json() if request.can_read_body else {}
        data = body.get("data") or body if "type" in body and "data" in body else body
        if data.get("attachments") is None:
            return body, None
        kept = []
        for entry in data["attachments"]:
            if str(entry["id"]) in files:
                name, raw = files[str(entry["id"])]
                name = entry.get("filename") or name
                kept.append(self.world.attachment(channel, name, raw, entry.get("description")))
            else:
                kept.append(next(old for old in self.all_attachments() if old["id"] == str(entry["id"])))
        return body, kept

    def all_attachments(self) -> Any:
        for channel in self.world.messages.values():
            for message in channel.values():
                yield from message["attachments"]

    async def me(self, _: web.Request) -> Json:
        return self.world.bot

    async def application(self, _: web.Request) -> Json:
        return {
            "id": self.world.bot["id"],
            "name": "Dreambot",
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "",
            "flags": 1 << 18 if self.world.privileged else 0,
            "owner": {"id": "1", "username": "owner", "discriminator": "0", "avatar": None},
        }

    async def get_guilds(self, _: web.Request) -> list[Json]:
        may = self.world.permissions(self.world.bot)
        names = {guild: self.world.guild(guild)["name"] for guild in self.world.guilds}
        return [{"id": guild, "name": name, "permissions": may} for guild, name in names.items()]

    async def gateway_address(self, _: web.Request) -> Json:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return {
            "url": self.world.address.replace("http", "ws") + "/socket",
            "shards": 1,
            "session_start_limit": limit,
        }

    async def put_commands(self, request: web.Request) -> list[Json]:
        self.world.commands = [
            {
                "id": self.world.snowflake(),
                "application_id": self.world.bot["id"],
                "version": "1",
                "type": 1,
                "description": "",
                **command,
            }
            for command in await request.json()
        ]
        return self.world.commands

    async def get_history(self, request: web.Request) -> list[Json]:
        messages = self.world.messages[request.match_info["channel"]]
        limit = int(request.query.get("limit", 50))
        ids = sorted(messages)
        if after := request.query.get("after"):
            ids = [number for number in ids if number > int(after)][:limit]
        elif before := request.query.get("before"):
            ids = [number for number in ids if number < int(before)][-limit:]
        return [messages[number] for number in reversed(ids[-limit:])]

    async def get_message(self, request: web.Request) -> Json:
        return self.world.find(request.match_info["channel"], request.match_info["message"])

    async def post_message(self, request: web.Request) -> Json:
        channel = self.world.channels.get(request.match_info["channel"])
        if channel is None:
            raise RefusalError(404, 10003, "Unknown Channel")
        body, attachments = await self.body(request, channel["id"])
        key = (channel["id"], str(body.get("nonce")))
        if body.get("enforce_nonce") and key in self.nonces:
            when, message = self.nonces[key]
            if time.monotonic() - when < NONCE_SECONDS:
                return message
        if reference := body.get("message_reference"):
            known = int(reference["message_id"]) in self.world.messages[channel["id"]]
            if not known and reference.get("fail_if_not_exists", True):
                raise RefusalError(400, 50035, "Unknown message")
            if not known:
                del body["message_reference"]
        message = await self.world.post(channel, self.world.bot, body, attachments or [])
        self.nonces[key] = (time.monotonic(), message)
        return message

    async def patch_message(self, request: web.Request) -> Json:
        channel = request.match_info["channel"]
        message = self.world.find(channel, request.match_info["message"])
        body, attachments = await self.body(request, channel)
        return await self.world.change(message, body, attachments)

    async def delete_message(self, request: web.Request) -> None:
        await self.world.forget(request.match_info["channel"], request.match_info["message"])

    async def get_member(self, request: web.Request) -> Json:
        for user in self.world.users.values():
            if user["id"] == request.match_info["user"]:
                return self.world.member(user, request.match_info["guild"]) | {"user": user}
        raise RefusalError(404, 10007, "Unknown Member")

    async def react(self, _: web.Request) -> None:
        """Take a reaction, which nothing shows."""

    async def callback(self, request: web.Request) -> Json | None:
        record = self.world.interactions[request.match_info["token"]]
        body, attachments = await self.body(request, record["channel"]["id"])
        if record["acknowledged"] is not None:
            raise RefusalError(400, 40060, "Interaction has already been acknowledged.")
        record["acknowledged"] = time.monotonic() - record["asked"]
        record["type"] = body["type"]
        data = body.get("data") or {}
        record["ephemeral"] = bool(data.get("flags", 0) & 64)
        resource: Json = {"type": body["type"]}
        message = None
        if body["type"] == 4:
            message = await self.world.respond(record, data, attachments)
        elif body["type"] == 7 and record["source"]:
            message = await self.world.change(record["source"], data, attachments)
        if request.query.get("with_response") not in ("1", "true", "True"):
            return None
        answer: Json = {"interaction": {"id": record["id"], "type": 2}, "resource": resource}
        if message is not None:
            resource["message"] = message
            answer["interaction"] |= {"response_message_id": message["id"]}
        return answer

    async def follow_up(self, request: web.Request) -> Json:
        record = self.world.interactions[request.match_info["token"]]
        body, attachments = await self.body(request, record["channel"]["id"])
        return await self.world.respond(record, body, attachments)

    async def original(self, request: web.Request) -> Any:
        record = self.world.interactions[request.match_info["token"]]
        wanted = request.match_info["message"]
        found = [message for message in record["messages"] if wanted in ("@original", message["id"])]
        if wanted == "@original" and record["source"] and not found:
            found = [record["source"]]
        if request.method == "DELETE":
            for message in found[:1]:
                record["messages"].remove(message)
                if int(message["id"]) in self.world.messages[message["channel_id"]]:
                    await self.world.forget(message["channel_id"], message["id"])
            return None
        body, attachments = await self.body(request, record["channel"]["id"])
        if not found:
            return await self.world.respond(record, body, attachments)
        return await self.world.change(found[0], body, attachments)

    async def cdn(self, request: web.Request) -> web.Response:
        data = self.world.files.get(request.path)
        return web.Response(status=404) if data is None else web.Response(body=data)
