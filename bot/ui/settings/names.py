"""Channels, roles and members as admins write them: by mention, by id or by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Protocol

import discord
from discord.ext import commands

from bot.errors import Refused
from bot.settings.service import Exists
from bot.settings.text import LISTS, expected, split_words
from bot.settings.values import SETTINGS, Kind, SettingError, kind
from bot.visibility import visible_channels
from dream.suggestions import did_you_mean

CHANNELS: Final = (Kind.CHANNEL, Kind.CHANNELS)
ROLES: Final = (Kind.ROLE, Kind.ROLES)


class Named(Protocol):
    """A channel or a role."""

    id: int
    name: str


def existence_check(guild: discord.Guild, asker: discord.abc.User) -> Exists:
    """Whether a server has a channel that the asker sees, or a role.

    Members, whom it need not have in memory, are believed.
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


def find_channel(asker: discord.abc.User, typed: str) -> int:
    """The id of the channel that is meant by `#name`, `name`, a mention or an id.

    Raises Refused, which suggests no channel that the asker does not see.
    """
    if number := _number(typed):
        return number
    seen = visible_channels(asker)
    if found := _named(typed, seen):
        return found.id
    hint = did_you_mean(
        typed.removeprefix("#"), [channel.name for channel in seen], most=1, quoted="#{}".format
    )
    raise Refused(
        f"I see no channel “{typed[:40]}” on this server; {hint or 'choose one from the list that # opens.'}"
    )


async def names_to_ids(context: commands.Context[Any], name: str, typed: str) -> str:
    """What somebody typed for a setting, with ids in the place of names where it holds channels, roles or
    members.

    Commas part names that hold spaces. Raises SettingError, which suggests the nearest name.
    """
    if name not in SETTINGS or kind(name) not in (*CHANNELS, *ROLES, Kind.MEMBERS) or not split_words(typed):
        return typed
    ids: list[str] = []
    for part in map(str.strip, typed.split(",")):
        whole = await _find(context, name, part)
        ids += [whole] if whole else [await _find(context, name, word) or word for word in part.split()]
    if unknown := [one for one in ids if not one.isdecimal()]:
        raise SettingError(f"{name} must be {expected(name)}; {_hint(context, name, unknown[0])}")
    return " ".join(ids)


async def _find(context: commands.Context[Any], name: str, typed: str) -> str | None:
    """The id of what one name, mention or id stands for."""
    assert context.guild is not None
    if number := _number(typed):
        return str(number)
    if kind(name) is Kind.MEMBERS:
        try:
            return str((await commands.MemberConverter().convert(context, typed.removeprefix("@"))).id)
        except commands.MemberNotFound:
            return None
    found = _named(typed, _choices(context, name))
    return str(found.id) if found else None


def _choices(context: commands.Context[Any], name: str) -> list[Named]:
    assert context.guild is not None
    if kind(name) in ROLES:
        return [*context.guild.roles]
    return [*visible_channels(context.author)]


def _named(typed: str, known: Iterable[Named]) -> Named | None:
    wanted = typed.strip('"').lstrip("#@").lower()
    return next((one for one in known if one.name.lstrip("@").lower() == wanted), None)


def _number(typed: str) -> int | None:
    """The id in a mention, or a bare one."""
    found = re.fullmatch(r"<[#@&!]+(\d+)>|(\d{15,20})", typed)
    return int((found[1] or found[2])[:20]) if found else None


def _hint(context: commands.Context[Any], name: str, typed: str) -> str:
    what = "channel" if kind(name) in CHANNELS else "role" if kind(name) in ROLES else "member"
    near = ""
    if what != "member":
        names = [one.name for one in _choices(context, name)]
        near = did_you_mean(typed.lstrip("#@"), names, most=1)
    apart = " Put commas between names that hold spaces." if kind(name) in LISTS and not near else ""
    return f"I see no {what} “{typed[:40]}” here" + (f"; {near}" if near else f".{apart}")
