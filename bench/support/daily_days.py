"""Days that pass in a simulated Discord while the bot is stopped, killed and started again at random."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import simcord

from bot.app import App
from bot.schedule import Schedule, Slot

STEP = timedelta(minutes=15)


@dataclass
class Server:
    """One server with its time of day, and the slots that it was due."""

    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    schedule: Schedule
    slots: list[Slot] = field(default_factory=list)


class StoppableApp(App):
    """An app that can be stopped as a process is, leaving the farm to the next."""

    async def stop(self) -> None:
        """Stop it."""
        await self.daily_posts.close()
        await self.hall_posts.close()
        await self.job_messages.close()
        await self.catch_up.close()
        await self.queue.close()
        await self.database.close()


@dataclass
class Life:
    """A bot's days. `start` builds an app on the same data; `up` are the moments when it did its work."""

    env: simcord.Env
    app: StoppableApp
    start: Callable[[], StoppableApp]
    rng: random.Random
    kills: int = 0
    up: set[datetime] = field(default_factory=set)
    latest: timedelta = timedelta(0)

    def settle_servers(self, zone: str, times: Iterable[time]) -> list[Server]:
        """Make a server for each time of day."""
        servers = []
        for at in times:
            guild = self.env.create_guild(f"{zone} {at:%H:%M}")
            servers.append(Server(guild, guild.create_text_channel("dreams"), Schedule((at,), zone)))
        return servers

    async def pass_days(self, servers: list[Server], start: datetime, end: datetime, *, risk: float) -> None:
        """Live from `start` to `end`, each quarter of an hour with the risk of being killed.

        The last six hours are calm, so that what was missed can come late.
        """
        await self.env.advance_time((start - self.env.now()).total_seconds())
        for server in servers:
            server.slots = list(server.schedule.between(start, end))
            await self.app.daily.turn_on(
                server.guild.id,
                by=1,
                daily_channel=server.channel.id,
                daily_times=server.schedule.times,
                daily_zone=server.schedule.zone,
            )
        back = start
        while (now := self.env.now()) <= end:
            if now >= back:
                if self.rng.random() < risk and now < end - timedelta(hours=6):
                    await self.kill()
                    back = now + self.rng.choice([timedelta(0), STEP, timedelta(hours=1), timedelta(hours=4)])
                else:
                    await self.quarter()
                    self.up.add(now)
            await self.env.advance_time(STEP.total_seconds())
        for server in servers:
            await self.app.settings.choose(server.guild.id, "daily_enabled", False, by=1)

    async def quarter(self) -> None:
        """Do what the schedule does in a quarter of an hour, in which dreams are dreamt."""
        await self.app.daily_posts.post_due()
        await self.app.daily.planner.run()
        for due in await self.app.daily.posts.due(self.env.now() + timedelta(hours=1)):
            if due.job:
                await self.app.queue.finished(due.job.id)
        await self.app.daily_posts.post_due()  # what came late is posted a minute later

    async def kill(self) -> None:
        """Stop the bot wherever it happens to be in its work, and start another on what it leaves behind."""
        self.kills += 1
        for work in (self.app.daily_posts.post_due, self.app.daily.planner.run):
            task = asyncio.create_task(work())
            for _ in range(self.rng.randrange(60)):
                await asyncio.sleep(0.0003)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self.rng.random() < 0.5:
                break
        old, self.app = self.app, self.start()
        await old.stop()
        await self.app.open()
        await self.env.restart_bot(self.app.bot)

    async def check(self, servers: list[Server]) -> int:
        """Assert one post for each slot, at its time or as soon as the bot was up; returns how many."""
        posts = 0
        for server in servers:
            messages = [message for message in server.channel.history() if message.attachments]
            history = await self.app.daily.posts.history(server.guild.id, 1000)
            others = [(post.slot, post.state, post.reason) for post in history if post.state != "posted"]
            assert len(messages) == len(server.slots), (server.guild.name, len(messages), others)
            sources = [post.source for post in history if post.state == "posted"]
            states = [(post.slot, post.state, post.source) for post in history]
            assert len(set(sources)) == len(sources) == len(server.slots), (server.guild.name, states)
            for message, slot in zip(messages, server.slots, strict=True):
                late = message.created_at - slot.due
                assert timedelta(0) <= late <= timedelta(hours=6), (server.guild.name, slot, late)
                self.latest = max(self.latest, late)
                quiet = [slot.due - STEP * n for n in range(4)]  # up and ready in the hour before
                if all(moment in self.up for moment in quiet):
                    assert late == timedelta(0), (server.guild.name, slot, late)
            posts += len(messages)
        return posts
