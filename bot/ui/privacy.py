"""The confirmation of `forget-me` and a member's choices, with their buttons."""

from __future__ import annotations

import re
from typing import Any, Final, Self

import discord

from bot.client import DreamBot
from bot.errors import Refused
from bot.store.opt_outs import Matter
from bot.ui.components import Component, Interaction
from dream.texts import Text, _

QUESTION: Final = Text(
    "This deletes your pictures, your dreams and what you asked for, on every server, "
    "and stops those that wait. It can't be undone."
)
DONE: Final = Text("🌫️ Done: your pictures, dreams and what you asked for are deleted, on every server.")


CHOICES: Final = {
    Matter.PICTURES: ("🖼️", Text("Others may dream on my pictures")),
    Matter.HALL: ("⭐", Text("My dreams, and dreams of my pictures, may be in halls of fame")),
    Matter.DAILY: ("🌅", Text("My pictures may become daily dreams")),
}
"""What a member lets happen or not, with an emoji for its button."""


def question(member_id: int) -> dict[str, Any]:
    """The message, as keyword arguments for `send`."""
    view = discord.ui.View(timeout=None)
    view.add_item(ForgetMe(member_id))
    return {"content": str(QUESTION), "view": view}


class ForgetMe(Component, template=r"forget-me:(?P<member>\d+)"):
    """A button that deletes a member's data."""

    def __init__(self, member_id: int) -> None:
        self.member_id = member_id
        super().__init__(
            discord.ui.Button(
                label=_("Delete everything of me"),
                style=discord.ButtonStyle.danger,
                custom_id=f"forget-me:{member_id}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(int(match["member"]))

    async def handle(self, interaction: Interaction) -> None:
        """Delete the member's data. Raises Refused for anybody else."""
        if interaction.user.id != self.member_id:
            raise Refused(Text("Only whoever asked can confirm it; `/forget-me` is yours to use."))
        await interaction.response.defer()
        await interaction.client.privacy.forget_member(self.member_id)
        await interaction.edit_original_response(content=str(DONE), view=None)


def opener() -> discord.ui.View:
    """A button that shows whoever presses their own choices."""
    view = discord.ui.View(timeout=None)
    button: discord.ui.Button[Any] = discord.ui.Button(label=_("My choices"), emoji="🛡️")
    return view.add_item(Choice(button, "show", "mine"))


async def choices(bot: DreamBot, member_id: int) -> dict[str, Any]:
    """A member's choices, each with a button that changes it, as keyword arguments for `send` and `edit`."""
    left_out = await bot.opt_outs.of(member_id)
    view, lines = discord.ui.View(timeout=None), [_("**Your choices**, on every server:")]
    for matter, (emoji, may) in CHOICES.items():
        is_in = matter not in left_out
        lines.append(f"{emoji} {may}: **{_('yes') if is_in else _('no')}**")
        button: discord.ui.Button[Any] = discord.ui.Button(label=_("No") if is_in else _("Yes"), emoji=emoji)
        view.add_item(Choice(button, matter, "out" if is_in else "in"))
    lines.append(
        _("-# A press changes it. What was posted of you in a hall of fame leaves it within a minute.")
    )
    return {"content": "\n".join(lines), "view": view}


class Choice(Component, template=r"choice:(?P<matter>\w+):(?P<to>in|out|mine)"):
    """Leave whoever presses out of something or let them in, or show how they chose."""

    def __init__(self, item: discord.ui.Button[Any], matter: str, to: str) -> None:
        item.custom_id = f"choice:{matter}:{to}"
        super().__init__(item)
        self.matter, self.to = matter, to

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recreate the button from its custom id."""
        return cls(item, match["matter"], match["to"])  # type: ignore[arg-type]

    async def handle(self, interaction: Interaction) -> None:
        """Change the presser's own choice, whoever's message it is under, and show them all."""
        bot, member_id = interaction.client, interaction.user.id
        if self.to != "mine":
            await _choose(bot, member_id, Matter(self.matter), wants_out=self.to == "out")
        shown = await choices(bot, member_id)
        if interaction.message is not None and interaction.message.flags.ephemeral:
            await interaction.response.edit_message(**shown)
        else:
            await interaction.response.send_message(**shown, ephemeral=True)


async def _choose(bot: DreamBot, member_id: int, matter: Matter, *, wants_out: bool) -> None:
    """Leave a member out of a matter, with what is on its way, or let them in again."""
    match matter:
        case Matter.DAILY if wants_out:
            await bot.daily.forget_member(member_id)
        case Matter.HALL:
            await bot.hall.set_opt_out(member_id, wants_out)
        case _ if wants_out:
            await bot.opt_outs.add(member_id, matter)
        case _:
            await bot.opt_outs.remove(member_id, matter)
