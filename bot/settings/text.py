"""Parses, serialises, formats and describes the values of settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Any, Final, TypeGuard, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bot.schedule import DAYS, ScheduleError, format_days, parse_days, parse_times
from bot.settings.values import CEILINGS, SETTINGS, Kind, SettingError, Values, kind, title
from config.schema import expected as range_of
from dream.backbone.catalog import NETWORKS
from dream.suggestions import did_you_mean, either
from dream.texts import Text, _

LISTS: Final = (Kind.NETWORKS, Kind.LAYERS, Kind.CHANNELS, Kind.ROLES, Kind.MEMBERS, Kind.SOURCES)
"""Kinds whose values are tuples."""
MAX_LENGTH: Final = 1000
"""Characters of a setting's text, at most."""
SOURCES: Final = ("samples", "sky", "folder")
_TYPES: Final[Mapping[str, TypeAdapter[Any]]] = {
    name: TypeAdapter(hint)
    for name, hint in get_type_hints(Values, include_extras=True).items()
    if name in SETTINGS
}


def unknown_setting(name: str) -> SettingError:
    """The error for an unknown setting, with the nearest known one."""
    return SettingError(
        Text(
            "There is no setting called “{name}”; {hint}",
            name=name[:40],
            hint=did_you_mean(name, SETTINGS, most=1) or _("“/settings” shows them all."),
        )
    )


def parse_value(name: str, value: object, operator: Values | None = None) -> Any:
    """Convert typed text, a component's values, or TOML or JSON to a setting's value.

    Raises SettingError, which tells the valid values up to the ceilings of `operator`.
    """
    if name not in SETTINGS:
        raise unknown_setting(name)
    if isinstance(value, bool) != (kind(name) is Kind.SWITCH) and not isinstance(value, str):
        raise _not_expected(name, value, operator)
    if isinstance(value, str) and len(value) > MAX_LENGTH:
        raise SettingError(
            Text(
                "{setting} must be {expected}, in at most {most} characters.",
                setting=named(name),
                expected=expected(name, operator),
                most=MAX_LENGTH,
            )
        )
    try:
        accepted = _TYPES[name].validate_python(_prepare(name, value))
    except ScheduleError as error:
        raise SettingError(f"{named(name)}: {error}") from None
    except ValidationError as error:
        detail = error.errors()[0]
        if kind(name) in (Kind.LAYERS, Kind.ZONE) and detail["type"] == "value_error":
            raise SettingError(f"{named(name)}: {detail['ctx']['error']}") from None
        raise _not_expected(name, value, operator) from None
    if kind(name) is Kind.NETWORKS and any(network not in NETWORKS for network in accepted):
        raise _not_expected(name, value, operator)
    return tuple(dict.fromkeys(accepted)) if isinstance(accepted, tuple) else accepted


def named(name: str) -> str:
    """A setting's title as it stands in a sentence."""
    return f"**{title(name)}**"


def _not_expected(name: str, value: object, operator: Values | None) -> SettingError:
    setting, valid, typed = named(name), expected(name, operator), str(value).strip()[:60]
    if not typed:
        return SettingError(Text("{setting} must be {expected}.", setting=setting, expected=valid))
    return SettingError(
        Text("{setting} must be {expected}, not “{typed}”.", setting=setting, expected=valid, typed=typed)
    )


def serialize(value: Any) -> Any:
    """A setting's value in the types of JSON and TOML; `parse_value` is the inverse."""
    match value:
        case tuple():
            return [serialize(one) for one in value]
        case frozenset():
            return [DAYS[day] for day in sorted(value)]
        case time():
            return f"{value:%H:%M}"
        case _:
            return value


