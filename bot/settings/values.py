"""The settings that there are: what each means, holds, and is read from and shown as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, get_args, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from config.problems import suggestion
from config.schema import Ids, Size
from config.schema import expected as range_of
from dream.backbone.catalog import LAYERS, NetworkName


class SettingError(ValueError):
    """A change that is refused. Its text is one friendly sentence that says what would be accepted."""


def unknown(name: str) -> SettingError:
    """What to raise for a setting that there is not."""
    return SettingError(f"There is no setting called “{name[:40]}”; {suggestion(name, SETTINGS)}")


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


def _words(value: object) -> object:
    """Read a list that somebody typed: words with spaces or commas between them, or none."""
    if isinstance(value, str):
        words = re.split(r"[\s,]+", value.strip())
        return [] if words in ([""], ["none"], ["all"], ["everybody"]) else words
    return value


def _ids(value: object) -> object:
    """Read ids and mentions (`<#1>`, `<@&1>`, `<@1>`)."""
    words = _words(value)
    if isinstance(words, list):
        return [re.sub(r"^<[#@&!]+(\d+)>$", r"\1", word) if isinstance(word, str) else word for word in words]
    return words


def _one_id(value: object) -> object:
    ids = _ids(value)
    if isinstance(ids, list) and len(ids) < 2:
        return ids[0] if ids else 0
    return value


def _layers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in LAYERS:
            raise ValueError(f"“{name}” is no layer; {suggestion(name, LAYERS)}")
    return names


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


IdList = Annotated[
    Ids, BeforeValidator(_ids, json_schema_input_type=Any), AfterValidator(_each_once), Field(max_length=25)
]
OneId = Annotated[int, BeforeValidator(_one_id), Field(ge=0, lt=2**63)]


class Values(BaseModel):
    """A value for every setting; the defaults are what holds when nobody chose anything."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    recipe: Annotated[str, Kind.RECIPE, Field(min_length=1, max_length=300)] = "block8+block11"
    """The recipe or preset of a dream that is asked for without one."""
    networks: Annotated[
        tuple[NetworkName, ...],
        Kind.NETWORKS,
        BeforeValidator(_words),
        AfterValidator(_each_once),
        Field(min_length=1),
    ] = get_args(NetworkName)
    """The networks that may dream."""
    layers: Annotated[
        tuple[str, ...],
        Kind.LAYERS,
        BeforeValidator(_words),
        AfterValidator(_layers),
        AfterValidator(_each_once),
    ] = ()
    """The only layers that may be dreamt of; none means every layer of those networks."""
    size: Annotated[Size, Kind.NUMBER] = 0
    """The longer side, in pixels, of a dream whose recipe names no size; 0 keeps the picture's own."""
    max_size: Annotated[int, Kind.NUMBER, Field(ge=64, le=4096)] = 2048
    """The longest side, in pixels, that may be asked for."""
    max_steps: Annotated[int, Kind.NUMBER, Field(ge=1, le=200)] = 100
    """The most steps that may be asked for."""
    previews: Annotated[bool, Kind.SWITCH] = True
    """Whether a small picture shows a dream on its way."""
    spoiler: Annotated[bool, Kind.SWITCH] = False
    """Whether dreams are posted behind a spoiler."""
    member_seconds: Annotated[int, Kind.NUMBER, Field(ge=1)] = 600
    """How many seconds of dreaming one member may have waiting."""
    server_seconds: Annotated[int, Kind.NUMBER, Field(ge=1)] = 3600
    """How many seconds of dreaming the whole server may have waiting."""
    prefix: Annotated[str, Kind.PREFIX, Field(min_length=1, max_length=5, pattern=r"^\S+$")] = "!"
    """What starts a text command."""
    channels: Annotated[IdList, Kind.CHANNELS] = ()
    """The channels where dreams may be asked for; none means all."""
    forbidden_channels: Annotated[IdList, Kind.CHANNELS] = ()
    """The channels where dreams may not be asked for."""
    roles: Annotated[IdList, Kind.ROLES] = ()
    """The roles that may ask for dreams; none means everybody."""
    blocked_roles: Annotated[IdList, Kind.ROLES] = ()
    """The roles that may not ask for dreams."""
    members: Annotated[IdList, Kind.MEMBERS] = ()
    """Members who may ask for dreams whatever their roles; if there are no roles, only they may."""
    admin_role: Annotated[OneId, Kind.ROLE] = 0
    """A role that may change these settings, besides everyone with Manage Server."""
    report_channel: Annotated[OneId, Kind.CHANNEL] = 0
    """The channel where reported dreams are shown to moderators."""


SETTINGS: Final = Values.model_fields
CHANNEL_SETTINGS: Final = frozenset(
    {"recipe", "networks", "layers", "size", "max_size", "max_steps", "previews", "spoiler"}
)
"""What a single channel may choose for itself; the rest is the whole server's."""
CEILINGS: Final = ("max_size", "max_steps", "member_seconds", "server_seconds")
"""Numbers that no server may set above the operator's."""

_READERS: Final[Mapping[str, TypeAdapter[Any]]] = {
    name: TypeAdapter(hint)
    for name, hint in get_type_hints(Values, include_extras=True).items()
    if name in SETTINGS
}
_KINDS: Final = {
    name: next(mark for mark in setting.metadata if isinstance(mark, Kind))
    for name, setting in SETTINGS.items()
}


def kind(name: str) -> Kind:
    """What sort of value a setting holds."""
    return _KINDS[name]


def expected(name: str) -> str:
    """What may be given for a setting, in words."""
    match kind(name):
        case Kind.NUMBER if name == "size":
            return "a whole number from 64 to 4096, or 0 for the picture's own size"
        case Kind.NUMBER:
            return range_of(SETTINGS[name])
        case Kind.SWITCH:
            return "on or off"
        case Kind.NETWORKS:
            return "one or more of " + ", ".join(get_args(NetworkName))
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


def read(name: str, value: object) -> Any:
    """Turn what somebody typed, pressed or imported into the setting's value. Raises SettingError."""
    if name not in SETTINGS:
        raise unknown(name)
    if isinstance(value, bool) != (kind(name) is Kind.SWITCH) and not isinstance(value, str):
        raise SettingError(f"{name} must be {expected(name)}.")
    try:
        return _READERS[name].validate_python(value.strip() if isinstance(value, str) else value)
    except ValidationError as error:
        detail = error.errors()[0]
        if kind(name) is Kind.LAYERS and detail["type"] == "value_error":
            raise SettingError(f"{name}: {detail['ctx']['error']}") from None
        given = str(value)[:60]
        raise SettingError(f"{name} must be {expected(name)}, not “{given}”.") from None
