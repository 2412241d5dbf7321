"""What members and the bot say to each other in a channel of the sandbox."""

from __future__ import annotations

import asyncio

import discord
import simcord

from bot.sandbox import Sandbox
from bot.store.jobs import Job
from bot.ui.status import status
from tests.support.speaker import whispered as whispered


class Talk:
    """What members say in a channel of their own, and what the bot answers there."""

    def __init__(self, sandbox: Sandbox, name: str, photo: bytes) -> None:
        self.env, self.bot, self.queue = sandbox.env, sandbox.app.bot, sandbox.app.queue
        self.alice, self.bob, self.admin = sandbox.alice, sandbox.bob, sandbox.admin
        self.guild = sandbox.env.guild
        self.channel = self.guild.create_text_channel(name)
        self.photo = ("cat.jpg", photo)

    @property
    def answers(self) -> list[discord.Message]:
        """What the bot has posted here, oldest first."""
        return [message for message in self.channel.history() if message.author.bot]

    async def says(
        self,
        who: simcord.MemberActor,
        text: str,
        *files: tuple[str, bytes],
        reply_to: discord.Message | None = None,
    ) -> str:
        """Say something; the text of the bot's newest message afterwards."""
        before = {message.id for message in self.answers}
        await who.send(self.channel, text, attachments=files, reply_to=reply_to)
        new = [message for message in self.answers if message.id not in before]
        return new[-1].content if new else ""

    async def dream(self) -> discord.Message:
        """The newest dream asked for here, when it is finished."""
        job = await self.job()
        await self.queue.finished(job.id)
        return await self.shown(job.id)

    async def shown(self, job_id: str) -> discord.Message:
        """The message of a job, as soon as it shows how the job stands now."""
        async with asyncio.timeout(30):
            while True:
                job = await self.queue.jobs.get(job_id)
                assert job
                for message in self.answers:
                    if message.id == job.status_message_id and message.content == status(job).content:
                        return message
                await asyncio.sleep(0.02)

    async def job(self) -> Job:
        """The job that the newest dream here belongs to."""
        for message in reversed(self.answers):
            if job := await self.queue.jobs.of_message(message.id):
                return job
        raise AssertionError(f"no dream was asked for: {[message.content for message in self.answers]}")

    async def presses(
        self, who: simcord.MemberActor, message: discord.Message | simcord.ResponseMessage, name: str
    ) -> simcord.InteractionResult:
        """Press the button whose custom id begins with `name`."""
        (wanted,) = [button for button in buttons(message) if button.custom_id.startswith(name)]
        return await who.click(message, custom_id=wanted.custom_id)

    async def in_line(self) -> list[str]:
        """The recipes that wait on this server."""
        return [job.recipe for job in await self.queue.of_guild(self.guild.id)]


def buttons(message: discord.Message | simcord.ResponseMessage) -> list[discord.Button]:
    """The buttons under a message, or under one that only whoever pressed sees."""
    if isinstance(message, simcord.ResponseMessage):
        items = [item for row in message.components for item in row["components"]]
        return [discord.Button(item) for item in items if item["type"] == 2]
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return [item for row in rows for item in row.children if isinstance(item, discord.Button)]
