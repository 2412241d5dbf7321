"""Who may use the sandbox's page, and what it says to whom."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio
from yarl import URL

from bot.sandbox.conversation import Conversation
from bot.sandbox.page import Page
from bot.sandbox.server import SAMPLES, Sandbox
from tests.support.waiting import until


@pytest_asyncio.fixture
async def client(served: Page) -> AsyncIterator[aiohttp.ClientSession]:
    base = served.url.partition("?")[0]
    jar = aiohttp.CookieJar(unsafe=True)  # an address is no name
    async with aiohttp.ClientSession(base, cookie_jar=jar) as client:
        yield client


async def do(
    served: Page, client: aiohttp.ClientSession, *files: tuple[str, bytes], origin: str = "", **action: Any
) -> Any:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("action", json.dumps(action))
    for name, data in files:
        form.add_field("file", data, filename=name)
    origin = origin or str(URL(served.url).origin())
    async with client.post("/action", data=form, headers={"Origin": origin}) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else {}


async def test_only_who_has_the_token_gets_in(served: Page, client: aiohttp.ClientSession) -> None:
    for path in ("/", "/setting", "/events?as=Alice", "/static/app.js", "/?token=guessed"):
        async with client.get(path) as refused:
            assert refused.status == 403, path
    async with client.get(served.url) as entered:
        assert entered.status == 200 and "token" not in str(entered.url)
        assert "script-src 'self'" in entered.headers["Content-Security-Policy"]
    async with client.get("/setting") as setting:
        assert [person["name"] for person in (await setting.json())["people"]] == ["Admin", "Alice", "Bob"]


async def test_other_hosts_and_other_sites_are_refused(
    sandbox: Sandbox, served: Page, client: aiohttp.ClientSession
) -> None:
    await client.get(served.url)
    async with client.get("/setting", headers={"Host": "evil.example"}) as rebound:
        assert rebound.status == 403
    async with client.get("/setting", headers={"Origin": "http://evil.example"}) as foreign:
        assert foreign.status == 403
    send = {"do": "send", "as": "Alice", "channel": str(sandbox.general.id), "text": "from elsewhere"}
    assert (await do(served, client, origin="http://evil.example", **send))[0] == 403
    async with client.post("/clock", json={"hours": 1}) as without_origin:
        assert without_origin.status == 403
    assert not sandbox.general.history() and not sandbox.clock.ahead


async def test_each_sees_what_discord_would_show_them(
    sandbox: Sandbox, served: Page, client: aiohttp.ClientSession
) -> None:
    await client.get(served.url)
    await until(lambda: len(sandbox.admins.history()) == 2)  # what the admin said first is answered
    seen = {name: Conversation(sandbox, person, {}) for name, person in sandbox.people.items()}
    first = {name: conversation.news() for name, conversation in seen.items()}
    names = {name: [channel["name"] for channel in news["channels"]] for name, news in first.items()}
    assert names["Alice"] == ["dreams", "daily-dream", "hall-of-fame", "general", "owls", "Dreambot"]
    assert names["Admin"] == ["dreams", "daily-dream", "hall-of-fame", "general", "admins", "Dreambot"]
    assert all(conversation.news() == {} for conversation in seen.values()), "nothing is told twice"

    place = {"as": "Alice", "channel": str(sandbox.dreams.id)}
    assert await do(served, client, do="command", name="queue", options={}, **place) == (200, {})
    answered = lambda: "Nobody" in sandbox.dreams.history(viewer=sandbox.alice)[-1].content  # noqa: E731
    await until(answered)
    (heard,) = seen["Alice"].news()["changed"][str(sandbox.dreams.id)]["messages"]
    assert heard["ephemeral"] and "Nobody is waiting" in heard["text"]
    assert seen["Bob"].news() == {}
    status, answer = await do(
        served, client, do="send", text="x", **place | {"channel": str(sandbox.admins.id)}
    )
    assert status == 409 and "does not see" in answer["error"]


async def test_a_picture_is_sent_dreamt_on_and_read_in_parts(
    sandbox: Sandbox, served: Page, client: aiohttp.ClientSession
) -> None:
    await client.get(served.url)
    picture = (SAMPLES / "coffee.jpg").read_bytes()
    place = {"as": "Alice", "channel": str(sandbox.dreams.id)}
    assert (await do(served, client, ("coffee.jpg", picture), do="send", text="!dream block3", **place))[
        0
    ] == 200
    await until(lambda: "✨" in sandbox.dreams.last_message.content)
    files: dict[str, Any] = {}
    news = Conversation(sandbox, sandbox.people["Bob"], files).news()
    asked, dreamt = news["changed"][str(sandbox.dreams.id)]["messages"][-2:]
    assert dreamt["reply"]["id"] == asked["id"] and dreamt["attachments"][0]["type"] == "image/png"
    async with client.get("/events?as=Bob") as stream:
        await stream.content.readuntil(b"\n\n")
    url = asked["attachments"][0]["url"]
    async with client.get(url, headers={"Range": "bytes=10-19"}) as part:
        assert part.status == 206 and await part.read() == picture[10:20]
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(picture)}"
    async with client.get(url) as whole:
        assert await whole.read() == picture and whole.headers["X-Content-Type-Options"] == "nosniff"
