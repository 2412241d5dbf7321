"""Settings as text and as JSON: read from what somebody typed, shown, and explained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bot.settings.values import SETTINGS, Kind, SettingError, Values, kind
from config.problems import suggestion
from config.schema import expected as range_of
from dream.backbone.catalog import NetworkName

LISTS: Final = (Kind.NETWORKS, Kind.LAYERS, Kind.CHANNELS, Kind.ROLES, Kind.MEMBERS)
"""Kinds of which a setting holds several."""
_TYPES: Final[Mapping[str, TypeAdapter[Any]]] = {
    name: TypeAdapter(hint)
    for name, hint in get_type_hints(Values, include_extras=True).items()
    if name in SETTINGS
}


def unknown(name: str) -> SettingError:
    """What to raise for a setting that there is not."""
    return SettingError(f"There is no setting called “{name[:40]}”; {suggestion(name, SETTINGS)}")


def read(name: str, value: object) -> Any:
    """Turn what somebody typed, pressed, imported or stored into the setting's value. Raises SettingError."""
    if name not in SETTINGS:
        raise unknown(name)
    if isinstance(value, bool) != (kind(name) is Kind.SWITCH) and not isinstance(value, str):
        raise SettingError(f"{name} must be {expected(name)}.")
    given = _taken_apart(kind(name), value)
    try:
        accepted = _TYPES[name].validate_python(given)
    except ValidationError as error:
        detail = error.errors()[0]
        if kind(name) is Kind.LAYERS and detail["type"] == "value_error":
            raise SettingError(f"{name}: {detail['ctx']['error']}") from None
        raise SettingError(f"{name} must be {expected(name)}, not “{str(value)[:60]}”.") from None
    return tuple(dict.fromkeys(accepted)) if isinstance(accepted, tuple) else accepted


def plain(value: Any) -> Any:
    """A setting's value as JSON and TOML hold it; `read` takes it back."""
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def expected(name: str, operator: Values | None = None) -> str:
    """What may be given for a setting, in words, under an operator's ceilings where those are given."""
    match kind(name):
        case Kind.NUMBER if name == "size":
            most = operator.max_size if operator else 4096
            return f"a whole number from 64 to {most}, or 0 for the picture's own size"
        case Kind.NUMBER:
            return range_of(SETTINGS[name], getattr(operator, name, None))
        case Kind.SWITCH:
            return "on or off"
        case Kind.NETWORKS:
            return "one or more of " + ", ".join(operator.networks if operator else get_args(NetworkName))
        case Kind.LAYERS:
            return "layers such as block8 fire7, or none"
        case Kind.PREFIX:
            return "one to five characters without a space"
        case Kind.RECIPE:
            return "a recipe such as block8+block11, or a preset's name"
        case Kind.CHANNELS | Kind.ROLES | Kind.MEMBERS as several:
            return f"up to 25 {several} of this server, or none"
        case one:
            return f"a {one} of this server, or none"


def shown(name: str, value: Any) -> str:
    """A setting's value as Discord shows it, mentions included."""
    nothing = {"layers": "all", "channels": "all", "roles": "everybody"}.get(name, "none")
    mention = {Kind.ROLES: "<@&{}>", Kind.ROLE: "<@&{}>", Kind.MEMBERS: "<@{}>"}.get(kind(name), "<#{}>")
    match kind(name):
        case Kind.SWITCH:
            return "on" if value else "off"
        case Kind.CHANNELS | Kind.ROLES | Kind.MEMBERS:
            return " ".join(map(mention.format, value)) or nothing
        case Kind.CHANNEL | Kind.ROLE:
            return mention.format(value) if value else nothing
        case Kind.NETWORKS | Kind.LAYERS:
            return ", ".join(value) or nothing
        case _ if name == "size" and not value:
            return "the picture's own"
        case _:
            return f"`{value}`"


def _taken_apart(kind: Kind, value: object) -> object:
    """A value as its type is validated: typed text without spaces around it, a typed list as its words."""
    if kind in LISTS:
        return [_id(word) for word in words(value)] if isinstance(value, str) else value
    if kind in (Kind.CHANNEL, Kind.ROLE):
        ids = [_id(word) for word in words(value)] if isinstance(value, str) else value
        return (ids[0] if len(ids) == 1 else ids or 0) if isinstance(ids, list) else ids
    return value.strip() if isinstance(value, str) else value


def words(text: str) -> list[str]:
    """The words of a list that somebody typed, with spaces or commas between them; none for "none"."""
    found = re.split(r"[\s,]+", text.strip())
    return [] if found in ([""], ["none"], ["all"], ["everybody"]) else found


def _id(word: str) -> str:
    """The id in a mention (`<#1>`, `<@&1>`, `<@1>`); any other word as it is."""
    return re.sub(r"^<[#@&!]+(\d+)>$", r"\1", word)
