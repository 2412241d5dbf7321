"""One shard's connection to the stand-in's gateway."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]


@dataclass
class Session:
    """One shard's gateway connection."""

    socket: web.WebSocketResponse
    compressor: Any
    shard: tuple[int, int]
    intents: int
    id: str
    sent: list[Json] = field(default_factory=list)

    def owns(self, guild: str) -> bool:
        """Whether a server's events go to this shard."""
        number, count = self.shard
        return (int(guild) >> 22) % count == number

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
    """What compresses one frame after the other, if the bot asked for zlib."""
    if kind == "zlib-stream":
        stream = zlib.compressobj()
        return lambda raw: stream.compress(raw) + stream.flush(zlib.Z_SYNC_FLUSH)
    return None
