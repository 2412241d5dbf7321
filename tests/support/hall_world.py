"""A server with a hall of fame in a simulated Discord, whose clock tests move."""

from __future__ import annotations

from datetime import UTC, datetime

import discord
import simcord
from sqlalchemy import select

from bot.store.hall import BestRow, StarredRow
from bot.store.jobs import Job
from tests.support.daily_world import SimApp
from tests.support.waiting import until
from tests.support.world import World

STAR = "⭐"


class HallWorld(World):
    """The server of other tests, with #hall, and what members do to dreams there."""

    def __init__(self, app: SimApp, env: simcord.Env) -> None:
        super().__init__(app, env)  # type: ignore[arg-type]
        self.parts = app
        self.hall = self.guild.create_text_channel("hall-of-fame")
        self.carl, self.dora = (
            self.guild.add_member(env.create_user(f"{name}{len(env.backend.guilds)}"))
            for name in ("carl", "dora")
        )

    async def open_hall(self, stars: int = 1) -> None:
        """Let the admin open the hall of fame."""
        for words in (f"hall_channel {self.hall.mention}", f"hall_stars {stars}"):
            answer = await self.say(self.admin, f"!settings set {words}", self.art)
            assert "✅" in answer, answer

    async def pass_time(self, moment: str) -> None:
        """Let time pass, all at once, to a moment in UTC."""
        wanted = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        await self.env.advance_time((wanted - self.env.now()).total_seconds())

    async def shown(self, job: Job) -> discord.Message:
        """The message of a dream."""
        channel = next(one for one in self.guild.channels.values() if one.id == job.channel_id)
        return next(one for one in channel.history() if one.id == job.status_message_id)

    async def star(self, job: Job, *members: simcord.MemberActor) -> None:
        """Let members star a dream, and the hall of fame follow."""
        for member in members:
            await member.react(await self.shown(job), STAR)
        await self.settle()

    async def settle(self) -> None:
        """Let the hall of fame be made what it should be."""
        await self.parts.hall_posts.sweep()
        await until(self._is_settled, 20)
        await self.env.settle()

    async def _is_settled(self) -> bool:
        return not await self.parts.hall.starred.unsettled()

    def in_hall(self, channel: simcord.ChannelHandle | None = None) -> list[discord.Message]:
        """What the bot has posted in the hall of fame."""
        return [one for one in (channel or self.hall).history() if one.author.bot]

    async def row(self, job: Job) -> StarredRow | None:
        """What is kept of a starred dream."""
        return await self.parts.hall.starred.get(job.id)

    async def best_posts(self) -> list[BestRow]:
        """The rows of this server's posts of the best."""
        query = select(BestRow).where(BestRow.guild_id == self.guild.id).order_by(BestRow.due_at)
        async with self.parts.database.session() as session:
            return [*await session.scalars(query)]
