"""A server in a simulated Discord with members of all kinds, and the bot on a farm whose dreams pretend."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import discord
import simcord
from sqlalchemy import select

import dream
from bot.app import App
from bot.clock import ManualClock
from bot.store.jobs import Job
from config.schema import Config, Discord
from dream.farm import Farm

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
    def clock(self) -> ManualClock:
        assert isinstance(self.app.clock, ManualClock)
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

    async def more(
        self, who: simcord.MemberActor, post: discord.Message, job: Job
    ) -> simcord.ResponseMessage:
        """What *More* under a dream shows to whoever presses it."""
        shown = (await who.click(post, custom_id=f"more:{job.id}")).response
        assert shown is not None and shown.ephemeral
        return shown

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
                done = await self.app.queue.jobs.get(asked[0])
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
    app = SimApp(Config(data=folder, **sections), ManualClock(NOON), farm)  # type: ignore[arg-type]
    await app.open()
    return app
