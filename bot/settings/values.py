"""The settings of a server: what each means, holds and is called."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo

from config.problems import suggestion
from config.schema import Commands, Dream, Ids, Limits
from dream.backbone.catalog import LAYERS


class SettingError(ValueError):
    """A change that is refused. Its text is one friendly sentence that says what would be accepted."""


class Kind(StrEnum):
    """What sort of value a setting holds, and so how it is shown and asked for."""

    RECIPE = "recipe"
    NUMBER = "number"
    SWITCH = "switch"
    NETWORKS = "networks"
    LAYERS = "layers"
    PREFIX = "prefix"
    CHANNELS = "channels"
    ROLES = "roles"
    MEMBERS = "members"
    CHANNEL = "channel"
    ROLE = "role"


FORGOTTEN: Final = 1
"""Stands in a list of members for one who asked to be forgotten; no Discord user has this id.

A list of those who may ask for dreams is not emptied by it: an empty one lets everybody in.
"""


def _layers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in LAYERS:
            raise ValueError(f"“{name[:40]}” is no layer; {suggestion(name, LAYERS)}")
    return names


class Values(Dream, Limits, Commands):
    """A value for every setting; the defaults are what holds when nobody chose anything.

    The operator decides those of the base classes, too (`config.schema`).
    """

    layers: Annotated[tuple[str, ...], Kind.LAYERS, AfterValidator(_layers), Field(title="Layers")] = ()
    """The only layers that may be dreamt of; none means every layer of the networks allowed."""
    channels: Annotated[Ids, Kind.CHANNELS, Field(title="Channels for dreams", max_length=25)] = ()
    """The channels where dreams may be asked for; none means all."""
    forbidden_channels: Annotated[
        Ids, Kind.CHANNELS, Field(title="Channels without dreams", max_length=25)
    ] = ()
    """The channels where dreams may not be asked for."""
    roles: Annotated[Ids, Kind.ROLES, Field(title="Roles that may dream", max_length=25)] = ()
    """The roles that may ask for dreams; none means everybody."""
    blocked_roles: Annotated[Ids, Kind.ROLES, Field(title="Roles that may not dream", max_length=25)] = ()
    """The roles that may not ask for dreams."""
    members: Annotated[Ids, Kind.MEMBERS, Field(title="Members who may dream", max_length=25)] = ()
    """Members who may ask for dreams whatever their roles; if there are no roles, only they may."""
    admin_role: Annotated[int, Kind.ROLE, Field(title="Role for settings", ge=0, lt=2**63)] = 0
    """A role that may change these settings, besides everyone with Manage Server."""
    report_channel: Annotated[int, Kind.CHANNEL, Field(title="Channel for reports", ge=0, lt=2**63)] = 0
    """The channel where reported dreams are shown to moderators."""


GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Dreams": ("recipe", "networks", "layers", "size", "previews", "spoiler"),
    "Limits": ("max_size", "max_steps", "member_seconds", "server_seconds"),
    "Access": ("channels", "forbidden_channels", "roles", "blocked_roles", "members"),
    "Server": ("admin_role", "report_channel", "prefix"),
}
"""The settings by subject, in the order in which they are shown."""
SETTINGS: Final[Mapping[str, FieldInfo]] = {
    name: Values.model_fields[name] for names in GROUPS.values() for name in names
}
CHANNEL_SETTINGS: Final = frozenset(
    {"recipe", "networks", "layers", "size", "max_size", "max_steps", "previews", "spoiler"}
)
"""What a single channel may choose for itself; the rest is the whole server's."""
CEILINGS: Final = ("max_size", "max_steps", "member_seconds", "server_seconds")
"""Numbers that no server may set above the operator's."""

_OF_THE_OPERATOR: Final = {"recipe": Kind.RECIPE, "networks": Kind.NETWORKS, "prefix": Kind.PREFIX}


def _kind(name: str, setting: FieldInfo) -> Kind:
    for mark in setting.metadata:
        if isinstance(mark, Kind):
            return mark
    plain = {bool: Kind.SWITCH, int: Kind.NUMBER}.get(setting.annotation)  # type: ignore[arg-type]
    return plain or _OF_THE_OPERATOR[name]


_KINDS: Final = {name: _kind(name, setting) for name, setting in SETTINGS.items()}


def kind(name: str) -> Kind:
    """What sort of value a setting holds."""
    return _KINDS[name]


def title(name: str) -> str:
    """What people call a setting; its name where this version knows none."""
    return (SETTINGS[name].title if name in SETTINGS else None) or name
