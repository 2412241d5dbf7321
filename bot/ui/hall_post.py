"""The messages of the hall of fame and of the week's best, and their buttons."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple

import discord

from bot.checks import may_moderate
from bot.client import DreamBot
from bot.errors import Refused
from bot.language import speaking
from bot.settings.values import HallOfFame
from bot.store.hall import BestRow, StarredRow
from bot.ui.buttons import report
from bot.ui.components import Interaction, RowButton
from bot.ui.errors import code, send_ephemeral
from bot.ui.links import message_url
from bot.ui.permission_names import permission_name
from config.presets import preset_title
from dream.suggestions import both
from dream.texts import Text, _

STAR: Final = "⭐"
MEDALS: Final = ("🥇", "🥈", "🥉")
BEST_TITLE: Final = Text("### 🏆 The best dreams of the week")
LONGEST: Final = 300
"""Characters of a recipe, at most."""


NEEDED: Final = ("view_channel", "send_messages", "attach_files", "read_message_history")
"""The permissions needed in the hall of fame."""


def missing_permissions(channel: discord.TextChannel) -> list[str]:
    """The names of the permissions that the bot lacks to post in a channel and to find its posts again."""
    may = channel.permissions_for(channel.guild.me)
    return [permission_name(right) for right in NEEDED if not getattr(may, right)]


def hall_warnings(guild: discord.Guild, settings: HallOfFame, changed: Collection[str]) -> list[str]:
    """What keeps changed settings of the hall of fame from doing what they say, a line each."""
    found = []
    for name in ("hall_channel", "best_channel"):
        channel = guild.get_channel(getattr(settings, name))
        if name not in changed or channel is None:
            continue
        if not isinstance(channel, discord.TextChannel):
            found.append(_("{channel} is no text channel, so I post nothing there.", channel=channel.mention))
        elif missing := missing_permissions(channel):
            found.append(
                _(
                    "I need the permission {permissions} in {channel}.",
                    permissions=both(missing),
                    channel=channel.mention,
                )
            )
    return [f"⚠️ {one}" for one in dict.fromkeys(found)]


class Shown(NamedTuple):
    """A starred dream with its file."""

    row: StarredRow
    filename: str
    picture: bytes


def hall_message(shown: Shown, *, takes_reports: bool) -> dict[str, Any]:
    """The message of a dream in the hall of fame, as keyword arguments for `send`.

    After a crash it is found again by the dream's id in the file's name.
    """
    row = shown.row
    view = discord.ui.View(timeout=None)
    url = message_url(row.guild_id, row.channel_id, row.message_id)
    view.add_item(discord.ui.Button(label=_("To the dream"), url=url)).add_item(TakeOut(row.job_id))
    if takes_reports:
        view.add_item(Flag(row.job_id))
    file = _file(
        shown, f"hall-{row.job_id}", _("A dream with the recipe {recipe}.", recipe=row.recipe[:LONGEST])
    )
    return {"content": hall_text(row), "file": file, "view": view}


def hall_text(row: StarredRow) -> str:
    """What stands above a dream in the hall of fame."""
    picture = (
        _(" · from a picture by <@{author_id}>", author_id=row.author_id)
        if row.author_id not in (None, row.member_id)
        else ""
    )
    return f"{STAR} **{row.stars}** · **{_title(row)}** {_for(row)}{picture}\n-# {code(row.recipe, LONGEST)}"


def best_message(post: BestRow, dreams: Sequence[Shown]) -> dict[str, Any]:
    """The message of a week's best, as keyword arguments for `send`; the post's id is in its files' names."""
    lines, files = [str(BEST_TITLE)], []
    for number, shown in enumerate(dreams, 1):
        row = shown.row
        place = MEDALS[number - 1] if number <= len(MEDALS) else f"**{number}.**"
        url = message_url(row.guild_id, row.channel_id, row.message_id)
        lines.append(f"{place} {STAR} {row.stars} · [{_title(row)}](<{url}>) {_for(row)}")
        alt = _(
            "Number {number} of the week: a dream with the recipe {recipe}.",
            number=number,
            recipe=row.recipe[:LONGEST],
        )
        files.append(_file(shown, f"best-{post.id}-{number}-{row.job_id}", alt))
    return {"content": "\n".join(lines), "files": files}


def without(message: discord.Message, row: StarredRow) -> dict[str, Any] | None:
    """A message of a week's best without one dream, as keyword arguments for `edit`; None if none is left."""
    kept = [file for file in message.attachments if row.job_id not in file.filename]
    lines = message.content.split("\n")
    content = "\n".join(line for line in lines if f"/{row.message_id}>)" not in line)
    return {"content": content, "attachments": kept} if kept else None


class HallButton(RowButton[StarredRow]):
    """The base of the buttons under a dream in the hall of fame."""

    gone = Text("I don't know that dream any more; please tell a moderator.")

    async def load(self, bot: DreamBot) -> StarredRow | None:
        """The dream's row."""
        return await bot.hall.starred.get(self.row_id)


class TakeOut(HallButton):
    """Take a dream out of the hall of fame for good: by whose it is, or a moderator."""

    key, label, emoji = "hall-remove", Text("Take it out"), "🗑️"

    async def act(self, interaction: Interaction, row: StarredRow) -> None:
        """Withdraw it; its post is deleted by the reconciler. Raises Refused."""
        is_theirs = interaction.user.id in (row.member_id, row.author_id)
        if not is_theirs and not await may_moderate(interaction, row.post_channel_id):
            raise Refused(Text("Only whose dream or picture it is, or a moderator, can take it out."))
        is_first = await interaction.client.hall.remove(row)
        if is_first and interaction.guild_id and not is_theirs:
            await interaction.client.moderation.log_removal(
                interaction.guild_id, row.job_id, by=interaction.user.id
            )
        if interaction.message and interaction.message.id != row.post_message_id:
            with speaking(await interaction.client.language_of(interaction.guild)):
                done = _("🗑️ {member} took the reported dream out.", member=interaction.user.mention)
            await interaction.response.edit_message(content=done, view=None)
        else:
            await send_ephemeral(interaction, _("🗑️ It leaves the hall of fame, and will not come back."))


class Flag(HallButton):
    """Report a dream in the hall of fame to the server's moderators."""

    key, emoji = "hall-report", "🚩"

    async def act(self, interaction: Interaction, row: StarredRow) -> None:
        """Post a link to it in the server's `report_channel`."""
        assert interaction.message is not None
        await report(
            interaction,
            Text("a dream in the hall of fame"),
            interaction.message.jump_url,
            TakeOut(row.job_id),
        )


HALL_BUTTONS: Final = (TakeOut, Flag)


def _title(row: StarredRow) -> str:
    return preset_title(row.preset) if row.preset else _("A dream")


def _for(row: StarredRow) -> str:
    return _("for {member}", member=f"<@{row.member_id}>")


def _file(shown: Shown, stem: str, alt: str) -> discord.File:
    name = f"{stem}{PurePath(shown.filename).suffix}"
    return discord.File(io.BytesIO(shown.picture), name, description=alt, spoiler=shown.row.spoiler)
