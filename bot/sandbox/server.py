"""A simulated Discord with the bot in it; everything but Discord is real: farm, queue, commands."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import discord
import simcord

import dream
from bot.app import App
from bot.clock import Clock
from bot.queue.work import picture_limits
from bot.sandbox.farm import LiveFarm
from config.schema import Config, Store
from dream.farm import Farm

T = TypeVar("T")

SAMPLES = Path(dream.__file__).parent / "samples"
CAPTIONS = {
    "astronaut.jpg": "Eileen Collins, before her first flight.",
    "chelsea.jpg": "Chelsea, who would like to be left alone.",
    "coffee.jpg": "First one today.",
    "hubble_deep_field.jpg": "Ten days of looking at nothing.",
    "rocket.jpg": "Up she goes!",
}
SETTLE_SECONDS = 30.0
"""How long SimCord waits for the bot to have reacted to what a member did."""
SENT_SECONDS = 0.1
"""How long the page waits for that after a message, which has arrived in any case."""
ANSWER_SECONDS = 3.0
"""How long Discord waits for a bot to answer an interaction."""

TYPES_WITH_RESULT = (8, 9)
"""The callbacks that are of use to the page only with SimCord's result: choices of a completion, a form."""


class SandboxClock(Clock):
    """The system's clock, moved forward by `ahead`."""

    ahead = timedelta()

    def now(self) -> datetime:
        """The time in the sandbox, in UTC."""
        return super().now() + self.ahead


@dataclass(frozen=True)
class Person:
    """Somebody whom the sandbox's user can be, as a member of one or several servers."""

    name: str
    user: simcord.UserHandle
    members: dict[int, simcord.MemberActor]
    """By the server's id."""


class Sandbox:
    """A simulated Discord with two servers, a few people and the bot in it.

    SimCord allows one operation at a time. The methods here wait for their turn; whoever uses `env` directly
    beside them must not overlap.
    """

    def __init__(
        self, app: App, env: simcord.Env, clock: SandboxClock, make_farm: Callable[[], Farm]
    ) -> None:
        self.app, self.env, self.clock, self._make_farm = app, env, clock, make_farm
        self._turn = asyncio.Lock()
        self.changes = 0
        """Rises with whatever is done here; what the bot does is in `env.http_requests`."""
        self.reactions: set[tuple[int, int, str]] = set()
        """Who reacted to which message with what: SimCord's messages tell only how many did."""
        self.is_ready = False
        """Whether a worker can look at pictures."""
        self._attach_farm()
        self._build()

    def _attach_farm(self) -> None:
        if isinstance(self.app.farm, LiveFarm):
            self.app.farm.env = self.env

    def _build(self) -> None:
        names = ("Admin", "Alice", "Bob")
        users = {name: self.env.create_user(name.lower(), global_name=name) for name in names}
        self.people = {name: Person(name, user, {}) for name, user in users.items()}
        self.guild = self._create_guild("Dreamers", "ada", names)
        self.dreams = self.guild.create_text_channel("dreams", topic="Post a picture and write !dream")
        self.daily = self.guild.create_text_channel("daily-dream", topic="A dream a day, at 09:00")
        self.hall = self.guild.create_text_channel(
            "hall-of-fame",
            topic="Dreams that somebody gave a ⭐; the best of the week, Sundays at 18:00",
        )
        self.general = self.guild.create_text_channel("general", topic="Pictures to dream on")
        hidden: dict[Any, discord.PermissionOverwrite] = {
            self.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            self.guild.roles["Admins"]: discord.PermissionOverwrite(view_channel=True),
            self.bot_user: discord.PermissionOverwrite(view_channel=True),
        }
        self.admins = self.guild.create_text_channel("admins", topic="Admins only", overwrites=hidden)
        self.elsewhere = self._create_guild("Night Owls", "otus", ("Alice", "Bob"))
        self.elsewhere.create_text_channel("owls", topic="A second server, where the bot knows nothing yet")

    def _create_guild(self, name: str, owner: str, members: tuple[str, ...]) -> simcord.GuildHandle:
        guild = self.env.create_guild(name, owner=self.env.create_user(owner, global_name=owner.title()))
        admins = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
        for member in members:
            person = self.people[member]
            roles = [admins] if member == "Admin" else []
            person.members[guild.id] = guild.add_member(person.user, roles=roles)
        return guild

    @property
    def guilds(self) -> tuple[simcord.GuildHandle, ...]:
        """Both servers."""
        return self.guild, self.elsewhere

    @property
    def bot_user(self) -> discord.ClientUser:
        """The bot's account."""
        assert self.env.bot.user
        return self.env.bot.user

    @property
    def admin(self) -> simcord.MemberActor:
        """An administrator of the first server."""
        return self.people["Admin"].members[self.guild.id]

    @property
    def alice(self) -> simcord.MemberActor:
        """A member of the first server."""
        return self.people["Alice"].members[self.guild.id]

    @property
    def bob(self) -> simcord.MemberActor:
        """Another member."""
        return self.people["Bob"].members[self.guild.id]

    async def post_samples(self, channel: simcord.ChannelHandle) -> None:
        """Post the sample photographs in the names of two members."""
        for number, (name, caption) in enumerate(CAPTIONS.items()):
            who = (self.alice, self.bob)[number % 2]
            await who.send(channel, caption, attachments=[(name, (SAMPLES / name).read_bytes())])

    async def send(self, message: Awaitable[object]) -> None:
        """Let a member send, edit or delete something, without waiting for what the bot makes of it."""
        async with self._turn:
            await self.sync_clock()
            try:
                async with asyncio.timeout(SENT_SECONDS):
                    await message
            except TimeoutError:
                pass  # it was sent first of all
            finally:
                self.changes += 1

    async def interact(self, action: Awaitable[T]) -> tuple[bool, T | None]:
        """Let a member use a command or a component; waits as long as Discord does for the bot's answer.

        Returns whether the bot answered, and SimCord's result where that is needed: for a form, or choices.
        """
        async with self._turn:
            await self.sync_clock()
            begun = len(self.env.http_requests)
            acting = asyncio.ensure_future(action)
            ends = asyncio.get_running_loop().time() + ANSWER_SECONDS
            try:
                while not acting.done() and asyncio.get_running_loop().time() < ends:
                    await asyncio.wait({acting}, timeout=0.02)
                    if self._is_answered(begun, with_result=False):
                        break
                if acting.done():
                    return self._is_answered(begun), acting.result()
                acting.cancel()
                await asyncio.gather(acting, return_exceptions=True)
                return self._is_answered(begun), None
            except TimeoutError:
                return self._is_answered(begun), None
            finally:
                self.changes += 1

    def _is_answered(self, begun: int, *, with_result: bool = True) -> bool:
        """Whether the bot has acknowledged an interaction since its request number `begun`."""
        return any(
            entry.path.startswith("/interactions/")
            and isinstance(entry.json, dict)
            and (with_result or entry.json.get("type") not in TYPES_WITH_RESULT)
            for entry in self.env.http_requests[begun:]
        )

    async def move_clock(self, ahead: timedelta) -> None:
        """Let time pass at once, and let the bot do what it does each minute."""
        async with self._turn:
            self.clock.ahead += ahead
            await self.sync_clock(SETTLE_SECONDS)
            self.changes += 1
        await self.app.daily.planner.run()
        await self.app.daily_posts.post_due()
        await self.app.best_posts.post_due()
        self.changes += 1

    async def keep_time(self) -> None:
        """Let SimCord's clock, which does not run by itself, follow; for ever."""
        while True:
            await asyncio.sleep(1)
            if not self._turn.locked():
                async with self._turn:
                    await self.sync_clock()

    async def sync_clock(self, seconds: float = SENT_SECONDS) -> None:
        """Move SimCord's clock to the sandbox's time, or as far as the bot's work lets it in `seconds`."""
        behind = (self.clock.now() - self.env.now()).total_seconds()
        if behind > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.env.advance_time(behind)
            except TimeoutError:
                pass  # the next one moves it

    async def restart_bot(self) -> None:
        """Kill the bot's process, as far as one can within this one, and start another on the same data."""
        async with self._turn:
            await self.app.close()
            self.app = await _opened(self.app.config, self.clock, self._make_farm())
            await self.env.restart_bot(self.app.bot)
            self._attach_farm()
            self.is_ready = False
            self.changes += 1
        await self.ready()

    async def ready(self) -> None:
        """Wait until a worker can look at pictures."""
        await self.app.farm.probe((SAMPLES / "coffee.jpg").read_bytes(), picture_limits(self.app.config))
        self.is_ready = True
        self.changes += 1


