"""A server in a simulated Discord with members of all kinds, and the bot's parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import discord
import simcord
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType
from sqlalchemy import select

from bench.support.daily_days import StoppableApp
from bot.app import App
from bot.clock import Clock
from bot.store.jobs import Job
from bot.ui.status import status
from config.schema import Config, Discord
from dream.farm import Farm
from tests.support.speaker import File, Speaker, answered

AnyWorld = TypeVar("AnyWorld", bound="World")
START = datetime(2026, 1, 1, tzinfo=UTC)
"""When every simulated Discord begins."""


class SimClock(Clock):
    """The simulated Discord's clock, from which the bot's may differ."""

    def __init__(self) -> None:
        self.env: simcord.Env | None = None
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return (self.env.now() if self.env else START) + self.ahead

    def advance(self, by: timedelta) -> None:
        """Let time pass for the bot alone."""
        self.ahead += by


class SimApp(StoppableApp):
    """The app on a farm that outlives it; tests do what it else does periodically."""

    clock: SimClock

    async def open(self) -> None:
        await self.open_store()
        await self.open_queue()

    def again(self, **sections: object) -> SimApp:
        """Another process on the same data, with the same clock, and these sections changed."""
        return SimApp(self.config.model_copy(update=sections), self.clock, self.farm)


async def opened(folder: Path, farm: Farm, clock: SimClock | None = None, **sections: object) -> SimApp:
    """The app on a data folder, with some sections of its configuration given."""
    sections = {"discord": Discord(commands_in_ten_seconds=0)} | sections  # time stands still
    app = SimApp(Config(data=folder, **sections), clock or SimClock(), farm)  # type: ignore[arg-type]
    await app.open()
    return app


@asynccontextmanager
async def simulated_discord(app: SimApp) -> AsyncIterator[simcord.Env]:
    """A simulated Discord with the app's bot logged in, whose clock the app follows."""
    env = simcord.Env(app.bot, shard_count=1, settle_timeout=60, check_errors=False)
    await env.start()
    app.clock.env = env
    try:
        yield env
    finally:
        await env.shutdown()


@asynccontextmanager
async def opened_world(
    folder: Path, farm: Farm, kind: type[AnyWorld], **sections: object
) -> AsyncIterator[AnyWorld]:
    """A server in a simulated Discord of its own, with the app on a data folder, which may be restarted."""
    app = await opened(folder, farm, **sections)  # type: ignore[arg-type]
    async with simulated_discord(app) as env:
        world = kind(app, env)
        yield world
    await world.app.stop()


