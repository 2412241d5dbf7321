"""The message of a daily dream, and its buttons."""

from __future__ import annotations

import contextlib
import io
from datetime import date
from pathlib import PurePath
from typing import Any, Final

import discord

from bot.checks import NOT_A_MODERATOR, may_moderate
from bot.client import DreamBot
from bot.errors import Refused
from bot.language import day_and_month, speaking
from bot.store.daily import PostRow
from bot.store.jobs import Job
from bot.ui.buttons import report
from bot.ui.components import Interaction, RowButton
from bot.ui.errors import send_ephemeral
from bot.ui.links import message_url
from bot.ui.status import named
from bot.visibility import can_see
from dream.texts import Text, _

LIKE: Final = "💜"
DISLIKE: Final = "👎"
LONGEST: Final = 900
"""Characters of a recipe in a post and in its picture's description, at most."""


def post_message(
    post: PostRow, job: Job, picture: bytes, guild: discord.Guild, *, takes_reports: bool = False
) -> dict[str, Any]:
    """The message of a daily dream, as keyword arguments for `channel.send`.

    The picture is an attachment rather than in an embed: Discord shows it larger, and supports spoilers.
    `takes_reports` is whether somebody would be told of a report.
    """
    report = job.dream_report
    recipe = (report.recipe if report else job.recipe)[:LONGEST]
    # `bot.delivery.daily_posts` finds the message after a crash by the post's id in the file name.
    name = f"daily-{post.id}{PurePath(job.filename or 'dream.jpg').suffix}"
    alt = _(
        "The daily dream: {source}, dreamt by a neural network with the recipe {recipe}.",
        source=source_of(post),
        recipe=recipe,
    )
    made = named(recipe, post.preset, LONGEST)
    lines = [f"### 🌅 {title(post)}", credit(post, guild), _("-# Dreamt with {made}", made=made)]
    if report and report.note:
        lines.append(f"-# 🪞 {report.note}")
    lines.append(_("-# {like} or {dislike}: your votes lead the next dreams", like=LIKE, dislike=DISLIKE))
    view = discord.ui.View(timeout=None)
    before = [] if post.kind == "sky" else [ShowBefore(post.id)]
    for button in (*before, Remove(post.id), *([Flag(post.id)] if takes_reports else [])):
        view.add_item(button)
    return {
        "content": "\n".join(lines),
        "file": discord.File(io.BytesIO(picture), name, description=alt[:1024], spoiler=job.spoiler),
        "view": view,
    }


def title(post: PostRow) -> str:
    """A post's title, with the local date of its slot."""
    if not post.is_scheduled:
        return _("A dream in between")
    day = date.fromisoformat(post.slot[:10])
    return _("The dream of {day}", day=day_and_month(day))


def source_of(post: PostRow) -> str:
    """Describe a post's source, as part of a sentence."""
    match post.kind:
        case "members":
            return _("a picture by a member of this server")
        case "sky":
            return _("a generated sky")
        case _:
            return _(
                "the picture “{name}”",
                name=PurePath(post.source or "").stem.replace("_", " ").replace("-", " "),
            )


def credit(post: PostRow, guild: discord.Guild) -> str:
    """Describe a post's source and its author, with links, as a sentence."""
    if post.kind == "sky":
        return _("From a sky that nobody has seen.")
    if post.author_id is None:
        return _("From {source}.", source=source_of(post))
    link = message_url(guild.id, post.source_channel_id, post.source_message_id)
    return _("From [a picture](<{link}>) by <@{author_id}>.", link=link, author_id=post.author_id)


class PostButton(RowButton[PostRow]):
    """The base of the buttons under a post."""

    gone = Text("I don't know this dream any more: it is too long ago.")

    async def load(self, bot: DreamBot) -> PostRow | None:
        """The post."""
        return await bot.daily.posts.get(self.row_id)


class ShowBefore(PostButton):
    """Show the source picture, ephemerally."""

    key, label, emoji = "daily-before", Text("Before"), "🖼️"

    async def act(self, interaction: Interaction, row: PostRow) -> None:
        """Send the source picture. Raises Refused if the user cannot see the channel that it comes from."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        assert interaction.guild is not None
        if row.source_channel_id is not None:
            channel = interaction.guild.get_channel(row.source_channel_id)
            visible = channel is not None and can_see(interaction.user, channel)
        else:
            visible = True
        source = await interaction.client.queue.jobs.picture(row.job_id or "", "source") if visible else None
        if source is None:
            raise Refused(Text("The picture from before is not kept any more."))
        name, description = _file_name(row, source), _("Before: {source}.", source=source_of(row))
        await interaction.followup.send(
            _("Before it was dreamt. {credit}", credit=credit(row, interaction.guild)),
            file=discord.File(io.BytesIO(source), name, description=description),
            ephemeral=True,
        )


class Remove(PostButton):
    """Let a moderator delete a post and exclude its picture from later dreams."""

    key, label, emoji = "daily-remove", Text("Remove"), "🗑️"

    async def act(self, interaction: Interaction, row: PostRow) -> None:
        """Delete the post, its dream and its picture; edit the report if this is one. Raises Refused."""
        bot, message = interaction.client, interaction.message
        assert message is not None
        if not await may_moderate(interaction, row.channel_id):
            raise Refused(NOT_A_MODERATOR)
        await interaction.response.defer(ephemeral=True)
        await bot.daily.remove(row, by=interaction.user.id)
        channel = bot.get_partial_messageable(row.channel_id or message.channel.id)
        with contextlib.suppress(discord.NotFound):
            await channel.get_partial_message(row.message_id or message.id).delete()
        if row.message_id not in (None, message.id):
            with speaking(await bot.language_of(interaction.guild)):
                done = _("🗑️ {member} removed the reported dream.", member=interaction.user.mention)
            await message.edit(content=done, view=None)
        await interaction.followup.send(
            _("🗑️ Removed. Its picture will not be dreamt of here again."), ephemeral=True
        )

    async def miss(self, interaction: Interaction) -> None:
        """Delete the message, as there is no row. Raises Refused."""
        if not await may_moderate(interaction, None):
            raise Refused(NOT_A_MODERATOR)
        assert interaction.message is not None
        await interaction.message.delete()
        await send_ephemeral(interaction, _("🗑️ Removed; nothing else was kept of that dream."))


class Flag(PostButton):
    """Report a post to the server's moderators."""

    key, emoji = "daily-report", "🚩"

    async def act(self, interaction: Interaction, row: PostRow) -> None:
        """Post a link to it in the server's `report_channel`."""
        assert interaction.message is not None
        await report(interaction, Text("a daily dream"), interaction.message.jump_url, Remove(row.id))


DAILY_BUTTONS: Final = (ShowBefore, Remove, Flag)


def _file_name(post: PostRow, source: bytes) -> str:
    """A file name with the suffix of the picture's format, by its magic bytes, so that Discord shows it."""
    kinds = {b"\x89PNG": "png", b"GIF8": "gif", b"RIFF": "webp", b"\xff\xd8\xff": "jpg"}
    suffix = next((kind for start, kind in kinds.items() if source.startswith(start)), "bin")
    return f"before-{post.id}.{suffix}"
