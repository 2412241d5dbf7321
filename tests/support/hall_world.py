"""A server with a hall of fame in a simulated Discord, whose clock tests move."""

from __future__ import annotations

from datetime import UTC, datetime

import discord
import simcord
from sqlalchemy import select

from bot.app import App
from bot.store.hall import BestRow, StarredRow
from bot.store.jobs import Job
from tests.support.waiting import until
from tests.support.world import World

STAR = "⭐"


class HallWorld(World):
    """The server of other tests, with #hall, and what members do to dreams there."""

    def __init__(self, app: App, env: simcord.Env) -> None:
        super().__init__(app, env)
        self.hall = self.guild.create_text_channel("hall-of-fame")
        self.carl, self.dora = self.joined("carl"), self.joined("dora")

    async def open_hall(self, stars: int = 1) -> None:
        """Let the admin open the hall of fame."""
        for words in (f"hall_channel {self.hall.mention}", f"hall_stars {stars}"):
            answer = await self.admin.at(self.art).says(f"!settings set {words}")
            assert "✅" in answer, answer

    async def pass_time(self, moment: str) -> None:
        """Let time pass, all at once, to a moment in UTC."""
        wanted = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        await self.env.advance_time((wanted - self.env.now()).total_seconds())

    async def star(self, job: Job, *members: simcord.MemberActor) -> None:
        """Let members star a dream, and the hall of fame follow."""
        for member in members:
            await member.react(self.message_of(job), STAR)
        await self.settle()

    async def settle(self) -> None:
        """Let the hall of fame be made what it should be."""
        await self.app.hall_posts.sweep()
        await until(self._is_settled, 20)
        await self.env.settle()

    async def _is_settled(self) -> bool:
        return not await self.app.hall.starred.unsettled()

    def in_hall(self, channel: simcord.ChannelHandle | None = None) -> list[discord.Message]:
        """What the bot has posted in the hall of fame."""
        return [one for one in (channel or self.hall).history() if one.author.bot]

    async def row(self, job: Job) -> StarredRow | None:
        """What is kept of a starred dream."""
        return await self.app.hall.starred.get(job.id)

    async def best_posts(self) -> list[BestRow]:
        """The rows of this server's posts of the best."""
        query = select(BestRow).where(BestRow.guild_id == self.guild.id).order_by(BestRow.due_at)
        async with self.app.database.session() as session:
            return [*await session.scalars(query)]
