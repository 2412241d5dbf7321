"""What members see of the daily dream: the post and its buttons."""

from __future__ import annotations

import contextlib
import io
import re
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import discord

from bot.checks import NOT_A_MODERATOR, is_moderator
from bot.errors import Refused
from bot.ui.buttons import report
from bot.ui.errors import code, explain, whisper
from dream.dreamer import Report

if TYPE_CHECKING:
    from bot.client import DreamBot
    from bot.store.daily import DailyRow, PostRow
    from bot.store.jobs import Job

LIKE: Final = "💜"
DISLIKE: Final = "👎"
COLOUR: Final = discord.Colour(0x7B4FD1)
LONGEST: Final = 900
"""Characters of a recipe, which a post and its picture's description have room for."""


def post(post: PostRow, job: Job, picture: bytes, guild: discord.Guild) -> dict[str, Any]:
    """The message of a daily dream, as keyword arguments for `channel.send`.

    The picture is an attachment and not in an embed: it is shown larger there, and hidden if it is a spoiler.
    """
    recipe = str((job.report or {}).get("recipe", job.recipe))[:LONGEST]
    # The post's id in the file's name finds the message again after a crash.
    name = f"daily-{post.id}{PurePath(job.filename or 'dream.jpg').suffix}"
    alt = f"The daily dream: {credit(post, None)}, dreamt by a neural network with the recipe {recipe}."
    made = f"`{recipe}`" if post.preset is None else f"**{post.preset}** · `{recipe}`"
    lines = [f"### 🌅 {title(post)}", credit(post, guild), f"-# Dreamt with {made}"]
    if job.report and (note := Report(**job.report).note):
        lines.append(f"-# 🪞 {note}")
    lines.append(f"-# {LIKE} or {DISLIKE}: your votes lead the next dreams")
    view = discord.ui.View(timeout=None)
    if post.kind != "sky":
        view.add_item(Before(post.id))
    view.add_item(Remove(post.id))
    view.add_item(Flag(post.id))
    return {
        "content": "\n".join(lines),
        "file": discord.File(io.BytesIO(picture), name, description=alt[:1024], spoiler=job.spoiler),
        "view": view,
    }


def title(post: PostRow) -> str:
    """A post's title: the local day that it is for."""
    day = re.match(r"(\d{4})-(\d\d)-(\d\d)T", post.slot)
    if day is None:
        return "A dream in between"
    date = discord.utils.parse_time(f"{day[0]}00:00")
    return f"The dream of {date:%A}, {date.day} {date:%B}"


def credit(post: PostRow, guild: discord.Guild | None) -> str:
    """What a post was made from and by whom; with links where `guild` is given."""
    match post.kind:
        case "members" if guild is None:
            return "a picture by a member of this server"
        case "members" if post.author_id is None:
            return "From a picture by a member of this server."
        case "members":
            assert guild is not None
            link = (
                f"https://discord.com/channels/{guild.id}/{post.source_channel_id}/{post.source_message_id}"
            )
            return f"From [a picture](<{link}>) by <@{post.author_id}>."
        case "sky":
            return "From a sky that nobody has seen." if guild else "a generated sky"
        case _:
            named = PurePath(post.source or "").stem.replace("_", " ").replace("-", " ")
            return f"From the picture “{named}”." if guild else f"the picture “{named}”"


def line(post: PostRow) -> str:
    """One post in a list: when, what of, how it was liked or why there is none."""
    when = discord.utils.format_dt(post.due_at, "d")
    if post.state != "posted":
        return f"{when} · {post.state}" + (f": {post.reason}" if post.reason else "")
    link = f"https://discord.com/channels/{post.guild_id}/{post.channel_id}/{post.message_id}"
    recipe = code(post.preset or post.recipe or "")
    return f"{when} · [{credit(post, None)}]({link}) · {recipe} · {_votes(post.votes)}"


def standing(
    wishes: DailyRow,
    *,
    upcoming: datetime | None,
    prepared: PostRow | None,
    last: PostRow | None,
    trouble: str | None,
    example: str,
) -> discord.Embed:
    """How a server's daily dream stands.

    `upcoming` is when it is due next, `prepared` the post that is being made ready, `last` the one before,
    `trouble` why it could not be posted as things are, `example` the command that turns it on.
    """
    embed = discord.Embed(title="The daily dream", colour=COLOUR)
    if wishes.paused:
        embed.description = (
            f"⏸️ **Paused** after {wishes.failures} failures. {wishes.reason} `{example}` resumes it."
        )
    elif not wishes.enabled:
        embed.description = f"It is **off**. `{example}` turns it on."
    else:
        embed.description = f"It is **on**: {wishes.schedule}, in <#{wishes.channel_id}>."
        if trouble:
            embed.add_field(name="⚠️ In the way", value=trouble, inline=False)
    if upcoming:
        when = f"{discord.utils.format_dt(upcoming, 'F')} ({discord.utils.format_dt(upcoming, 'R')})"
        embed.add_field(name="Next", value=when, inline=False)
    if prepared and prepared.job_id:
        recipe = code(prepared.recipe or "", 200)
        embed.add_field(name="It will be", value=f"{credit(prepared, None)}, {recipe}", inline=False)
    made = code(wishes.recipe, 200) if wishes.recipe else "a walk over the presets, led by your votes"
    embed.add_field(name="Dreamt with", value=made, inline=False)
    embed.add_field(name="Last", value=line(last) if last else "There was none yet.", inline=False)
    return embed


class PostButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"daily:none"):
    """A button that does one thing to one post, also after a restart."""

    name: ClassVar[str]
    label: ClassVar[str | None]
    emoji: ClassVar[str]

    def __init__(self, post_id: str) -> None:
        self.post_id = post_id
        super().__init__(
            discord.ui.Button(label=self.label, emoji=self.emoji, custom_id=f"daily-{self.name}:{post_id}")
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button again from what Discord kept of it."""
        return cls(match["post"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Find the post and do what the button is for; whatever is wrong is told to the presser alone."""
        try:
            post = await interaction.client.daily.store.post(self.post_id)
            if post is None or post.guild_id != interaction.guild_id:
                await self.miss(interaction)
            else:
                await self.press(interaction, post)
        except Exception as error:
            await whisper(interaction, explain(error))

    async def press(self, interaction: discord.Interaction[DreamBot], post: PostRow) -> None:
        """Do it. Raises Refused."""
        raise NotImplementedError

    async def miss(self, interaction: discord.Interaction[DreamBot]) -> None:
        """Answer a press when the post is not known any more. Raises Refused."""
        raise Refused("I don't know this dream any more: it is too long ago.")


class Before(PostButton, template=r"daily-before:(?P<post>\w+)"):
    """Show the picture that was dreamt of, beside the dream, to the presser alone."""

    name, label, emoji = "before", "Before", "🖼️"

    async def press(self, interaction: discord.Interaction[DreamBot], post: PostRow) -> None:
        """Send the picture as it was."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        source = await interaction.client.queue.source(post.job_id or "")
        if source is None:
            raise Refused("The picture from before is not kept any more.")
        file = discord.File(
            io.BytesIO(source), _name(post, source), description=f"Before: {credit(post, None)}."
        )
        await interaction.followup.send(
            f"Before it was dreamt. {credit(post, interaction.guild)}", file=file, ephemeral=True
        )


class Remove(PostButton, template=r"daily-remove:(?P<post>\w+)"):
    """A moderator takes a post away and keeps its picture from ever being used again."""

    name, label, emoji = "remove", "Remove", "🗑️"

    async def press(self, interaction: discord.Interaction[DreamBot], post: PostRow) -> None:
        """Delete the post, its dream and its picture; a report that this was pressed at says so."""
        bot, message = interaction.client, interaction.message
        assert message is not None
        if not await is_moderator(bot, interaction.user, interaction.permissions):
            raise Refused(NOT_A_MODERATOR)
        await interaction.response.defer(ephemeral=True)
        await bot.daily.remove(post, by=interaction.user.id)
        place = bot.get_partial_messageable(post.channel_id or message.channel.id)
        with contextlib.suppress(discord.NotFound):
            await place.get_partial_message(post.message_id or message.id).delete()
        if post.message_id not in (None, message.id):
            done = f"🗑️ {interaction.user.mention} removed the reported dream."
            await message.edit(content=done, view=None)
        await interaction.followup.send(
            "🗑️ Removed. Its picture will not be dreamt of here again.", ephemeral=True
        )

    async def miss(self, interaction: discord.Interaction[DreamBot]) -> None:
        """Delete at least the message. Raises Refused."""
        if not await is_moderator(interaction.client, interaction.user, interaction.permissions):
            raise Refused(NOT_A_MODERATOR)
        assert interaction.message is not None
        await interaction.message.delete()
        await whisper(interaction, "🗑️ Removed; nothing else was kept of that dream.")


class Flag(PostButton, template=r"daily-report:(?P<post>\w+)"):
    """Show a post to the server's moderators."""

    name, label, emoji = "report", None, "🚩"

    async def press(self, interaction: discord.Interaction[DreamBot], post: PostRow) -> None:
        """Post a link to it in the channel that the admins named."""
        await report(interaction, "a daily dream", Remove(post.id))


BUTTONS: Final = (Before, Remove, Flag)


def _votes(count: int) -> str:
    return f"{count:+} vote{'' if abs(count) == 1 else 's'}" if count else "no votes"


def _name(post: PostRow, source: bytes) -> str:
    """A file name that lets Discord show the picture, told from its first bytes."""
    kinds = {b"\x89PNG": "png", b"GIF8": "gif", b"RIFF": "webp", b"\xff\xd8\xff": "jpg"}
    suffix = next((kind for start, kind in kinds.items() if source.startswith(start)), "bin")
    return f"before-{post.id}.{suffix}"
