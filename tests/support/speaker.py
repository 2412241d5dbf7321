"""Somebody who talks with the bot in a channel of a simulated Discord, and what there is to read."""

from __future__ import annotations

from typing import Any

import discord
import simcord

File = tuple[str, bytes]
Shown = discord.Message | simcord.ResponseMessage


class Speaker(simcord.MemberActor):
    """A member in a channel: `await alice.says("!dream", picture=cat)`, `await alice.presses("Remix")`."""

    def __init__(self, env: simcord.Env, member: simcord.MemberActor, channel: simcord.ChannelHandle) -> None:
        super().__init__(env, member.guild, member.user)
        self.env, self.channel = env, channel

    def at(self, channel: simcord.ChannelHandle) -> Speaker:
        """The same member in another channel."""
        return Speaker(self.env, self, channel)

    async def posts(
        self,
        text: str = "",
        *files: File,
        picture: bytes | None = None,
        reply_to: discord.Message | None = None,
    ) -> discord.Message:
        """Post a message; returns it."""
        attached = [("cat.jpg", picture)] if picture else []
        return await self.send(self.channel, text, attachments=[*attached, *files], reply_to=reply_to)

    async def says(
        self,
        text: str,
        *files: File,
        picture: bytes | None = None,
        reply_to: discord.Message | None = None,
    ) -> str:
        """Post a message; returns what is answered at once."""
        said = await self.posts(text, *files, picture=picture, reply_to=reply_to)
        return "\n".join(told(message) for message in self.channel.history() if message.id > said.id)

    async def presses(self, button: str, message: Shown | None = None) -> simcord.InteractionResult:
        """Press a button, by its label or by what it does, of a message or of the newest that has it."""
        if message is None:
            message = self._newest_with(button)
        found = [one for one in buttons(message) if button in names(one)]
        assert len(found) == 1, f"{button}: {[names(one) for one in buttons(message)]}"
        return await self.click(message, custom_id=found[0].custom_id)

    async def chooses(
        self, choice: Any, message: Shown, menu: str | None = None
    ) -> simcord.InteractionResult:
        """Choose in the menu of a message, or in the one of this custom id."""
        choices = choice if isinstance(choice, list | tuple) else [choice]
        (menu,) = [one for one in menus(message) if menu in (None, one)]
        return await self.select(message, choices, custom_id=menu)

    async def fills(self, form: simcord.InteractionResult, **fields: Any) -> simcord.InteractionResult:
        """Fill in a form that a press has opened, and submit it."""
        return await self.submit_modal(form, fields)

    async def uses(self, command: str, /, **options: Any) -> simcord.InteractionResult:
        """Use a slash command."""
        return await self.slash(self.channel, command, **options)

    async def picks(
        self, entry: str, target: discord.Message | simcord.MemberActor
    ) -> simcord.InteractionResult:
        """Use an entry of the Apps menu of a message or a member."""
        return await self.context_menu(self.channel, entry, target)

    async def is_offered(self, command: str, option: str, typed: str, **given: Any) -> list[dict[str, Any]]:
        """The choices for an option of a slash command, half typed: each with its `name` and `value`."""
        return await self.autocomplete(self.channel, command, option, typed, **given)

    def _newest_with(self, button: str) -> discord.Message:
        for message in reversed(self.channel.history(viewer=self)):
            if any(button in names(one) for one in buttons(message)):
                return message
        raise AssertionError(f"no message has a button {button}")


def names(button: discord.Button) -> set[str]:
    """What a button may be called by: its label, its custom id, or the first word of that: what it does."""
    custom_id = button.custom_id or ""
    return {button.label or "", custom_id, custom_id.partition(":")[0]} - {""}


def buttons(message: Shown) -> list[discord.Button]:
    """The buttons under a message."""
    return [discord.Button(item) for item in _components(message) if item["type"] == 2]


def menus(message: Shown) -> list[str]:
    """The custom ids of the menus under a message."""
    return [item["custom_id"] for item in _components(message) if item["type"] in (3, 5, 6, 7, 8)]


def _components(message: Shown) -> list[Any]:
    rows = message.components if isinstance(message, simcord.ResponseMessage) else _rows(message)
    return [item for row in rows for item in row.get("components", ())]


def _rows(message: discord.Message) -> list[Any]:
    return [row.to_dict() for row in message.components]


def told(message: Shown) -> str:
    """The text of a message and of its embeds."""
    return "\n".join([message.content, *(embed.description or "" for embed in message.embeds)]).strip()


def heard(result: simcord.InteractionResult) -> str:
    """What was answered to a press or a slash command."""
    return " ".join(message.content for message in (result.response, *result.followups) if message)


def whispered(result: simcord.InteractionResult) -> str:
    """What whoever pressed or used a slash command, and nobody else, was told."""
    messages = [result.response, *result.followups]
    return " ".join(message.content for message in messages if message and message.ephemeral)


def answered(result: simcord.InteractionResult) -> simcord.ResponseMessage:
    """The message that answers a press or a slash command."""
    assert result.response is not None
    return result.response