def expected(name: str, operator: Values | None = None) -> str:
    """Describe a setting's valid values, up to the ceilings of `operator` if given."""
    match kind(name):
        case Kind.NUMBER if name == "size":
            most = operator.max_size if operator else 4096
            return _("a whole number from 64 to {most}, or 0 for the picture's own size", most=most)
        case Kind.NUMBER:
            return range_of(SETTINGS[name], getattr(operator, name, None) if name in CEILINGS else None)
        case Kind.SWITCH:
            return _("on or off")
        case Kind.NETWORKS:
            return _("one or more of {names}", names=", ".join(operator.networks if operator else NETWORKS))
        case Kind.LAYERS:
            return _("layers such as block8 fire7, or none")
        case Kind.PREFIX:
            return _("one to five characters without a space")
        case Kind.RECIPE if name == "daily_recipe":
            return _("a recipe such as block8+block11, a preset's name, or walk")
        case Kind.TIMES:
            return _("times of day such as 09:00, 9:30 pm")
        case Kind.ZONE:
            return _("a time zone such as Europe/Berlin")
        case Kind.DAYS:
            return _("days of the week such as mon-fri or sat,sun, or daily")
        case Kind.SOURCES:
            sources = operator.daily_sources if operator else SOURCES
            return _("some of {names}, or none", names=", ".join(sources))
        case Kind.CHOICE:
            return either(choices(name))
        case Kind.RECIPE:
            return _("a recipe such as block8+block11, or a preset's name")
        case Kind.CHANNELS:
            return _("up to 25 channels of this server, or none")
        case Kind.ROLES:
            return _("up to 25 roles of this server, or none")
        case Kind.MEMBERS:
            return _("up to 25 members of this server, or none")
        case Kind.ROLE:
            return _("a role of this server, or none")
        case _:
            return _("a channel of this server, or none")


def choices(name: str) -> tuple[str, ...]:
    """The values that a setting of the kind CHOICE can have."""
    return get_args(SETTINGS[name].annotation)


def format_value(name: str, value: Any) -> str:
    """Format a setting's value as Discord's Markdown, with mentions."""
    match name:
        case "layers" | "channels":
            nothing = _("all")
        case "roles":
            nothing = _("everybody")
        case _:
            nothing = _("none")
    mention = {Kind.ROLES: "<@&{}>", Kind.ROLE: "<@&{}>", Kind.MEMBERS: "<@{}>"}.get(kind(name), "<#{}>")
    match kind(name):
        case Kind.SWITCH:
            return _("on") if value else _("off")
        case Kind.CHANNELS | Kind.ROLES | Kind.MEMBERS:
            return " ".join(map(mention.format, value)) or nothing
        case Kind.CHANNEL | Kind.ROLE:
            return mention.format(value) if value else nothing
        case Kind.NETWORKS | Kind.LAYERS | Kind.SOURCES:
            return ", ".join(value) or nothing
        case Kind.TIMES:
            return f"`{', '.join(serialize(value))}`"
        case Kind.DAYS:
            return f"`{format_days(value)}`"
        case _ if name == "daily_recipe" and not value:
            return _("a walk over the presets")
        case _ if name == "size" and not value:
            return _("the picture's own")
        case _:
            return f"`{value}`"


def _prepare(name: str, value: object) -> object:
    """Prepare a value for validation: text is stripped, or split into the items of a list.

    Raises ScheduleError.
    """
    if kind(name) in LISTS:
        return [_id(word) for word in split_words(value)] if isinstance(value, str) else value
    if kind(name) in (Kind.CHANNEL, Kind.ROLE):
        ids = [_id(word) for word in split_words(value)] if isinstance(value, str) else value
        return (ids[0] if len(ids) == 1 else ids or 0) if isinstance(ids, list) else ids
    if kind(name) in (Kind.TIMES, Kind.DAYS):
        text = " ".join(value) if _is_words(value) else value
        parse = parse_times if kind(name) is Kind.TIMES else parse_days
        return parse(text) if isinstance(text, str) else value
    if kind(name) is Kind.CHOICE and isinstance(value, list) and len(value) == 1:
        (value,) = value  # as a select menu has it
    if isinstance(value, str):
        text = value.strip().lower() if kind(name) is Kind.CHOICE else value.strip()
        return "" if name == "daily_recipe" and text.lower() == "walk" else text
    return value


def _is_words(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def split_words(text: str) -> list[str]:
    """Split a typed list at spaces and commas; empty for "none", "all" and "everybody"."""
    found = re.split(r"[\s,]+", text.strip())
    return [] if found in ([""], ["none"], ["all"], ["everybody"]) else found


def _id(word: str) -> str:
    """The id in a mention (`<#1>`, `<@&1>`, `<@1>`); any other word unchanged."""
    return re.sub(r"^<[#@&!]+(\d+)>$", r"\1", word)
