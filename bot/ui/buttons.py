"""The buttons under a dream. Each carries its job's id, so that it works after any restart."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import discord

from bot.asking import ask, may_remove
from bot.errors import Refused, explain
from dream.recipe import Recipe

if TYPE_CHECKING:
    from bot.client import DreamBot
    from bot.store.jobs import Job

    Press = discord.Interaction[DreamBot]

GONE = "I don't have that dream any more: pictures are kept for a few days only. Please start a new one."


class JobButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"job:none"):
    """A button that does one thing to one job. Whether the presser may is asked at each press."""

    name: ClassVar[str]
    label: ClassVar[str | None]
    emoji: ClassVar[str]
    style: ClassVar[discord.ButtonStyle] = discord.ButtonStyle.secondary

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            discord.ui.Button(
                label=self.label, emoji=self.emoji, style=self.style, custom_id=f"{self.name}:{job_id}"
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button again from what Discord kept of it."""
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Find the job and do what the button is for; whatever is wrong is told to the presser alone."""
        try:
            job = await interaction.client.queue.get(self.job_id)
            if job is None or job.guild_id != interaction.guild_id:
                await self.miss(interaction)
            else:
                await self.press(interaction, job)
        except Exception as error:
            await whisper(interaction, explain(error))

    async def press(self, interaction: Press, job: Job) -> None:
        """Do it. Raises Refused."""
        raise NotImplementedError

    async def miss(self, interaction: Press) -> None:
        """Answer a press when the job is not kept any more. Raises Refused."""
        raise Refused(GONE)


class Again(JobButton, template=r"again:(?P<job>[\w-]+)"):
    """The same picture and recipe with another seed."""

    name, label, emoji = "again", "Again", "🎲"

    async def press(self, interaction: Press, job: Job) -> None:
        """Ask for the dream anew."""
        await _ask_again(interaction, job, interaction.client.queue.source if job.has_source else None)


class Deeper(JobButton, template=r"deeper:(?P<job>[\w-]+)"):
    """The same recipe on the dream itself."""

    name, label, emoji = "deeper", "Deeper", "🌀"

    async def press(self, interaction: Press, job: Job) -> None:
        """Ask for a dream of the dream."""
        await _ask_again(interaction, job, interaction.client.queue.result)


class Cancel(JobButton, template=r"cancel:(?P<job>[\w-]+)"):
    """Stop a dream that waits or is being dreamt."""

    name, label, emoji = "cancel", "Cancel", "✖️"

    async def press(self, interaction: Press, job: Job) -> None:
        """Cancel the job; its message says so by itself."""
        if not may_remove(interaction, job):
            raise Refused("Only whoever asked for this dream, or a moderator, can cancel it.")
        await interaction.response.defer()
        if not await interaction.client.queue.cancel(job.id):
            raise Refused("Too late to cancel: this dream is already finished.")


class Delete(JobButton, template=r"delete:(?P<job>[\w-]+)"):
    """Take a dream away, with the picture that it was dreamt from."""

    name, label, emoji = "delete", None, "🗑️"

    async def press(self, interaction: Press, job: Job) -> None:
        """Delete the message and what is kept of the job."""
        if not may_remove(interaction, job):
            raise Refused("Only whoever asked for this dream, or a moderator, can delete it.")
        await interaction.response.defer()
        bot = interaction.client
        await bot.queue.erase(job.id)
        if interaction.guild_id and interaction.user.id != job.member_id:
            await bot.moderation.removed(interaction.guild_id, job.id, by=interaction.user.id)
        if job.channel_id and job.status_message_id:
            channel = bot.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
            with contextlib.suppress(discord.NotFound):
                await channel.get_partial_message(job.status_message_id).delete()
        if interaction.message and interaction.message.id != job.status_message_id:
            await interaction.edit_original_response(
                content=f"🗑️ {interaction.user.mention} removed the reported dream.", view=None
            )

    async def miss(self, interaction: Press) -> None:
        """Let moderators delete at least the message. Raises Refused."""
        if interaction.message is None or not interaction.permissions.manage_messages:
            raise Refused(GONE)
        await interaction.message.delete()
        await whisper(interaction, "🗑️ The message is gone; nothing else was kept of that dream.")


class Flag(JobButton, template=r"report:(?P<job>[\w-]+)"):
    """Show a dream to the server's moderators."""

    name, label, emoji = "report", None, "🚩"

    async def press(self, interaction: Press, job: Job) -> None:
        """Post a link to the dream in the channel that the admins named."""
        await report(
            interaction, f"a dream of <@{job.member_id}>" if job.member_id else "a dream", Delete(job.id)
        )


async def report(interaction: Press, what: str, remedy: discord.ui.Item[Any]) -> None:
    """Show the pressed message to the server's moderators, with a button to do something about it.

    Raises Refused.
    """
    assert interaction.message is not None
    effective = await interaction.client.settings.effective(interaction.guild_id, interaction.channel_id)
    channel = interaction.guild and interaction.guild.get_channel(effective.report_channel or 0)
    if not isinstance(channel, discord.abc.Messageable):
        raise Refused("This server has named no channel for reports; please tell a moderator directly.")
    view = discord.ui.View(timeout=None)
    view.add_item(remedy)
    told = f"🚩 {interaction.user.mention} reports {what}: {interaction.message.jump_url}"
    try:
        if await _told_already(channel, interaction.message.jump_url):
            raise Refused("Thank you: the moderators have been told already.")
        await channel.send(told, view=view)
    except discord.Forbidden:
        raise Refused(
            "I may not post in the channel for reports; please tell a moderator directly."
        ) from None
    await whisper(interaction, "Thank you: the moderators have been told.")


async def _told_already(channel: discord.abc.Messageable, link: str) -> bool:
    """Whether one of the latest messages there tells of this one, so that nobody floods it at a button."""
    try:
        return any([link in message.content async for message in channel.history(limit=50)])
    except discord.Forbidden:  # it may be written to and not read
        return False


async def _ask_again(
    interaction: Press, job: Job, kept: Callable[[str], Awaitable[bytes | None]] | None
) -> None:
    async def source() -> bytes:
        picture = await kept(job.id) if kept else None
        if picture is None:
            raise Refused(GONE)
        return picture

    await interaction.response.defer()
    await ask(
        interaction.client,
        interaction.user,
        interaction.channel,
        dataclasses.replace(Recipe.parse(job.recipe), seed=None),
        source if kept else None,
        interaction=interaction,
        parent=job.id,
        author_id=job.author_id,
        spoiler=job.spoiler,
    )


BUTTONS = (Again, Deeper, Cancel, Delete, Flag)


async def whisper(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Tell the presser, and nobody else."""
    if interaction.response.is_done():
        await interaction.followup.send(sentence, ephemeral=True, suppress_embeds=True)
    else:
        await interaction.response.send_message(sentence, ephemeral=True, suppress_embeds=True)
