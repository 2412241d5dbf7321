"""A Discord small enough to read: the REST routes and gateway opcodes that `dreambot run` meets.

Where the bot logs in by itself, or must die, SimCord cannot help: this server is met by discord.py's own HTTP
and WebSocket code. It enforces nonces, paces with Discord's rate-limit headers and 429s, splits servers over
shards and keeps what was posted while bots come and go. It listens on loopback alone.

    python -m bench.support.discord_server PORT [--servers N] [--no-limits] [--no-intents]

The bot's side is `/api/v10` (token `wire`). The test's side is JSON over `/control`, which `Wire` in
discord_client.py speaks:

    POST /control/say          channel, author, content, attachments: [{filename, data: base64}]
                               -> the message
    POST /control/slash        channel, author, name ("daily on"), options: {name: value},
                               attachments: {option: {filename, data}} -> {id}
    POST /control/press        message_id, author, custom_id -> {id}
    POST /control/restrict     bits: permissions that nobody has from now on
    POST /control/fail         method, path (a regular expression), status, code, times: calls that will fail
    POST /control/event        text; sent to every session as it is
    POST /control/drop         shard, guilds_after: closes its sessions (or all), which cannot be resumed; the
                               servers then come so many seconds after READY
    GET  /control/messages     ?channel=dreams -> what a member sees there, oldest first; `edits` counts edits
    GET  /control/interaction  ?id= -> {acknowledged: seconds or null, type, messages}
    GET  /control/state        {sessions, commands, requests}

A channel is named "dreams" (of the first server) or "3/dreams"; channels and authors are made when first
named. The author "admin" holds a role with Administrator.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import mimetypes
import re
import time
import zlib
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "wire"
EPOCH = 1420070400000
MESSAGE_CONTENT = 1 << 15
ADMINISTRATOR = 1 << 3
EVERYONE = 0x7_FFFF_FFFF_FFFF & ~(ADMINISTRATOR | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 13 | 1 << 28)
BUCKETS = {"POST": (5, 5.0), "PATCH": (5, 5.0), "DELETE": (5, 1.0), "PUT": (1, 0.3), "GET": (50, 1.0)}
GLOBAL = (50, 1.0)
NONCE_SECONDS = 300.0

Json = dict[str, Any]


class RefusalError(Exception):
    """An answer that is an error, as Discord words it."""

    def __init__(self, status: int, code: int = 0, message: str = "") -> None:
        self.status, self.body = status, {"code": code, "message": message}


@dataclass
class Session:
    """One shard's gateway connection."""

    socket: web.WebSocketResponse
    compressor: Any
    shard: tuple[int, int]
    intents: int
    id: str
    sent: list[Json] = field(default_factory=list)

    async def send(self, op: int, data: Any = None, event: str | None = None) -> None:
        frame = {"op": op, "d": data, "s": len(self.sent) + 1 if event else None, "t": event}
        if event:
            self.sent.append(frame)
        raw = json.dumps(frame).encode()
        if self.compressor is None:
            await self.socket.send_str(raw.decode())
        else:
            await self.socket.send_bytes(self.compressor(raw))


def compressor(kind: str | None) -> Any:
    if kind == "zlib-stream":
        stream = zlib.compressobj()
        return lambda raw: stream.compress(raw) + stream.flush(zlib.Z_SYNC_FLUSH)
    return None


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