@asynccontextmanager
async def open_sandbox(
    config: Config,
    settle_timeout: float = SETTLE_SECONDS,
    data: Path | None = None,
    make_farm: Callable[[], Farm] | None = None,
) -> AsyncIterator[Sandbox]:
    """Build the app on the folder `data`, else on a fresh one, and log its bot in at a simulated Discord.

    With a `LiveFarm` nothing waits for the farm; otherwise its workers are up, and whatever members do
    returns when the bot has answered.
    """
    farm = make_farm or (lambda: Farm(**config.farm.model_dump()))
    with tempfile.TemporaryDirectory(prefix="dreambot-sandbox-") as folder:
        config = config.model_copy(update={"data": data or Path(folder), "store": Store()})
        clock = SandboxClock()
        # Opened before SimCord starts, which otherwise waits for these tasks as for the bot's reaction.
        app = await _opened(config, clock, farm())
        sandbox: Sandbox | None = None
        try:
            shards = None if config.discord.shard_count else 1
            env = simcord.Env(app.bot, shard_count=shards, settle_timeout=settle_timeout)
            await env.start()
            try:
                assert app.bot.user
                await app.bot.user.edit(username="Dreambot")
                # Before the clock is set: so each run gives its servers, channels and people the same ids.
                sandbox = Sandbox(app, env, clock, farm)
                await sandbox.sync_clock(SETTLE_SECONDS)
                if not isinstance(app.farm, LiveFarm):
                    await sandbox.ready()
                yield sandbox
            finally:
                await env.shutdown()
        finally:
            await (sandbox.app if sandbox else app).close()


async def _opened(config: Config, clock: Clock, farm: Farm) -> App:
    app = App(config, clock, farm)
    await app.open()
    return app
