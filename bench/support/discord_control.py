"""The test's side of the Discord stand-in: what members do there, what fails, and what is to be seen."""

from __future__ import annotations

import base64
import time

from aiohttp import web

from bench.support.discord_session import Json
from bench.support.discord_world import EVERYONE, World


class Control:
    """The routes below `/control`."""

    def __init__(self, world: World) -> None:
        self.world = world

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for action in (
            self.say,
            self.slash,
            self.press,
            self.restrict,
            self.fail,
            self.event,
            self.drop,
        ):
            router.add_post(f"/control/{action.__name__}", action)
        router.add_get("/control/messages", self.read)
        router.add_get("/control/interaction", self.interaction)
        router.add_get("/control/state", self.state)

    def upload(self, channel: Json, entry: Json) -> Json:
        return self.world.attachment(channel["id"], entry["filename"], base64.b64decode(entry["data"]))

    async def say(self, request: web.Request) -> web.Response:
        body = await request.json()
        known = set(self.world.channels)
        channel = self.world.channel_named(body.get("channel", "dreams"))
        if channel["id"] not in known:
            await self.world.emit("CHANNEL_CREATE", channel["guild_id"], channel)
        files = [self.upload(channel, entry) for entry in body.get("attachments", [])]
        author = self.world.user(body.get("author", "alice"))
        return web.json_response(await self.world.post(channel, author, {"content": body["content"]}, files))

    async def slash(self, request: web.Request) -> web.Response:
        body = await request.json()
        channel = self.world.channel_named(body.get("channel", "dreams"))
        root, *path = body["name"].split()
        command = next((command for command in self.world.commands if command["name"] == root), None)
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
        extra = {"channel": self.world.channels[message["channel_id"]], "message": message}
        return web.json_response(await self.interact(3, {"author": "alice"} | body, data, extra))

    async def interact(self, kind: int, body: Json, data: Json, extra: Json) -> Json:
        channel = extra.pop("channel")
        user, guild = self.world.user(body["author"]), channel["guild_id"]
        member = self.world.member(user, guild) | {"user": user, "permissions": self.world.permissions(user)}
        number = self.world.snowflake()
        interaction = {
            "id": number,
            "application_id": self.world.bot["id"],
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
        self.world.interactions[interaction["token"]] = record | {
            "channel": channel,
            "source": extra.get("message"),
        }
        await self.world.emit("INTERACTION_CREATE", guild, interaction)
        return {"id": number}

    def anywhere(self, message: str) -> Json:
        for channel in self.world.messages.values():
            if int(message) in channel:
                return channel[int(message)]
        for record in self.world.interactions.values():  # what is shown to one member only
            for shown in record["messages"]:
                if shown["id"] == message:
                    return shown  # type: ignore[no-any-return]
        raise web.HTTPNotFound(text="no such message")

    async def restrict(self, request: web.Request) -> web.Response:
        """Take permissions, as their bits, from everybody."""
        self.world.restricted |= (await request.json())["bits"]
        return web.json_response({})

    async def fail(self, request: web.Request) -> web.Response:
        self.world.failures.append({"times": 1, "status": 500} | await request.json())
        return web.json_response({})

    async def event(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        for session in self.world.sessions.values():
            raw = text.encode()
            await session.socket.send_bytes(session.compressor(raw) if session.compressor else raw)
        return web.json_response({})

    async def drop(self, request: web.Request) -> web.Response:
        body = await request.json()
        shard, self.world.guilds_after = body.get("shard"), body.get("guilds_after", 0)
        for key, session in list(self.world.sessions.items()):
            if shard in (None, session.shard[0]):
                del self.world.sessions[key]
                await session.socket.close(code=1011)
        return web.json_response({})

    async def read(self, request: web.Request) -> web.Response:
        channel = self.world.channel_named(request.query.get("channel", "dreams"))
        said = self.world.messages[channel["id"]]
        return web.json_response([said[number] for number in sorted(said)])

    async def interaction(self, request: web.Request) -> web.Response:
        record = self.world.interactions[f"token-{request.query['id']}"]
        keys = ("acknowledged", "type", "messages")
        return web.json_response({key: record.get(key) for key in keys})

    async def state(self, _: web.Request) -> web.Response:
        live = [session.shard for session in self.world.sessions.values() if not session.socket.closed]
        names = [command["name"] for command in self.world.commands]
        return web.json_response({"sessions": live, "commands": names, "requests": self.world.requests})
