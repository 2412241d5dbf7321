"""The buttons under a dream. Each carries its job's id, so that it works after any restart."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import discord

from bot.asking import ask
from bot.checks import may_moderate
from bot.client import DreamBot
from bot.errors import Refused
from bot.store.jobs import Job
from bot.ui.components import Press, RowButton
from bot.ui.errors import whisper
from dream.recipe import Recipe


class JobButton(RowButton[Job], template="-"):
    """A button that does one thing to one job."""

    gone = "I don't have that dream any more: pictures are kept for a few days only. Please start a new one."

    async def load(self, bot: DreamBot) -> Job | None:
        """The job."""
        return await bot.queue.get(self.row_id)


class Again(JobButton, template=r"again:(?P<id>[\w-]+)"):
    """The same picture and recipe with another seed."""

    key, label, emoji = "again", "Again", "🎲"

    async def act(self, press: Press, row: Job) -> None:
        """Ask for the dream anew."""
        await _ask_again(press, row, "source" if row.has_source else None)


class Deeper(JobButton, template=r"deeper:(?P<id>[\w-]+)"):
    """The same recipe on the dream itself."""

    key, label, emoji = "deeper", "Deeper", "🌀"

    async def act(self, press: Press, row: Job) -> None:
        """Ask for a dream of the dream."""
        await _ask_again(press, row, "result")


class Cancel(JobButton, template=r"cancel:(?P<id>[\w-]+)"):
    """Stop a dream that waits or is being dreamt."""

    key, label, emoji = "cancel", "Cancel", "✖️"

    async def act(self, press: Press, row: Job) -> None:
        """Cancel the job; its message says so by itself."""
        if not await _may_remove(press, row):
            raise Refused("Only whoever asked for this dream, or a moderator, can cancel it.")
        await press.response.defer()
        if not await press.client.queue.cancel(row.id):
            raise Refused("Too late to cancel: this dream is already finished.")


class Delete(JobButton, template=r"delete:(?P<id>[\w-]+)"):
    """Take a dream away, with the picture that it was dreamt from."""

    key, emoji = "delete", "🗑️"

    async def act(self, press: Press, row: Job) -> None:
        """Delete the message and what is kept of the job."""
        if not await _may_remove(press, row):
            raise Refused("Only whoever asked for this dream, or a moderator, can delete it.")
        await press.response.defer()
        bot = press.client
        await bot.queue.erase(row.id)
        if press.guild_id and press.user.id != row.member_id:
            await bot.moderation.log_removal(press.guild_id, row.id, by=press.user.id)
        if row.channel_id and row.status_message_id:
            channel = bot.get_partial_messageable(row.channel_id, guild_id=row.guild_id)
            with contextlib.suppress(discord.NotFound):
                await channel.get_partial_message(row.status_message_id).delete()
        if press.message and press.message.id != row.status_message_id:
            await press.edit_original_response(
                content=f"🗑️ {press.user.mention} removed the reported dream.", view=None
            )

    async def miss(self, press: Press) -> None:
        """Let moderators delete at least the message. Raises Refused."""
        if press.message is None or not press.permissions.manage_messages:
            raise Refused(self.gone)
        await press.message.delete()
        await whisper(press, "🗑️ The message is gone; nothing else was kept of that dream.")


class Flag(JobButton, template=r"report:(?P<id>[\w-]+)"):
    """Show a dream to the server's moderators."""

    key, emoji = "report", "🚩"

    async def act(self, press: Press, row: Job) -> None:
        """Post a link to the dream in the channel that the admins named."""
        await report(press, f"a dream of <@{row.member_id}>" if row.member_id else "a dream", Delete(row.id))


async def report(press: Press, what: str, remedy: discord.ui.Item[Any]) -> None:
    """Show the pressed message to the server's moderators, with a button to do something about it.

    Raises Refused.
    """
    assert press.message is not None
    effective = await press.client.settings.effective(press.guild_id, press.channel_id)
    channel = press.guild and press.guild.get_channel(effective.report_channel or 0)
    if not isinstance(channel, discord.abc.Messageable):
        raise Refused("This server has named no channel for reports; please tell a moderator directly.")
    view = discord.ui.View(timeout=None)
    view.add_item(remedy)
    text = f"🚩 {press.user.mention} reports {what}: {press.message.jump_url}"
    try:
        if await _is_reported(channel, press.message.jump_url):
            raise Refused("Thank you: the moderators have been told already.")
        await channel.send(text, view=view)
    except discord.Forbidden:
        raise Refused(
            "I may not post in the channel for reports; please tell a moderator directly."
        ) from None
    await whisper(press, "Thank you: the moderators have been told.")


async def _is_reported(channel: discord.abc.Messageable, link: str) -> bool:
    """Whether one of the latest messages there tells of this one, so that nobody floods it at a button."""
    try:
        return any([link in message.content async for message in channel.history(limit=50)])
    except discord.Forbidden:  # it may be written to and not read
        return False


async def _may_remove(press: Press, job: Job) -> bool:
    """Whether whoever presses asked for `job`, or moderates where it is."""
    return press.user.id == job.member_id or await may_moderate(press, job.channel_id)


async def _ask_again(press: Press, job: Job, role: str | None) -> None:
    """Ask for a job's recipe with another seed, on its picture of this role, in the same channel."""
    if job.channel_id != press.channel_id:  # whose pictures not everybody may see here
        raise Refused(JobButton.gone)
    await press.response.defer()
    picture = await press.client.queue.kept_picture(job, role) if role else None
    if role and picture is None:
        raise Refused(JobButton.gone)
    guide = await press.client.queue.kept_picture(job, "guide")
    await ask(
        press.client,
        press.user,
        press.channel,
        dataclasses.replace(Recipe.parse(job.recipe), seed=None),
        picture,
        guide=guide,
        interaction=press,
        parent=job.id,
        author_id=job.author_id,
        spoiler=job.spoiler,
    )


BUTTONS = (Again, Deeper, Cancel, Delete, Flag)
