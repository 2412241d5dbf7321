"""What Discord shows of slash commands before they are used, in the languages of its clients."""

from __future__ import annotations

from typing import Final

from discord import Locale, app_commands
from discord.app_commands import TranslationContextLocation as Place

from bot.language import ENGLISH, catalogue, spoken

TRANSLATED: Final = (
    Place.command_description,
    Place.group_description,
    Place.parameter_description,
    Place.choice_name,
)
"""Names of commands and options stay as they are: they are what members type, in text commands, too."""


class SlashTexts(app_commands.Translator):
    """Translates descriptions, and the entries of the Apps menus."""

    async def translate(
        self, string: app_commands.locale_str, locale: Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """A text in a language; None where it stays English."""
        is_menu = isinstance(context.data, app_commands.ContextMenu)
        language = spoken(locale)
        if language == ENGLISH or not (is_menu or context.location in TRANSLATED):
            return None
        translated = catalogue(language).gettext(string.message)
        return translated if translated != string.message else None
