"""Servers, channels, members and messages of the Discord stand-in, and the sessions that hear of them."""

from __future__ import annotations

import itertools
import mimetypes
import time
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime

from bench.support.discord_session import Json, Session

TOKEN = "wire"
EPOCH = 1420070400000
MESSAGE_CONTENT = 1 << 15
ADMINISTRATOR = 1 << 3
EVERYONE = 0x7_FFFF_FFFF_FFFF & ~(ADMINISTRATOR | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 13 | 1 << 28)


class RefusalError(Exception):
    """An answer that is an error, as Discord words it."""

    def __init__(self, status: int, code: int = 0, message: str = "") -> None:
        self.status, self.body = status, {"code": code, "message": message}


class World:
    """What there is, kept while bots come and go."""

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
        self.commands: list[Json] = []
        self.interactions: dict[str, Json] = {}
        self.sessions: dict[str, Session] = {}
        self.failures: list[Json] = []
        self.requests: Counter[str] = Counter()
        self.address = ""
        for number in range(servers):
            self.channel_named(f"{number}/dreams")
            self.channel_named(f"{number}/general")

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
            if not session.owns(guild) or session.socket.closed:
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

    async def respond(self, record: Json, body: Json, attachments: list[Json] | None) -> Json:
        """A message that answers an interaction: in the channel, or seen by its asker alone."""
        if body.get("flags", 0) & 64 or (not record["messages"] and record.get("ephemeral")):
            message = self.message(record["channel"], self.bot, body | {"flags": 64}, attachments or [])
        else:
            message = await self.post(record["channel"], self.bot, body, attachments or [])
        record["messages"].append(message)
        return message
