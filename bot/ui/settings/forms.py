"""The panel's modals: one for a setting's value as text, one for a file to import."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord

from bot.client import DreamBot
from bot.language import speak, spoken
from bot.settings.scopes import Effective
from bot.settings.text import expected, serialize
from bot.settings.values import title
from bot.ui.components import Interaction
from bot.ui.errors import explain, send_ephemeral
from dream.texts import _


class Form(discord.ui.Modal):
    """A modal of the panel; one opened before a restart is answered by `answer_old_form`."""

    def __init__(self, bot: DreamBot, title: str) -> None:
        super().__init__(title=title[:45], custom_id=f"{_custom_id_prefix(bot)}:{secrets.token_hex(4)}")

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Speak the language of whoever filled it in."""
        speak(spoken(interaction.locale))
        return True

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:  # type: ignore[override]
        """Answer with the error, ephemerally."""
        await send_ephemeral(interaction, explain(error))


class ValueForm(Form):
    """Asks for a setting's value as text and calls `save` with it."""

    def __init__(
        self, bot: DreamBot, name: str, here: Effective, save: Callable[[Interaction, str], Awaitable[None]]
    ) -> None:
        super().__init__(bot, _("Change {title}", title=title(name)))
        self.save = save
        held = serialize(getattr(here, name))
        text = ", ".join(held) if isinstance(held, list) else str(held)
        self.value: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="value", default=text[:300], max_length=300, required=False
        )
        may = _("It can be {expected}.", expected=expected(name, bot.settings.ceilings(name, here)))
        self.add_item(discord.ui.Label(text=title(name)[:45], description=may[:100], component=self.value))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Save it."""
        await self.save(interaction, self.value.value)


class ImportForm(Form):
    """Asks for a settings file and calls `load` with it."""

    def __init__(
        self, bot: DreamBot, load: Callable[[Interaction, discord.Attachment], Awaitable[None]]
    ) -> None:
        super().__init__(bot, _("Import settings"))
        self.load = load
        self.file: discord.ui.FileUpload[Any] = discord.ui.FileUpload(custom_id="file")
        self.add_item(
            discord.ui.Label(
                text=_("A file that Export made"),
                description=_("It replaces every setting and preset of this server."),
                component=self.file,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Load it."""
        await self.load(interaction, self.file.values[0])


async def answer_old_form(interaction: Interaction) -> None:
    """Answer a submitted form of an earlier run, which has no handler, that it has expired."""
    data: Mapping[str, Any] = interaction.data or {}
    custom_id = str(data.get("custom_id"))
    if custom_id.startswith("settings-form:") and not custom_id.startswith(
        _custom_id_prefix(interaction.client)
    ):
        await send_ephemeral(
            interaction, _("I was restarted while that form was open; please open it again.")
        )


def _custom_id_prefix(bot: DreamBot) -> str:
    return f"settings-form:{bot.run_id}"
