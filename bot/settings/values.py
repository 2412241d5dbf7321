"""The settings of a server: their types, defaults, titles and descriptions.

To add one, add a field to `Values` and its name to `GROUPS`; panel, commands, files and log use these.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo

from bot.schedule import EVERY_DAY, MAX_TIMES, Schedule, parse_zone
from config.problems import suggestion
from config.schema import Commands, Dream, Ids, Limits, Section
from dream.backbone.catalog import CLASS, LAYERS, layers_called
from dream.texts import Text, _


class SettingError(ValueError):
    """A rejected change. The text is one friendly sentence that says what would be accepted."""


class Kind(StrEnum):
    """The type of a setting's value, which decides how it is formatted and edited."""

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
    TIMES = "times of day"
    ZONE = "time zone"
    DAYS = "days of the week"
    SOURCES = "sources"
    CHOICE = "choice"


FORGOTTEN: Final = 1
"""Replaces the id of a forgotten member in `members`; no Discord user has this id.

Removing the id instead could empty the list, which would allow everybody.
"""


def _layers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name != CLASS and not layers_called(name):
            raise ValueError(
                Text(
                    "“{name}” is no layer; {hint}",
                    name=name[:40],
                    hint=suggestion(name, [*LAYERS, CLASS]),
                )
            )
    return tuple(layer for name in names for layer in layers_called(name) or [CLASS])


def _times(times: tuple[time, ...]) -> tuple[time, ...]:
    return tuple(sorted({at.replace(second=0, microsecond=0, tzinfo=None) for at in times}))


class DailyDream(Section):
    """The dream that is posted by itself on some days, at some times."""

    daily_enabled: Annotated[bool, Field(title="Daily dream")] = False
    """Whether a dream is posted by itself every day."""
    daily_channel: Annotated[int, Kind.CHANNEL, Field(title="Daily channel", ge=0, lt=2**63)] = 0
    """The channel where the daily dream is posted."""
    daily_times: Annotated[
        tuple[Annotated[time, Field(strict=True)], ...],
        Kind.TIMES,
        AfterValidator(_times),
        Field(title="Daily times", min_length=1, max_length=MAX_TIMES),
    ] = (time(9),)
    """The times of day at which a dream is posted, in the daily dream's time zone."""
    daily_zone: Annotated[
        str, Kind.ZONE, AfterValidator(parse_zone), Field(title="Daily time zone", max_length=64)
    ] = "UTC"
    """The time zone of those times."""
    daily_days: Annotated[
        frozenset[Annotated[int, Field(ge=0, le=6, strict=True)]],
        Kind.DAYS,
        Field(title="Daily days", min_length=1),
    ] = EVERY_DAY
    """The days of the week on which a dream is posted."""
    daily_recipe: Annotated[str, Kind.RECIPE, Field(title="Daily recipe", max_length=300)] = ""
    """The recipe or preset of the daily dream; without one it walks over the presets, led by your votes."""
    daily_thread: Annotated[bool, Field(title="Daily threads")] = False
    """Whether a thread is opened under each daily dream."""
    daily_sources: Annotated[
        tuple[Literal["samples", "sky", "folder"], ...], Kind.SOURCES, Field(title="Daily sources")
    ] = ("samples", "sky")
    """What is dreamt of: the photographs that come with the bot, generated skies, the operator's folder."""
    daily_source_channels: Annotated[
        Ids, Kind.CHANNELS, Field(title="Daily source channels", max_length=25)
    ] = ()
    """The channels whose members' pictures may be dreamt, too, if everybody who sees the post sees them."""
    daily_source_days: Annotated[int, Field(title="Daily source days", ge=1, le=90)] = 14
    """How many days back members' pictures are taken from."""

    @property
    def daily_schedule(self) -> Schedule:
        """When the daily dream is due."""
        return Schedule(self.daily_times, self.daily_zone, self.daily_days)


