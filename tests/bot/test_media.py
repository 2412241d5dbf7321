"""Which addresses are Discord's own, and that no redirect leads away from them."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from bot.media import is_served_by_discord, refuse_redirects


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.discordapp.com/attachments/1/2/cat.png?ex=1&is=2&hm=3",
        "https://CDN.discordapp.com/emojis/1.png",
        "https://media.discordapp.net/stickers/1.gif",
        "https://images-ext-1.discordapp.net/external/abc/https/example.org/cat.png",
        "https://images-ext-2.discordapp.net/external/abc/%3Fa%3Db/http/example.org/cat.png",
    ],
)
def test_discords_own_hosts(address: str) -> None:
    assert is_served_by_discord(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://cdn.discordapp.com/cat.png",
        "ftp://cdn.discordapp.com/cat.png",
        "//cdn.discordapp.com/cat.png",
        "cdn.discordapp.com/cat.png",
        "https://discordapp.com/cat.png",
        "https://x.cdn.discordapp.com/cat.png",
        "https://cdn.discordapp.com./cat.png",
        "https://cdn.discordapp.com.example.org/cat.png",
        "https://cdn.discordapp.com%2eexample.org/cat.png",
        "https://cdn.discordapp.com\t.example.org/cat.png",
        "https://cdn.discordapp.com@example.org/cat.png",
        "https://cdn.discordapp.com\\@example.org/cat.png",
        "https://example.org/#@cdn.discordapp.com/cat.png",
        "https://example.org?@cdn.discordapp.com/cat.png",
        "https://someone@cdn.discordapp.com/cat.png",
        "https://:secret@cdn.discordapp.com/cat.png",
        "https://cdn.discordapp.com:8443/cat.png",
        "https://cdn.discordapp.com:99999/cat.png",
        "https://cdn.dlscordapp.com/cat.png",
        "https://cdn.discоrdapp.com/cat.png",
        "https://127.0.0.1/cat.png",
        "",
    ],
)
def test_look_alikes(address: str) -> None:
    assert not is_served_by_discord(address)


async def test_a_redirect_elsewhere_is_not_followed() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        match request.path:
            case "/away":
                raise web.HTTPFound(f"http://localhost:{request.url.port}/secret")
            case "/here":
                raise web.HTTPFound("/secret")
        return web.Response(text="secret")

    app = web.Application()
    app.router.add_get("/{path}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    at = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(trace_configs=[refuse_redirects()]) as session:
        with pytest.raises(aiohttp.ClientError, match="localhost is not followed"):
            await session.get(f"{at}/away")
        assert asked == ["/away"]
        async with session.get(f"{at}/here") as response:
            assert await response.text() == "secret"
    await runner.cleanup()
