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

from aiohttp import web

from bench.support.discord_control import Control
from bench.support.discord_gateway import Gateway
from bench.support.discord_rest import Rest
from bench.support.discord_world import World


def application(world: World) -> web.Application:
    """The web application that serves a world, to bots and to tests."""
    rest = Rest(world)
    server = web.Application(middlewares=[rest.discipline], client_max_size=64 << 20)
    rest.add_routes(server.router)
    server.router.add_get("/socket", Gateway(world).connect)
    Control(world).add_routes(server.router)
    return server


async def serve(world: World, port: int) -> None:
    runner = web.AppRunner(application(world), access_log=None)
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
        serve(World(given.servers, limits=not given.no_limits, privileged=not given.no_intents), given.port)
    )
