"""Loads and stores a server's settings and presets, and computes what changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.settings.scopes import ServerSettings
from bot.settings.text import parse_value, serialize
from bot.settings.values import SettingError
from bot.store.settings import PresetRow, SettingRow

log = logging.getLogger(__name__)

PRESETS: Final = -1
"""The `channel_id` of a `Change` of one of the server's own presets."""


class Change(NamedTuple):
    """A changed setting of a server, channel or preset; None means that it is not set there."""

    channel_id: int
    name: str
    before: Any
    after: Any


def differences(before: ServerSettings, after: ServerSettings) -> Iterator[Change]:
    """The settings and presets that were set, changed or reset between two states of a server."""
    tables = (
        *(
            (c, before.choices.get(c, {}), after.choices.get(c, {}))
            for c in {*before.choices, *after.choices}
        ),
        (PRESETS, before.presets, after.presets),
    )
    for channel_id, old, new in sorted(tables, key=lambda table: table[0]):
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                yield Change(channel_id, name, old.get(name), new.get(name))


async def load(session: AsyncSession, guild_id: int) -> ServerSettings:
    """Load a server's settings and presets; rows that this version does not accept are left out."""
    choices: dict[int, dict[str, Any]] = {}
    for row in await session.scalars(select(SettingRow).where(SettingRow.guild_id == guild_id)):
        try:
            choices.setdefault(row.channel_id, {})[row.name] = parse_value(row.name, row.value)
        except SettingError as error:  # another version of the bot knew it differently
            log.warning("server %s: a stored setting is left out: %s", guild_id, error)
    presets = await session.scalars(select(PresetRow).where(PresetRow.guild_id == guild_id))
    return ServerSettings(choices, {row.name: row.recipe for row in presets})


async def store(session: AsyncSession, guild_id: int, change: Change) -> None:
    """Write one change."""
    channel_id, name, _, value = change
    if value is not None and channel_id == PRESETS:
        await session.merge(PresetRow(guild_id=guild_id, name=name, recipe=value))
    elif value is not None:
        row = SettingRow(guild_id=guild_id, channel_id=channel_id, name=name, value=serialize(value))
        await session.merge(row)
    elif channel_id == PRESETS:
        await session.delete(await session.get_one(PresetRow, (guild_id, name)))
    else:
        await session.delete(await session.get_one(SettingRow, (guild_id, channel_id, name)))