class Discord:
    """The whole world of one run: servers, channels, members, messages, and the bot's sessions."""

    def __init__(self, servers: int = 1, *, limits: bool = True, privileged: bool = True) -> None:
        self.limits, self.privileged = limits, privileged
        self.serial = itertools.count(1)
        self.restricted = 0
        self.bot: Json = {
            "id": "1000",
            "username": "Dreambot",
            "discriminator": "0",
            "avatar": None,
            "bot": True,
        }
        self.users: dict[str, Json] = {"Dreambot": self.bot}
        self.guilds_after = 0.0
        """Seconds between READY and the servers' GUILD_CREATE events."""
        self.guilds = [str(((number + 1) << 32) + (number << 22)) for number in range(servers)]
        self.channels: dict[str, Json] = {}
        self.messages: dict[str, dict[int, Json]] = defaultdict(dict)
        self.files: dict[str, bytes] = {}
        self.nonces: dict[tuple[str, str], tuple[float, Json]] = {}
        self.commands: list[Json] = []
        self.interactions: dict[str, Json] = {}
        self.sessions: dict[str, Session] = {}
        self.failures: list[Json] = []
        self.requests: Counter[str] = Counter()
        self.limiter = Limiter()
        self.address = ""
        for number in range(servers):
            self.channel_named(f"{number}/dreams")
            self.channel_named(f"{number}/general")

    # ------------------------------------------------------------------------------------------- the world

    def snowflake(self) -> str:
        return str((int(time.time() * 1000) - EPOCH << 22) | next(self.serial) & 0x3FFFFF)

    def channel_named(self, name: str) -> Json:
        server, _, plain = name.rpartition("/")
        guild = self.guilds[int(server or 0)]
        for channel in self.channels.values():
            if channel["guild_id"] == guild and channel["name"] == plain:
                return channel
        channel = {
            "id": self.snowflake(),
            "type": 0,
            "guild_id": guild,
            "name": plain,
            "position": 0,
            "nsfw": False,
        }
        channel |= {"permission_overwrites": [], "parent_id": None, "topic": None, "last_message_id": None}
        channel |= {"rate_limit_per_user": 0}
        self.channels[channel["id"]] = channel
        return channel

    def user(self, name: str) -> Json:
        if name not in self.users:
            number = str(2000 + len(self.users))
            self.users[name] = {"id": number, "username": name, "discriminator": "0", "avatar": None}
        return self.users[name]

    def member(self, user: Json, guild: str) -> Json:
        roles = [str(int(guild) + 1)] if user["username"] == "admin" else []
        return {
            "roles": roles,
            "joined_at": "2024-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
        }

    def permissions(self, user: Json) -> str:
        return str((EVERYONE | (ADMINISTRATOR if user["username"] == "admin" else 0)) & ~self.restricted)

    def guild(self, guild: str) -> Json:
        role: Json = {
            "color": 0,
            "hoist": False,
            "position": 0,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        return {
            "unavailable": False,  # which tells a server that is there again from one that is new
            "id": guild,
            "name": f"Server {self.guilds.index(guild)}",
            "owner_id": "1",
            "roles": [
                role | {"id": guild, "name": "@everyone", "permissions": str(EVERYONE)},
                role | {"id": str(int(guild) + 1), "name": "Admins", "permissions": str(ADMINISTRATOR)},
            ],
            "channels": [channel for channel in self.channels.values() if channel["guild_id"] == guild],
            "members": [self.member(self.bot, guild) | {"user": self.bot}],
            "member_count": 1,
            "joined_at": "2024-01-01T00:00:00+00:00",
            "preferred_locale": "en-US",
            "premium_tier": 0,
            "large": False,
        } | {key: [] for key in ("emojis", "stickers", "threads", "presences", "voice_states", "features")}

    async def emit(self, event: str, guild: str, data: Json) -> None:
        """Send an event to the sessions that own `guild`, without content that they may not read."""
        for session in list(self.sessions.values()):
            if (int(guild) >> 22) % session.shard[1] != session.shard[0] or session.socket.closed:
                continue
            seen = data
            if event == "MESSAGE_CREATE" and not session.intents & MESSAGE_CONTENT:
                named = any(user["id"] == self.bot["id"] for user in data["mentions"])
                if not named and data["author"] is not self.bot:
                    seen = data | {"content": "", "attachments": [], "embeds": [], "components": []}
            with suppress(ConnectionError):  # its process is gone; whoever caused the event is not told
                await session.send(0, seen, event)

    def attachment(self, channel: str, filename: str, data: bytes, description: str | None = None) -> Json:
        number = self.snowflake()
        path = f"/cdn/attachments/{channel}/{number}/{filename}"
        self.files[path] = data
        kind = mimetypes.guess_type(filename)[0]
        url = f"{self.address}{path}"
        entry = {"id": number, "filename": filename, "size": len(data), "url": url, "proxy_url": url}
        return entry | {"content_type": kind, "description": description}

    def message(self, channel: Json, author: Json, body: Json, attachments: list[Json]) -> Json:
        content = body.get("content") or ""
        named = [user for user in self.users.values() if f"<@{user['id']}>" in content]
        reference = body.get("message_reference")
        message = {
            "id": self.snowflake(),
            "type": 19 if reference else 0,
            "channel_id": channel["id"],
            "author": author,
            "content": content,
            "timestamp": datetime.now(UTC).isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": named,
            "mention_roles": [],
            "attachments": attachments,
            "embeds": body.get("embeds") or [],
            "components": body.get("components") or [],
            "pinned": False,
            "flags": body.get("flags", 0),
            "nonce": body.get("nonce"),
            "edits": 0,
        }
        if reference:
            target = str(reference["message_id"])
            message["message_reference"] = {"channel_id": channel["id"], "message_id": target}
            message["referenced_message"] = self.messages[channel["id"]].get(int(target))
        return message

    async def post(self, channel: Json, author: Json, body: Json, attachments: list[Json]) -> Json:
        message = self.message(channel, author, body, attachments)
        self.messages[channel["id"]][int(message["id"])] = message
        channel["last_message_id"] = message["id"]
        guild = channel["guild_id"]
        await self.emit(
            "MESSAGE_CREATE", guild, message | {"guild_id": guild, "member": self.member(author, guild)}
        )
        return message

    def find(self, channel: str, message: str) -> Json:
        if channel not in self.channels:
            raise RefusalError(404, 10003, "Unknown Channel")
        try:
            return self.messages[channel][int(message)]
        except KeyError:
            raise RefusalError(404, 10008, "Unknown Message") from None

    async def forget(self, channel: str, message: str) -> None:
        self.find(channel, message)
        del self.messages[channel][int(message)]
        guild = self.channels[channel]["guild_id"]
        await self.emit("MESSAGE_DELETE", guild, {"id": message, "channel_id": channel, "guild_id": guild})

    # ---------------------------------------------------------------------------------------------- gateway

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        compress = compressor(request.query.get("compress"))
        session = Session(socket, compress, (0, 1), 0, f"session-{next(self.serial)}")
        await session.send(10, {"heartbeat_interval": 20_000})
        async for frame in socket:
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            payload = json.loads(frame.data)
            data = payload.get("d")
            if payload["op"] == 1:
                await session.send(11)
            elif payload["op"] == 2:
                if data["token"] != TOKEN:
                    await socket.close(code=4004)
                elif data["intents"] & MESSAGE_CONTENT and not self.privileged:
                    await socket.close(code=4014)
                else:
                    await self.identify(session, data)
            elif payload["op"] == 6:
                await self.resume(session, data)
        return socket

    async def identify(self, session: Session, data: Json) -> None:
        session.shard = tuple(data.get("shard") or (0, 1))
        session.intents = data["intents"]
        self.sessions = {key: old for key, old in self.sessions.items() if old.shard != session.shard}
        self.sessions[session.id] = session
        mine = [guild for guild in self.guilds if (int(guild) >> 22) % session.shard[1] == session.shard[0]]
        ready = {"v": 10, "user": self.bot, "session_id": session.id, "shard": list(session.shard)}
        ready |= {"resume_gateway_url": self.address.replace("http", "ws") + "/socket"}
        ready |= {"application": {"id": self.bot["id"], "flags": 1 << 18}}
        ready |= {"guilds": [{"id": guild, "unavailable": True} for guild in mine]}
        await session.send(0, ready, "READY")
        await asyncio.sleep(self.guilds_after)
        for guild in mine:
            await session.send(0, self.guild(guild), "GUILD_CREATE")

    async def resume(self, session: Session, data: Json) -> None:
        old = self.sessions.pop(data["session_id"], None)
        if old is None:
            await session.send(9, False)
            return
        session.id, session.shard, session.intents = old.id, old.shard, old.intents
        session.sent = old.sent[: data["seq"]]
        self.sessions[session.id] = session
        for frame in old.sent[data["seq"] :]:
            await session.send(0, frame["d"], frame["t"])
        await session.send(0, {}, "RESUMED")

    # ------------------------------------------------------------------------------------------------- REST

    @web.middleware
    async def discipline(self, request: web.Request, handler: Any) -> Any:
        """What every REST call meets first: the token, planned failures, rate limits."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        path = request.path.removeprefix("/api/v10")
        self.requests[f"{request.method} {re.sub(r'[0-9]+', '#', path)}"] += 1
        headers: dict[str, str] = {}
        try:
            exempt = path.startswith(("/interactions", "/webhooks"))
            if not exempt and request.headers.get("Authorization") != f"Bot {TOKEN}":
                raise RefusalError(401, 0, "401: Unauthorized")
            for failure in self.failures:
                if (
                    failure["times"]
                    and failure["method"] == request.method
                    and re.search(failure["path"], path)
                ):
                    failure["times"] -= 1
                    raise RefusalError(failure["status"], failure.get("code", 0), "planned failure")
            if self.limits and not exempt:
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
                kept.append(self.attachment(channel, name, raw, entry.get("description")))
            else:
                kept.append(next(old for old in self.all_attachments() if old["id"] == str(entry["id"])))
        return body, kept

    def all_attachments(self) -> Any:
        for channel in self.messages.values():
            for message in channel.values():
                yield from message["attachments"]

    async def me(self, _: web.Request) -> Json:
        return self.bot

    async def application(self, _: web.Request) -> Json:
        return {
            "id": self.bot["id"],
            "name": "Dreambot",
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "",
            "flags": 1 << 18 if self.privileged else 0,
            "owner": {"id": "1", "username": "owner", "discriminator": "0", "avatar": None},
        }

    async def get_guilds(self, _: web.Request) -> list[Json]:
        return [
            {"id": guild, "name": self.guild(guild)["name"], "permissions": self.permissions(self.bot)}
            for guild in self.guilds
        ]

    async def gateway_address(self, _: web.Request) -> Json:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return {
            "url": self.address.replace("http", "ws") + "/socket",
            "shards": 1,
            "session_start_limit": limit,
        }

    async def put_commands(self, request: web.Request) -> list[Json]:
        self.commands = [
            {
                "id": self.snowflake(),
                "application_id": self.bot["id"],
                "version": "1",
                "type": 1,
                "description": "",
                **command,
            }
            for command in await request.json()
        ]
        return self.commands

    async def get_history(self, request: web.Request) -> list[Json]:
        messages = self.messages[request.match_info["channel"]]
        limit = int(request.query.get("limit", 50))
        ids = sorted(messages)
        if after := request.query.get("after"):
            ids = [number for number in ids if number > int(after)][:limit]
        elif before := request.query.get("before"):
            ids = [number for number in ids if number < int(before)][-limit:]
        return [messages[number] for number in reversed(ids[-limit:])]

    async def get_message(self, request: web.Request) -> Json:
        return self.find(request.match_info["channel"], request.match_info["message"])

    async def post_message(self, request: web.Request) -> Json:
        channel = self.channels.get(request.match_info["channel"])
        if channel is None:
            raise RefusalError(404, 10003, "Unknown Channel")
        body, attachments = await self.body(request, channel["id"])
        key = (channel["id"], str(body.get("nonce")))
        if body.get("enforce_nonce") and key in self.nonces:
            when, message = self.nonces[key]
            if time.monotonic() - when < NONCE_SECONDS:
                return message
        if reference := body.get("message_reference"):
            known = int(reference["message_id"]) in self.messages[channel["id"]]
            if not known and reference.get("fail_if_not_exists", True):
                raise RefusalError(400, 50035, "Unknown message")
            if not known:
                del body["message_reference"]
        message = await self.post(channel, self.bot, body, attachments or [])
        self.nonces[key] = (time.monotonic(), message)
        return message

    async def patch_message(self, request: web.Request) -> Json:
        channel = request.match_info["channel"]
        message = self.find(channel, request.match_info["message"])
        body, attachments = await self.body(request, channel)
        return await self.change(message, body, attachments)

    async def change(self, message: Json, body: Json, attachments: list[Json] | None) -> Json:
        for key in ("content", "embeds", "components"):
            if key in body:
                message[key] = body[key] or ("" if key == "content" else [])
        if attachments is not None:
            message["attachments"] = attachments
        message["edited_timestamp"] = datetime.now(UTC).isoformat()
        message["edits"] += 1
        if message["channel_id"] in self.channels:
            guild = self.channels[message["channel_id"]]["guild_id"]
            await self.emit("MESSAGE_UPDATE", guild, message | {"guild_id": guild})
        return message

    async def delete_message(self, request: web.Request) -> None:
        await self.forget(request.match_info["channel"], request.match_info["message"])

    async def get_member(self, request: web.Request) -> Json:
        for user in self.users.values():
            if user["id"] == request.match_info["user"]:
                return self.member(user, request.match_info["guild"]) | {"user": user}
        raise RefusalError(404, 10007, "Unknown Member")

    async def react(self, _: web.Request) -> None:
        """Take a reaction, which nothing shows."""

    # ----------------------------------------------------------------------------------------- interactions

    async def interact(self, kind: int, body: Json, data: Json, extra: Json) -> Json:
        channel = extra.pop("channel")
        user, guild = self.user(body["author"]), channel["guild_id"]
        member = self.member(user, guild) | {"user": user, "permissions": self.permissions(user)}
        number = self.snowflake()
        interaction = {
            "id": number,
            "application_id": self.bot["id"],
            "type": kind,
            "token": f"token-{number}",
            "version": 1,
            "guild_id": guild,
            "guild": {"id": guild, "locale": "en-US", "features": []},
            "channel_id": channel["id"],
            "channel": channel,
            "member": member,
            "app_permissions": str(EVERYONE),
            "locale": "en-US",
            "data": data,
            "entitlements": [],
            "authorizing_integration_owners": {"0": guild},
            "attachment_size_limit": 10_485_760,
        } | extra
        record = {"id": number, "asked": time.monotonic(), "acknowledged": None, "type": None, "messages": []}
        self.interactions[interaction["token"]] = record | {
            "channel": channel,
            "source": extra.get("message"),
        }
        await self.emit("INTERACTION_CREATE", guild, interaction)
        return {"id": number}

    async def callback(self, request: web.Request) -> Json | None:
        record = self.interactions[request.match_info["token"]]
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
            message = await self.respond(record, data, attachments)
        elif body["type"] == 7 and record["source"]:
            message = await self.change(record["source"], data, attachments)
        if request.query.get("with_response") not in ("1", "true", "True"):
            return None
        answer: Json = {"interaction": {"id": record["id"], "type": 2}, "resource": resource}
        if message is not None:
            resource["message"] = message
            answer["interaction"] |= {"response_message_id": message["id"]}
        return answer

    async def respond(self, record: Json, body: Json, attachments: list[Json] | None) -> Json:
        """A message that answers an interaction: in the channel, or seen by its asker alone."""
        if body.get("flags", 0) & 64 or (not record["messages"] and record.get("ephemeral")):
            message = self.message(record["channel"], self.bot, body | {"flags": 64}, attachments or [])
        else:
            message = await self.post(record["channel"], self.bot, body, attachments or [])
        record["messages"].append(message)
        return message

    async def follow_up(self, request: web.Request) -> Json:
        record = self.interactions[request.match_info["token"]]
        body, attachments = await self.body(request, record["channel"]["id"])
        return await self.respond(record, body, attachments)

    async def original(self, request: web.Request) -> Any:
        record = self.interactions[request.match_info["token"]]
        wanted = request.match_info["message"]
        found = [message for message in record["messages"] if wanted in ("@original", message["id"])]
        if wanted == "@original" and record["source"] and not found:
            found = [record["source"]]
        if request.method == "DELETE":
            for message in found[:1]:
                record["messages"].remove(message)
                if int(message["id"]) in self.messages[message["channel_id"]]:
                    await self.forget(message["channel_id"], message["id"])
            return None
        body, attachments = await self.body(request, record["channel"]["id"])
        if not found:
            return await self.respond(record, body, attachments)
        return await self.change(found[0], body, attachments)

    async def cdn(self, request: web.Request) -> web.Response:
        data = self.files.get(request.path)
        return web.Response(status=404) if data is None else web.Response(body=data)

    # ---------------------------------------------------------------------------------------------- control

    def upload(self, channel: Json, entry: Json) -> Json:
        return self.attachment(channel["id"], entry["filename"], base64.b64decode(entry["data"]))

    async def say(self, request: web.Request) -> web.Response:
        body = await request.json()
        known = set(self.channels)
        channel = self.channel_named(body.get("channel", "dreams"))
        if channel["id"] not in known:
            await self.emit("CHANNEL_CREATE", channel["guild_id"], channel)
        files = [self.upload(channel, entry) for entry in body.get("attachments", [])]
        author = self.user(body.get("author", "alice"))
        return web.json_response(await self.post(channel, author, {"content": body["content"]}, files))

    async def slash(self, request: web.Request) -> web.Response:
        body = await request.json()
        channel = self.channel_named(body.get("channel", "dreams"))
        root, *path = body["name"].split()
        command = next((command for command in self.commands if command["name"] == root), None)
        if command is None:
            raise web.HTTPNotFound(text=f"the bot has no command /{root}")
        kinds: dict[type, int] = {str: 3, int: 4, bool: 5, float: 10}
        options: list[Json] = [
            {"name": name, "type": kinds[type(value)], "value": value}
            for name, value in body.get("options", {}).items()
        ]
        resolved: Json = {}
        for name, entry in body.get("attachments", {}).items():
            file = self.upload(channel, entry)
            resolved.setdefault("attachments", {})[file["id"]] = file
            options.append({"name": name, "type": 11, "value": file["id"]})
        for step, word in enumerate(reversed(path)):
            options = [{"name": word, "type": 1 if step == 0 else 2, "options": options}]
        data = {"id": command["id"], "name": root, "type": 1, "options": options, "resolved": resolved}
        return web.json_response(
            await self.interact(2, {"author": "alice"} | body, data, {"channel": channel})
        )

    async def press(self, request: web.Request) -> web.Response:
        body = await request.json()
        message = self.anywhere(body["message_id"])
        data = {"custom_id": body["custom_id"], "component_type": 2}
        extra = {"channel": self.channels[message["channel_id"]], "message": message}
        return web.json_response(await self.interact(3, {"author": "alice"} | body, data, extra))

    def anywhere(self, message: str) -> Json:
        for channel in self.messages.values():
            if int(message) in channel:
                return channel[int(message)]
        for record in self.interactions.values():  # what is shown to one member only
            for shown in record["messages"]:
                if shown["id"] == message:
                    return shown  # type: ignore[no-any-return]
        raise web.HTTPNotFound(text="no such message")

    async def restrict(self, request: web.Request) -> web.Response:
        """Take permissions, as their bits, from everybody."""
        self.restricted |= (await request.json())["bits"]
        return web.json_response({})

    async def fail(self, request: web.Request) -> web.Response:
        self.failures.append({"times": 1, "status": 500} | await request.json())
        return web.json_response({})

    async def event(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        for session in self.sessions.values():
            raw = text.encode()
            await session.socket.send_bytes(session.compressor(raw) if session.compressor else raw)
        return web.json_response({})

    async def drop(self, request: web.Request) -> web.Response:
        body = await request.json()
        shard, self.guilds_after = body.get("shard"), body.get("guilds_after", 0)
        for key, session in list(self.sessions.items()):
            if shard in (None, session.shard[0]):
                del self.sessions[key]
                await session.socket.close(code=1011)
        return web.json_response({})

    async def read(self, request: web.Request) -> web.Response:
        channel = self.channel_named(request.query.get("channel", "dreams"))
        return web.json_response([message for _, message in sorted(self.messages[channel["id"]].items())])

    async def interaction(self, request: web.Request) -> web.Response:
        record = self.interactions[f"token-{request.query['id']}"]
        keys = ("acknowledged", "type", "messages")
        return web.json_response({key: record.get(key) for key in keys})

    async def state(self, _: web.Request) -> web.Response:
        live = [session.shard for session in self.sessions.values() if not session.socket.closed]
        names = [command["name"] for command in self.commands]
        return web.json_response({"sessions": live, "commands": names, "requests": self.requests})

    def application_server(self) -> web.Application:
        server = web.Application(middlewares=[self.discipline], client_max_size=64 << 20)
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
            server.router.add_route(method, api + path, handler)
        server.router.add_get("/socket", self.gateway)
        server.router.add_get("/cdn/{path:.*}", self.cdn)
        for action in (
            self.say,
            self.slash,
            self.press,
            self.restrict,
            self.fail,
            self.event,
            self.drop,
        ):
            server.router.add_post(f"/control/{action.__name__}", action)
        server.router.add_get("/control/messages", self.read)
        server.router.add_get("/control/interaction", self.interaction)
        server.router.add_get("/control/state", self.state)
        return server


async def serve(world: Discord, port: int) -> None:
    runner = web.AppRunner(world.application_server(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    world.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(world.address, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("port", type=int, help="0 takes a free one; the address is printed")
    arguments.add_argument("--servers", type=int, default=1)
    arguments.add_argument("--no-limits", action="store_true", help="no rate limits")
    arguments.add_argument("--no-intents", action="store_true", help="refuse the message content intent")
    given = arguments.parse_args()
    asyncio.run(
        serve(Discord(given.servers, limits=not given.no_limits, privileged=not given.no_intents), given.port)
    )