class World:
    """A server with an admin, a moderator and members, two channels, and the bot's parts."""

    app: SimApp

    def __init__(self, app: App, env: simcord.Env) -> None:
        self.app, self.env = app, env  # type: ignore[assignment]
        number = len(env.backend.guilds)
        self.guild = env.create_guild(f"Dreamers {number}", owner=env.create_user(f"ada{number}"))
        self.dreams = self.guild.create_text_channel("dreams")
        self.art = self.guild.create_text_channel("art")
        self.admins = self.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
        self.mods = self.guild.create_role("Mods", permissions=discord.Permissions(manage_messages=True))
        self.fans = self.guild.create_role("Fans")
        self.admin, self.mod = self.joined("admin", self.admins), self.joined("mod", self.mods)
        self.alice, self.bob = self.joined("alice"), self.joined("bob", self.fans)

    def joined(self, name: str, *roles: simcord.RoleHandle, **more: Any) -> Speaker:
        """A new member, who speaks in #dreams."""
        user = self.env.create_user(f"{name}{self.guild.id}", **more)
        return self.speaker(self.guild.add_member(user, roles=roles))

    def speaker(self, member: simcord.MemberActor) -> Speaker:
        """A member as one who speaks in #dreams."""
        return Speaker(self.env, member, self.dreams)

    @property
    def clock(self) -> SimClock:
        """The clock that the bot reads."""
        assert isinstance(self.app.clock, SimClock)
        return self.app.clock

    @property
    def bot_channel(self) -> discord.TextChannel:
        """#dreams as the bot has it."""
        channel = self.app.bot.get_channel(self.dreams.id)
        assert isinstance(channel, discord.TextChannel)
        return channel

    @property
    def answers(self) -> list[discord.Message]:
        """What the bot has posted in #dreams, oldest first."""
        return [message for message in self.dreams.history() if message.author.bot]

    async def restart_bot(self, **sections: object) -> None:
        """Let the bot begin anew on the same data, with these sections of its configuration changed."""
        await self.app.stop()
        self.app = self.app.again(**sections)
        await self.app.open()
        await self.env.restart_bot(self.app.bot)

    async def jobs(self, who: simcord.MemberActor) -> list[Job]:
        """Every job of a member."""
        async with self.app.database.session() as session:
            return [*(await session.scalars(select(Job).where(Job.member_id == who.id)))]

    async def in_line(self) -> list[str]:
        """The recipes that wait on this server, or are being dreamt."""
        return [job.recipe for job in await self.app.queue.of_guild(self.guild.id)]

    async def cancel_all(self) -> None:
        """Cancel what waits on this server, or is being dreamt."""
        for job in await self.app.queue.of_guild(self.guild.id):
            await self.app.queue.cancel(job.id)

    async def dreamt(
        self, who: Speaker, text: str = "!sky", *files: File, picture: bytes | None = None
    ) -> Job:
        """Let a member ask for a dream, and it be dreamt and shown; returns its job."""
        before = {job.id for job in await self.jobs(who)}
        answer = await who.says(text, *files, picture=picture)
        asked = [job for job in await self.jobs(who) if job.id not in before]
        assert asked, f"refused: {answer}"
        await self.shown(asked[0])
        done = await self.app.queue.jobs.get(asked[0].id)
        assert done
        return done

    async def newest_job(self) -> Job:
        """The job that the newest dream in #dreams belongs to."""
        for message in reversed(self.answers):
            if job := await self.app.queue.jobs.of_message(message.id):
                return job
        raise AssertionError(f"no dream was asked for: {[message.content for message in self.answers]}")

    async def newest_dream(self) -> discord.Message:
        """The message of the newest dream in #dreams, when it is finished."""
        return await self.shown(await self.newest_job())

    async def shown(self, job: Job) -> discord.Message:
        """The message of a job, once the job has ended and the message shows how."""
        await self.app.queue.finished(job.id)
        async with asyncio.timeout(30):
            while True:
                ended = await self.app.queue.jobs.for_display(job.id)
                message = self.message_of(ended or job)
                if ended is None or message.content == status(ended).content:
                    return message
                await asyncio.sleep(0.02)

    def message_of(self, job: Job) -> discord.Message:
        """The message of a job as it is now."""
        (channel,) = (one for one in self.guild.channels.values() if one.id == job.channel_id)
        return next(message for message in channel.history() if message.id == job.status_message_id)

    def deny(self, channel: simcord.ChannelHandle | None = None, **permissions: bool) -> None:
        """Take permissions in a channel, by default #dreams, from the bot; none gives them all back."""
        assert self.app.bot.user is not None
        self.overwrite(channel or self.dreams, self.app.bot.user.id, deny=discord.Permissions(**permissions))

    def overwrite(
        self,
        channel: simcord.ChannelHandle,
        member_id: int,
        allow: discord.Permissions | None = None,
        deny: discord.Permissions | None = None,
    ) -> None:
        """Give a member permissions in a channel, or take them, whatever their roles say."""
        values = (one.value if one else 0 for one in (allow, deny))
        self.env.backend.set_overwrite(channel.id, Overwrite(member_id, OverwriteType.MEMBER, *values))


async def more(who: Speaker, message: discord.Message) -> simcord.ResponseMessage:
    """What *More* under a dream shows to whoever presses it."""
    shown = answered(await who.presses("more", message))
    assert shown.ephemeral
    return shown
