"""The gateway of the Discord stand-in: identifying, resuming, and the close codes 4004 and 4014."""

from __future__ import annotations

import asyncio
import json

from aiohttp import WSMsgType, web

from bench.support.discord_session import Json, Session, compressor
from bench.support.discord_world import MESSAGE_CONTENT, TOKEN, World


class Gateway:
    """Where bots connect to."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        compress = compressor(request.query.get("compress"))
        session = Session(socket, compress, (0, 1), 0, f"session-{next(self.world.serial)}")
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
                elif data["intents"] & MESSAGE_CONTENT and not self.world.privileged:
                    await socket.close(code=4014)
                else:
                    await self.identify(session, data)
            elif payload["op"] == 6:
                await self.resume(session, data)
        return socket

    async def identify(self, session: Session, data: Json) -> None:
        session.shard = tuple(data.get("shard") or (0, 1))
        session.intents = data["intents"]
        others = {key: old for key, old in self.world.sessions.items() if old.shard != session.shard}
        self.world.sessions = others | {session.id: session}
        mine = [guild for guild in self.world.guilds if session.owns(guild)]
        ready = {"v": 10, "user": self.world.bot, "session_id": session.id, "shard": list(session.shard)}
        ready |= {"resume_gateway_url": self.world.address.replace("http", "ws") + "/socket"}
        ready |= {"application": {"id": self.world.bot["id"], "flags": 1 << 18}}
        ready |= {"guilds": [{"id": guild, "unavailable": True} for guild in mine]}
        await session.send(0, ready, "READY")
        await asyncio.sleep(self.world.guilds_after)
        for guild in mine:
            await session.send(0, self.world.guild(guild), "GUILD_CREATE")

    async def resume(self, session: Session, data: Json) -> None:
        old = self.world.sessions.pop(data["session_id"], None)
        if old is None:
            await session.send(9, False)
            return
        session.id, session.shard, session.intents = old.id, old.shard, old.intents
        session.sent = old.sent[: data["seq"]]
        self.world.sessions[session.id] = session
        for frame in old.sent[data["seq"] :]:
            await session.send(0, frame["d"], frame["t"])
        await session.send(0, {}, "RESUMED")
