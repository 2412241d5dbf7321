"""A member's own dreams, one at a time, which nobody else sees."""

from __future__ import annotations

import re
from typing import Any, Final, Self

import discord

from bot.client import DreamBot
from bot.errors import Refused
from bot.ui.buttons import dream_buttons
from bot.ui.components import Component, Interaction
from bot.ui.errors import code
from bot.ui.links import message_url
from bot.ui.status import Status, title, with_result
from dream.texts import Text, _

NONE_YET: Final = Text("You have no finished dream here; post a picture and write `/dream`.")
GONE: Final = Text("-# Its picture is not kept any more.")
LAST_ROW: Final = 4


class Turn(Component, template=r"mine:(?P<number>\d+)"):
    """Show whoever presses one of their dreams, 0 being the newest."""

    def __init__(self, number: int, label: str | None = None, emoji: str | None = None) -> None:
        self.number = number
        super().__init__(
            discord.ui.Button(label=label, emoji=emoji, custom_id=f"mine:{number}", row=LAST_ROW)
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(int(match["number"]))

    async def handle(self, interaction: Interaction) -> None:
        """Turn the page that is open, or open one. Raises Refused."""
        is_open = interaction.message is not None and interaction.message.flags.ephemeral
        await interaction.response.defer(thinking=not is_open, ephemeral=True)
        shown = await page(interaction.client, interaction.user.id, interaction.guild_id, self.number)
        await interaction.edit_original_response(**shown.editing())


def opener() -> discord.ui.View:
    """A button for everybody's own dreams."""
    view = discord.ui.View(timeout=None)
    return view.add_item(Turn(0, _("My dreams"), "🌙"))


async def page(bot: DreamBot, member_id: int, guild_id: int | None, number: int) -> Status:
    """One of a member's dreams on a server, 0 being the newest, with its buttons. Raises Refused."""
    found, count = await bot.queue.jobs.finished_of(member_id, guild_id, number)
    if found is None and number:  # it was deleted meanwhile
        return await page(bot, member_id, guild_id, max(min(number, count) - 1, 0))
    if found is None:
        raise Refused(NONE_YET)
    view = discord.ui.View(timeout=None)
    for item in [*dream_buttons(found), *_turns(number, count)]:
        view.add_item(item)
    link = message_url(found.guild_id, found.channel_id, found.status_message_id)
    when = discord.utils.format_dt(found.created_at, "f")
    lines = [
        _("**{title}** · {when} · [where it stands](<{link}>)", title=title(found), when=when, link=link),
        _(
            "-# {number} of {count} · {recipe}",
            number=number + 1,
            count=count,
            recipe=code(found.recipe, 300),
        ),
    ]
    files = with_result(found, await bot.queue.jobs.picture(found.id, "result"))
    return Status("\n".join(lines if files else [*lines, str(GONE)]), view, files)


def _turns(number: int, count: int) -> list[Turn]:
    newer = [Turn(number - 1, _("Newer"), "◀️")] if number else []
    return newer + ([Turn(number + 1, _("Older"), "▶️")] if number + 1 < count else [])
