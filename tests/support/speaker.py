"""Somebody who talks with the bot in a channel of a simulated Discord."""

from __future__ import annotations

from dataclasses import dataclass

import discord
import simcord


@dataclass(frozen=True)
class Speaker:
    """A member in a channel: `await alice.says("!dream", picture=cat)`, `await alice.presses("Again")`."""

    actor: simcord.MemberActor
    channel: simcord.ChannelHandle

    async def says(
        self, text: str, picture: bytes | None = None, reply_to: discord.Message | None = None
    ) -> str:
        """Say something; what the bot answers at once."""
        files = [("picture.jpg", picture)] if picture else []
        said = await self.actor.send(self.channel, text, attachments=files, reply_to=reply_to)
        return "\n".join(told(message) for message in self.channel.history() if message.id > said.id)

    async def presses(self, label: str, message: discord.Message | None = None) -> str:
        """Press a button, of the newest message that has it; what only the presser is told."""
        return whispered(await self.actor.click(message or self._with_button(label), label=label))

    async def uses(self, command: str, **options: object) -> str:
        """Use a slash command; what only the user is told."""
        return whispered(await self.actor.slash(self.channel, command, **options))

    def _with_button(self, label: str) -> discord.Message:
        for message in reversed(self.channel.history(viewer=self.actor)):
            for row in message.components:
                for item in getattr(row, "children", ()):
                    if isinstance(item, discord.Button) and item.label == label:
                        return message
        raise AssertionError(f"no message has a button {label}")


def told(message: discord.Message) -> str:
    """The text of a message and of its embeds."""
    return "\n".join([message.content, *(embed.description or "" for embed in message.embeds)]).strip()


def whispered(result: simcord.InteractionResult) -> str:
    """What whoever pressed or used a slash command, and nobody else, was told."""
    messages = [result.response, *result.followups]
    return " ".join(message.content for message in messages if message and message.ephemeral)
