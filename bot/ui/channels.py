"""Finds channels by mention, id or name, among those that the asker can see.

A channel that the asker cannot see is answered like one that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

import discord

from bot.errors import Refused
from bot.ui.errors import code
from bot.visibility import visible_channels
from dream.suggestions import did_you_mean, nearest
from dream.texts import Text, _


class Named(Protocol):
    """A channel or a role."""

    id: int
    name: str


N = TypeVar("N", bound=Named)


def parse_id(typed: str) -> int | None:
    """The id in a mention of a channel, role or member, or a bare id; None for anything else."""
    found = re.fullmatch(r"<[#@&!]+(\d+)>|(\d{15,20})", typed)
    return int((found[1] or found[2])[:20]) if found else None


def find_by_name(typed: str, known: Iterable[N]) -> N | None:
    """The first of `known` with a name, whatever its case, with or without `#`, `@` or quotes."""
    wanted = typed.strip('"').lstrip("#@").lower()
    return next((one for one in known if one.name.lstrip("@").lower() == wanted), None)


def find_channel_id(asker: discord.abc.User, typed: str) -> int:
    """The id of the channel that is meant; a mention's or bare id is not looked up. Raises Refused."""
    if number := parse_id(typed):
        return number
    channels = visible_channels(asker)
    if found := find_by_name(typed, channels):
        return found.id
    names = [channel.name for channel in channels]
    hint = did_you_mean(typed.removeprefix("#"), names, most=1, quoted="#{}".format)
    raise Refused(
        Text(
            "I see no channel “{typed}” on this server; {hint}",
            typed=typed[:40],
            hint=hint or "choose one from the list that # opens.",
        )
    )


def find_text_channel(asker: discord.abc.User, typed: str, usage: str = "") -> discord.TextChannel:
    """The text channel that is meant. Raises Refused with the nearest one.

    `usage` is how the command is written, for the error.
    """
    channels = visible_channels(asker)
    if number := parse_id(typed):
        found = discord.utils.get(channels, id=number)
    else:
        found = find_by_name(typed, channels)
    if isinstance(found, discord.TextChannel):
        return found
    texts = {one.name: one for one in channels if isinstance(one, discord.TextChannel)}
    name = found.name if found else typed.removeprefix("#")
    near = nearest(name, texts, most=1, cutoff=0.4) or list(texts)[:1]
    hint = _("try {channel}.", channel=texts[near[0]].mention) if near else _("make one first.")
    if found is None:
        example = _(" Write it like `{usage}`.", usage=usage) if usage else ""
        raise Refused(
            Text(
                "I see no channel {typed} on this server; {hint}{example}",
                typed=code(typed),
                hint=hint,
                example=example,
            )
        )
    raise Refused(Text("{channel} is no text channel; {hint}", channel=found.mention, hint=hint))
