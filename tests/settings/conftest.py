"""A simulated Discord with the bot in it, over a farm whose dreams pretend; each test has its own server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest
import pytest_asyncio
import simcord
from sqlalchemy import select

import dream
from bench.support import pretended_dreams
from bot.app import App
from bot.clock import MovedClock
from bot.store.jobs import Job
from config.schema import Config, Discord, Dream, Moderation, Privacy
from dream.farm import Farm
from dream.picture import Limits

PHOTO = Path(dream.__file__).parent / "samples" / "chelsea.jpg"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class SimApp(App):
    """The app on a farm that outlives it; tests do what it else does periodically."""

    async def open(self) -> None:
        await self.open_store()
        await self.open_queue()

    async def stop(self) -> None:
        """End as a process does."""
        await self.job_messages.close()
        await self._opened.aclose()


class World:
    """A server with an admin, a moderator and members, two channels, and the bot's parts."""

    def __init__(self, app: SimApp, env: simcord.Env) -> None:
        self.app, self.env = app, env
        number = len(env.backend.guilds)
        self.guild = env.create_guild(f"Dreamers {number}", owner=env.create_user(f"ada{number}"))
        self.dreams = self.guild.create_text_channel("dreams")
        self.art = self.guild.create_text_channel("art")
        self.admins = self.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
        mods = self.guild.create_role("Mods", permissions=discord.Permissions(manage_messages=True))
        self.fans = self.guild.create_role("Fans")
        self.admin, self.mod, self.alice, self.bob = (
            self.guild.add_member(env.create_user(f"{name}{number}"), roles=roles)
            for name, roles in (
                ("admin", [self.admins]),
                ("mod", [mods]),
                ("alice", []),
                ("bob", [self.fans]),
            )
        )

    @property
    def clock(self) -> MovedClock:
        assert isinstance(self.app.clock, MovedClock)
        return self.app.clock

    async def say(
        self,
        who: simcord.MemberActor,
        text: str,
        channel: simcord.ChannelHandle | None = None,
        **files: bytes,
    ) -> str:
        """Say something, by default in #dreams, and return what the bot answers at once."""
        channel = channel or self.dreams
        attachments = [(name.replace("_", "."), data) for name, data in files.items()]
        said = await who.send(channel, text, attachments=attachments)
        answers = [message for message in channel.history() if message.id > said.id]
        return "\n".join(m.content + "".join(e.description or "" for e in m.embeds) for m in answers)

    async def dream(
        self, who: simcord.MemberActor, text: str = "!sky", channel: simcord.ChannelHandle | None = None
    ) -> Job:
        """Ask for a dream, let it be dreamt and shown, and return its job."""
        before = {job.id for job in await self.jobs(who)}
        answer = await self.say(who, text, channel)
        asked = [job.id for job in await self.jobs(who) if job.id not in before]
        assert asked, f"refused: {answer}"
        await self.app.queue.finished(asked[0])
        async with asyncio.timeout(20):
            while True:
                done = await self.app.queue.get(asked[0])
                if done and done.shown_state is done.state:
                    return done
                await asyncio.sleep(0.02)

    async def jobs(self, who: simcord.MemberActor) -> list[Job]:
        """Every job of a member."""
        async with self.app.database.session() as session:
            return [*(await session.scalars(select(Job).where(Job.member_id == who.id)))]


async def opened(folder: Path, farm: Farm, **sections: object) -> SimApp:
    """The app on a data folder, with some sections of its configuration given."""
    sections = {"discord": Discord(commands_in_ten_seconds=0)} | sections  # time stands still
    app = SimApp(Config(data=folder, **sections), MovedClock(NOON), farm)  # type: ignore[arg-type]
    await app.open()
    return app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def farm() -> AsyncIterator[Farm]:
    """A worker that has loaded what a first picture needs."""
    farm = Farm(workers=1, render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    await farm.probe(PHOTO.read_bytes(), Limits())
    yield farm
    await farm.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory, farm: Farm) -> AsyncIterator[SimApp]:
    app = await opened(
        tmp_path_factory.mktemp("data"),
        farm,
        dream=Dream(max_size=1024, max_steps=50),
        moderation=Moderation(ask_above=1000),
        privacy=Privacy(terms_url="https://example.org/terms", leave_days=2),
    )
    yield app
    await app.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(app: SimApp) -> AsyncIterator[simcord.Env]:
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    yield env
    await env.shutdown()


@pytest_asyncio.fixture(loop_scope="module")
async def world(app: SimApp, env: simcord.Env) -> World:
    app.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
    return World(app, env)
