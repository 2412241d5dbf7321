"""A server in a simulated Discord, and the bot with a clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import discord
import simcord
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType
from sqlalchemy import select

from bench.support.daily_days import StoppableApp
from bot.clock import Clock
from bot.store.daily import PostRow


class SimClock(Clock):
    """SimCord's clock, with an error that a test can set."""

    def __init__(self) -> None:
        self.env: simcord.Env | None = None
        self.error = timedelta(0)

    def now(self) -> datetime:
        return (self.env.now() if self.env else datetime(2026, 1, 1, tzinfo=UTC)) + self.error


class SimApp(StoppableApp):
    """The app without the schedule: tests say when a minute passes."""

    clock: SimClock

    async def open(self) -> None:
        await self.open_store()
        await self.open_queue()

    def again(self) -> SimApp:
        """Another process on the same data, with the same clock."""
        return SimApp(self.config, self.clock, self.farm)


class World:
    """A server called Dreamers with an admin, two members and a few channels, and the bot's parts."""

    def __init__(self, app: SimApp, env: simcord.Env) -> None:
        self.app, self.env, self.clock = app, env, app.clock
        self.guild = env.create_guild("Dreamers", owner=env.create_user("ada"))
        self.dreams = self.guild.create_text_channel("dreams")
        self.art = self.guild.create_text_channel("art")
        admins = self.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
        self.moderators = self.guild.create_role(
            "Moderators", permissions=discord.Permissions(manage_messages=True)
        )
        self.admin = self.guild.add_member(env.create_user("admin"), roles=[admins])
        self.moderator = self.guild.add_member(env.create_user("mod"), roles=[self.moderators])
        self.alice = self.guild.add_member(env.create_user("alice"))

    async def on(self, times: str = "09:00", zone: str = "Europe/Berlin", days: str = "") -> None:
        """Let the admin turn the daily dream on."""
        await self.admin.send(self.dreams, f"!daily on {self.dreams.mention} {times} {zone} {days}")
        assert "will be posted" in self.last().content

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
            await self.admin.send(self.dreams, f"!daily source remove {kind}")
        await self.admin.send(self.dreams, f"!daily source add {self.art.mention}")

    async def posts(self) -> list[PostRow]:
        """Every slot that was taken on, the earliest first."""
        async with self.app.database.session() as session:
            return list(await session.scalars(select(PostRow).order_by(PostRow.due_at)))

    def deny(self, **permissions: bool) -> None:
        """Take permissions in #dreams from the bot; none gives them all back."""
        denied = discord.Permissions(**permissions).value
        assert self.app.bot.user is not None
        self.env.backend.set_overwrite(
            self.dreams.id, Overwrite(self.app.bot.user.id, OverwriteType.MEMBER, 0, denied)
        )

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


def answered(result: simcord.InteractionResult) -> simcord.ResponseMessage:
    """What the bot answered to a press or a slash command."""
    assert result.response is not None
    return result.response
