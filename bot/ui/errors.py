"""What members read when something is wrong: one friendly sentence that says what to do next."""

from __future__ import annotations

import logging
import re
import secrets
import unicodedata
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import Refused
from bot.queue.queue import DATABASE_AWAY
from bot.settings.values import SettingError
from bot.store.outage import is_outage
from bot.ui.permission_names import permission_name
from dream.farm import FarmError
from dream.picture import PictureError
from dream.recipe import RecipeError
from dream.suggestions import both, either, nearest
from dream.texts import _

log = logging.getLogger(__name__)

LONGEST = 2000
"""Characters of a message, at most."""

SPEAKING = (Refused, SettingError, RecipeError, PictureError, FarmError)
"""Errors whose own text is written for members."""

WRAPPERS = (
    commands.CommandInvokeError,
    commands.HybridCommandError,
    commands.ConversionError,
    app_commands.CommandInvokeError,
)
"""What discord.py wraps an error of ours in, as its `original`."""


def explain(error: BaseException, prefix: str = "/", usage: str | None = None) -> str:
    """Return the sentence to answer `error` with; `usage` is how the command is written.

    What somebody typed is shown as code. An error that nobody foresaw goes to the log with its traceback,
    under a number that the sentence gives.
    """
    sentence = _sentence(error, prefix, usage)
    return re.sub("“(.+?)”", lambda quoted: code(quoted[1]), sentence, flags=re.DOTALL)[:LONGEST]


async def send_ephemeral(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Tell whoever pressed or used a slash command, and nobody else."""
    if interaction.response.is_done():
        await interaction.followup.send(sentence, ephemeral=True, suppress_embeds=True)
    else:
        await interaction.response.send_message(sentence, ephemeral=True, suppress_embeds=True)


def code(typed: str, longest: int = 60) -> str:
    """What somebody typed, as code: it formats, links, pings and hides nothing."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in typed)
    plain = plain.strip().replace("`", "ˋ")
    return f"`{plain if len(plain) <= longest else plain[: longest - 1] + '…'}`" if plain else "“”"


def _sentence(error: BaseException, prefix: str, usage: str | None) -> str:
    while isinstance(error, WRAPPERS):
        error = error.original
    if isinstance(error, app_commands.TransformerError) and error.__cause__:
        error = error.__cause__
    hint = (
        _("write it like {usage}", usage=code(usage, LONGEST))
        if usage
        else _("see {command}", command=code(f"{prefix}help"))
    )
    match error:
        case _ if isinstance(error, SPEAKING):
            return str(error)
        case commands.NoPrivateMessage() | app_commands.NoPrivateMessage():
            return _("That works on a server only; please ask me there.")
        case commands.MissingPermissions() | app_commands.MissingPermissions():
            wanted = both([permission_name(name) for name in error.missing_permissions])
            return _(
                "That needs the {permissions} permission; please ask somebody who has it.", permissions=wanted
            )
        case commands.CheckFailure() | app_commands.CheckFailure():
            return _("You may not do that here; an admin of this server can help.")
        case commands.MissingRequiredArgument():
            missing = error.param.displayed_name or error.param.name
            return _("Something is missing: {missing}; {hint}.", missing=code(missing), hint=hint)
        case commands.BadLiteralArgument():
            choices = either([code(str(choice)) for choice in error.literals])
            return _(
                "“{typed}” should be {choices}; {hint}.",
                typed=error.argument[:40],
                choices=choices,
                hint=hint,
            )
        case commands.RangeError():
            return _(
                "{value} should be from {least} to {most}; {hint}.",
                value=error.value,
                least=error.minimum,
                most=error.maximum,
                hint=hint,
            )
        case commands.CommandOnCooldown() | app_commands.CommandOnCooldown():
            seconds = max(1, round(error.retry_after))
            return _("That was quick! Please try again in {seconds} s.", seconds=seconds)
        case commands.BadArgument() if str(error).startswith("Converting to"):
            return _("I couldn't read that; {hint}.", hint=hint)
        case commands.UserInputError():
            typed = getattr(error, "argument", None)
            detail = str(error).rstrip(".").replace(f'"{typed}"', f"“{typed}”")
            return _("I couldn't read that: {detail}; {hint}.", detail=detail, hint=hint)
        case discord.Forbidden():
            return _(
                "I'm not allowed to do that here; I need View Channel, Send Messages, Attach Files "
                "and Read Message History."
            )
        case SQLAlchemyError() | ConnectionError() if is_outage(error):
            log.warning("a command failed for now: %r", error)
            return str(DATABASE_AWAY)
        case _:
            number = secrets.token_hex(3)
            log.error("unforeseen error %s", number, exc_info=error)
            return _(
                "Something went wrong on my side; please try again in a minute (it is noted as {number}).",
                number=number,
            )


def unknown_command(word: str, known: list[str], prefix: str) -> str | None:
    """Return what to say about a command that does not exist: the nearest one, or nothing if none is near."""
    close = nearest(word, known, most=1, cutoff=0.75)
    if not close:
        return None
    meant = code(prefix + close[0])
    return _("I don't know {typed}; did you mean {meant}?", typed=code(prefix + word), meant=meant)
