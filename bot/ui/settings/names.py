"""Replaces names of channels, roles and members in a setting's text by their ids."""

from __future__ import annotations

from typing import Any, Final

import discord
from discord.ext import commands

from bot.settings.service import Exists
from bot.settings.text import LISTS, expected, named, split_words
from bot.settings.values import SETTINGS, Kind, SettingError, kind
from bot.ui.channels import Named, find_by_name, parse_id
from bot.visibility import visible_channels
from dream.suggestions import did_you_mean
from dream.texts import Text, _

CHANNELS: Final = (Kind.CHANNEL, Kind.CHANNELS)
ROLES: Final = (Kind.ROLE, Kind.ROLES)


def existence_check(guild: discord.Guild, asker: discord.abc.User) -> Exists:
    """A function that checks whether a server has a role, or a channel that the asker can see.

    Members, who may not be cached, are not checked.
    """

    def exists(kind: Kind, number: int) -> bool:
        match kind:
            case Kind.CHANNEL:
                return any(channel.id == number for channel in visible_channels(asker))
            case Kind.ROLE:
                return guild.get_role(number) is not None
            case _:
                return True

    return exists


async def names_to_ids(context: commands.Context[Any], name: str, typed: str) -> str:
    """Replace names by ids in the text of a setting of channels, roles or members.

    Names with spaces are separated by commas. Raises SettingError, which suggests the nearest name.
    """
    if name not in SETTINGS or kind(name) not in (*CHANNELS, *ROLES, Kind.MEMBERS) or not split_words(typed):
        return typed
    ids: list[str] = []
    for part in map(str.strip, typed.split(",")):
        whole = await _find(context, name, part)
        ids += [whole] if whole else [await _find(context, name, word) or word for word in part.split()]
    if unknown := [one for one in ids if not one.isdecimal()]:
        raise SettingError(
            Text(
                "{setting} must be {expected}; {hint}",
                setting=named(name),
                expected=expected(name),
                hint=_hint(context, name, unknown[0]),
            )
        )
    return " ".join(ids)


async def _find(context: commands.Context[Any], name: str, typed: str) -> str | None:
    """The id of a name, mention or id; None if nothing has that name."""
    assert context.guild is not None
    if number := parse_id(typed):
        return str(number)
    if kind(name) is Kind.MEMBERS:
        try:
            return str((await commands.MemberConverter().convert(context, typed.removeprefix("@"))).id)
        except commands.MemberNotFound:
            return None
    found = find_by_name(typed, _choices(context, name))
    return str(found.id) if found else None


def _choices(context: commands.Context[Any], name: str) -> list[Named]:
    assert context.guild is not None
    if kind(name) in ROLES:
        return [*context.guild.roles]
    return [*visible_channels(context.author)]


def _hint(context: commands.Context[Any], name: str, typed: str) -> str:
    typed_name = typed[:40]
    if kind(name) in CHANNELS:
        none = _("I see no channel “{typed}” here", typed=typed_name)
    elif kind(name) in ROLES:
        none = _("I see no role “{typed}” here", typed=typed_name)
    else:
        none = _("I see no member “{typed}” here", typed=typed_name)
    near = ""
    if kind(name) is not Kind.MEMBERS:
        names = [one.name for one in _choices(context, name)]
        near = did_you_mean(typed.lstrip("#@"), names, most=1)
    apart = _(" Put commas between names that hold spaces.") if kind(name) in LISTS and not near else ""
    return f"{none}; {near}" if near else f"{none}.{apart}"
