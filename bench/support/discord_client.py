"""The test's side of the stand-in: start it, say things in it, read what a member would see."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


class Wire:
    """`async with Wire(servers=2, limits=False) as wire:` runs a stand-in until the block ends."""

    def __init__(self, *, servers: int = 1, limits: bool = True, intents: bool = True) -> None:
        self.options = ["--servers", str(servers)]
        self.options += [] if limits else ["--no-limits"]
        self.options += [] if intents else ["--no-intents"]
        self.address = ""

    @property
    def api(self) -> str:
        """What `discord.api` is set to, to point a bot here."""
        return f"{self.address}/api/v10"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that makes `dreambot run` log in here."""
        return {
            "DISCORD_TOKEN": "wire",
            "DREAMBOT_DISCORD__API": self.api,
            "DREAMBOT_DISCORD__COMMANDS_IN_TEN_SECONDS": "0",
            "DREAMBOT_WEIGHTS__FETCH": "false",
            "DREAMBOT_MONITORING__PORT": "0",
        }

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "bench.support.discord_server", "0", *self.options]
        self.process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.address = (await self.process.stdout.readline()).decode().strip()
        self.http = aiohttp.ClientSession(f"{self.address}/control/", raise_for_status=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def call(self, action: str, **body: Any) -> Json:
        async with self.http.post(action, json=body) as answer:
            return await answer.json()  # type: ignore[no-any-return]

    async def say(self, content: str, *files: tuple[str, bytes], **more: Any) -> Json:
        """Post as a member: `channel` and `author` by keyword."""
        attachments = [{"filename": name, "data": base64.b64encode(data).decode()} for name, data in files]
        return await self.call("say", content=content, attachments=attachments, **more)

    async def slash(
        self, name: str, *, channel: str = "dreams", author: str = "alice", **options: Any
    ) -> Json:
        """Use a slash command; a `(filename, bytes)` option is an attachment."""
        files = {
            key: {"filename": value[0], "data": base64.b64encode(value[1]).decode()}
            for key, value in options.items()
            if isinstance(value, tuple)
        }
        plain = {key: value for key, value in options.items() if key not in files}
        return await self.call(
            "slash", name=name, channel=channel, author=author, options=plain, attachments=files
        )

    async def press(self, message: Json, name: str, author: str = "alice") -> Json:
        """Press the button whose custom id begins with `name`, under the message or behind its *More*."""
        ids = [button["custom_id"] for row in message["components"] for button in row["components"]]
        wanted = next((id for id in ids if id.startswith(name)), None)
        if wanted is None:
            more = await self.press(message, "more", author)
            async with asyncio.timeout(20):
                while not (shown := (await self.get("interaction", id=more["id"]))["messages"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            return await self.press(shown[0], name, author)
        return await self.call("press", message_id=message["id"], custom_id=wanted, author=author)

    async def get(self, what: str, **query: str) -> Any:
        async with self.http.get(what, params=query) as answer:
            return await answer.json()

    async def messages(self, channel: str = "dreams") -> list[Json]:
        return await self.get("messages", channel=channel)  # type: ignore[no-any-return]

    async def answers(self, channel: str = "dreams") -> list[Json]:
        """What the bot has posted there, oldest first."""
        return [message for message in await self.messages(channel) if message["author"].get("bot")]

    async def until(
        self, wanted: Callable[[list[Json]], bool], channel: str = "dreams", seconds: float = 60
    ) -> list[Json]:
        """The bot's messages as soon as `wanted` is true of them; a TimeoutError shows them."""
        answers: list[Json] = []
        try:
            async with asyncio.timeout(seconds):
                while not wanted(answers := await self.answers(channel)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(f"the bot's messages: {[answer['content'] for answer in answers]}") from None
        return answers

    async def download(self, attachment: Json) -> bytes:
        async with self.http.get(attachment["url"]) as answer:
            return await answer.read()
