"""An admin's hands on the settings panel."""

from __future__ import annotations

from typing import Any

import simcord

from bot.settings.values import GROUPS, Kind, kind
from tests.support.speaker import Speaker
from tests.support.world import World


def control(action: str, name: str = "", channel: Any = None) -> str:
    return f"settings:{action}:{channel.id if channel else 0}:{name}"


async def opened_panel(world: World, who: Speaker | None = None) -> simcord.ResponseMessage:
    shown = await (who or world.admin).uses("settings")
    assert shown.response is not None and shown.ephemeral
    return shown.response


def group_of(name: str) -> str:
    return next(group for group, names in GROUPS.items() if name in names)


def notice(panel: simcord.ResponseMessage) -> str:
    """What the panel says of the last press, right above its controls."""
    field = panel.embeds[0].fields[-1]
    assert field.name in ("Changed", "⚠️ Not changed")
    return f"{field.name}: {field.value}"


async def chosen(world: World, panel: simcord.ResponseMessage, name: str, channel: Any = None) -> None:
    """Open one setting of the panel, of the server or of one channel."""
    if channel:
        (scope,) = [one for one in ids(panel) if one.startswith("settings:scope")]
        await world.admin.chooses(channel, panel, scope)
    group = group_of(name)
    await world.admin.chooses(group, panel, control("show", "", channel))
    await world.admin.chooses(name, panel, control("show", group, channel))


def ids(panel: simcord.ResponseMessage) -> list[str]:
    return [item["custom_id"] for row in panel.components for item in row["components"]]


async def put(
    world: World, panel: simcord.ResponseMessage, name: str, value: Any, channel: Any = None
) -> None:
    """Give the opened setting a value, the way its kind is given one."""
    match kind(name):
        case Kind.SWITCH:
            await world.admin.presses(control("on" if value else "off", name, channel), panel)
        case Kind.NUMBER | Kind.RECIPE | Kind.PREFIX | Kind.LAYERS | Kind.TIMES | Kind.ZONE:
            form = await world.admin.presses(control("edit", name, channel), panel)
            await world.admin.fills(form, value=str(value))
        case _:
            await world.admin.chooses(value, panel, control("set", name, channel))