class HallOfFame(Section):
    """Where the dreams that members starred are shown, and the best of each week."""

    hall_channel: Annotated[int, Kind.CHANNEL, Field(title="Hall of fame", ge=0, lt=2**63)] = 0
    """The channel where dreams are shown that got enough ⭐ from others; none means no hall of fame."""
    hall_stars: Annotated[int, Field(title="Stars for the hall of fame", ge=1, le=1000)] = 3
    """How many ⭐ from others bring a dream into the hall of fame."""
    best_channel: Annotated[int, Kind.CHANNEL, Field(title="Best of the week", ge=0, lt=2**63)] = 0
    """The channel where the dreams of the last seven days with the most ⭐ are posted; none means no such
    post."""
    best_times: Annotated[
        tuple[Annotated[time, Field(strict=True)], ...],
        Kind.TIMES,
        AfterValidator(_times),
        Field(title="Best of the week at", min_length=1, max_length=MAX_TIMES),
    ] = (time(18),)
    """The time of day at which they are posted, in the daily dream's time zone."""
    best_days: Annotated[
        frozenset[Annotated[int, Field(ge=0, le=6, strict=True)]],
        Kind.DAYS,
        Field(title="Best of the week on", min_length=1),
    ] = frozenset({6})
    """The day of the week on which they are posted."""


class Values(Dream, Limits, Commands, DailyDream, HallOfFame):
    """A value for every setting; the defaults are what holds when nobody chose anything.

    The operator decides those of the base classes, too (`config.schema`).
    """

    layers: Annotated[tuple[str, ...], Kind.LAYERS, AfterValidator(_layers), Field(title="Layers")] = ()
    """The only layers that may be dreamt of, `class` for things by name among them; none means every layer of
    the networks allowed."""
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
    others_pictures: Annotated[
        Literal["everybody", "consent", "own"], Kind.CHOICE, Field(title="Others' pictures")
    ] = "everybody"
    """Who may dream on a picture that somebody else posted: everybody; with the consent of whoever posted it,
    who is asked each time; or nobody, so that members dream on their own pictures only."""
    report_channel: Annotated[int, Kind.CHANNEL, Field(title="Channel for reports", ge=0, lt=2**63)] = 0
    """The channel where reported dreams are shown to moderators."""


GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Dreams": ("recipe", "networks", "layers", "size", "previews", "spoiler"),
    "Limits": ("max_size", "max_steps", "member_seconds", "server_seconds"),
    "Access": ("channels", "forbidden_channels", "roles", "blocked_roles", "members", "others_pictures"),
    "Server": ("admin_role", "report_channel", "prefix", "language"),
    "Daily": tuple(DailyDream.model_fields),
    "Hall": tuple(HallOfFame.model_fields),
}
"""The settings by group, in the order in which they are shown."""
SETTINGS: Final[Mapping[str, FieldInfo]] = {
    name: Values.model_fields[name] for names in GROUPS.values() for name in names
}
CHANNEL_SETTINGS: Final = frozenset(
    {"recipe", "networks", "layers", "size", "max_size", "max_steps", "previews", "spoiler"}
)
"""The settings that a single channel may override."""
CEILINGS: Final = ("max_size", "max_steps", "member_seconds", "server_seconds")
"""Settings that may not exceed the operator's value."""

_OPERATOR_KINDS: Final = {
    "recipe": Kind.RECIPE,
    "networks": Kind.NETWORKS,
    "prefix": Kind.PREFIX,
    "language": Kind.CHOICE,
}


def _kind(name: str, setting: FieldInfo) -> Kind:
    for mark in setting.metadata:
        if isinstance(mark, Kind):
            return mark
    plain = {bool: Kind.SWITCH, int: Kind.NUMBER}.get(setting.annotation)  # type: ignore[arg-type]
    return plain or _OPERATOR_KINDS[name]


_KINDS: Final = {name: _kind(name, setting) for name, setting in SETTINGS.items()}


def kind(name: str) -> Kind:
    """The kind of a setting's value."""
    return _KINDS[name]


def title(name: str) -> str:
    """A setting's title, or its name if this version does not know it."""
    return _(SETTINGS[name].title or name) if name in SETTINGS else name


def description(name: str) -> str:
    """What a setting means."""
    text = SETTINGS[name].description
    return _(text) if text else ""
