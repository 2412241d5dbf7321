"""A server with a daily dream in a simulated Discord, whose clock tests move."""

from __future__ import annotations

from datetime import UTC, datetime

import discord
import simcord
from sqlalchemy import select

from bot.store.daily import PostRow
from tests.support.world import World


class DailyWorld(World):
    """The server of other tests, and what its admins and the schedule do."""

    async def on(self, times: str = "09:00", zone: str = "Europe/Berlin", days: str = "") -> None:
        """Let the admin turn the daily dream on."""
        answer = await self.admin.says(f"!daily on {self.dreams.mention} {times} {zone} {days}")
        assert "will be posted" in answer, answer

    async def until(self, moment: str) -> None:
        """Let time pass, all at once, to a moment in UTC."""
        seconds = (datetime.fromisoformat(moment).replace(tzinfo=UTC) - self.env.now()).total_seconds()
        await self.env.advance_time(seconds)

    async def minute(self, moment: str | None = None) -> None:
        """What happens each minute, or in one, with the dreams that it begins dreamt to their end."""
        if moment:
            await self.until(moment)
        await self.app.daily_posts.post_due()
        await self.prepared()

    async def prepared(self) -> None:
        """Begin what is to be begun, and wait until it is dreamt."""
        await self.app.daily.planner.run()
        for post in await self.posts():
            if post.job_id and post.state == "planned":
                await self.app.queue.finished(post.job_id)

    async def members_only(self) -> None:
        """Let only the pictures that members post in #art be dreamt."""
        for kind in ("samples", "sky"):
            await self.admin.says(f"!daily source remove {kind}")
        await self.admin.says(f"!daily source add {self.art.mention}")

    async def posts(self) -> list[PostRow]:
        """Every slot that was taken on, the earliest first."""
        async with self.app.database.session() as session:
            return list(await session.scalars(select(PostRow).order_by(PostRow.due_at)))

    def last(self, channel: simcord.ChannelHandle | None = None) -> discord.Message:
        """The last message in a channel, by default #dreams."""
        message = (channel or self.dreams).last_message
        assert message is not None
        return message

    def told(self) -> list[str]:
        """What the admin was told in direct messages."""
        return [message.content for message in self.admin.user.dm_channel.history()]

    def seen(self, channel: simcord.ChannelHandle | None = None) -> list[discord.Message]:
        """The bot's posts in a channel, by default #dreams."""
        history, bot = (channel or self.dreams).history(), self.app.bot.user
        return [message for message in history if bot and message.author.id == bot.id and message.attachments]
