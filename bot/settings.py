"""What a server's admins decide, and what of it holds in a channel.

Every setting is a field of `Values`, with its meaning and range. A server, and each of its channels, chooses
values for some of them; `effective` lays these over the operator's. Whatever a member types goes before all
of them, within the limits that they set (`Effective.read`).
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, get_args, get_type_hints

import tomlkit
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.pseudonyms import pseudonyms
from bot.store.database import Database, uninterrupted
from bot.store.settings import WHOLE_SERVER, AuditRow, PresetRow, SettingRow
from config.loader import Config, Ids, Preset, Size, nearest, whole_number
from dream.backbone.catalog import LAYERS, NetworkName
from dream.octaves import DEFAULT_SIZE, VIDEO_SIZE
from dream.recipe import OPTIONS, Recipe, RecipeError

log = logging.getLogger(__name__)

MAX_PRESETS: Final = 50


class SettingError(ValueError):
    """A change that is refused. Its text is one friendly sentence that says what would be accepted."""


class Scope(StrEnum):
    """Who chose a value; a later one goes before an earlier one."""

    BUILT_IN = "built in"
    OPERATOR = "operator"
    SERVER = "server"
    CHANNEL = "channel"


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
            raise ValueError(f"“{name}” is no layer; {nearest(name, LAYERS)}")
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
            return whole_number(SETTINGS[name])
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
        raise _unknown(name)
    if kind(name) is Kind.SWITCH and not isinstance(value, str | bool):
        raise SettingError(f"{name} must be {expected(name)}.")
    try:
        return _READERS[name].validate_python(value.strip() if isinstance(value, str) else value)
    except ValidationError as error:
        detail = error.errors()[0]
        if kind(name) is Kind.LAYERS and detail["type"] == "value_error":
            raise SettingError(f"{name}: {detail['ctx']['error']}.") from None
        given = str(value)[:60]
        raise SettingError(f"{name} must be {expected(name)}, not “{given}”.") from None


class Effective(Values):
    """What holds in a channel, and who chose it."""

    origins: Mapping[str, Scope]

    def read(self, text: str, presets: Mapping[str, str]) -> Recipe:
        """The recipe of a dream asked for with `text`, within what is allowed here. Raises RecipeError."""
        return self.admit(Recipe.parse(text, presets, default=self.recipe))

    def admit(self, recipe: Recipe) -> Recipe:
        """Fill in what the recipe leaves to the settings. Raises RecipeError if it is not allowed here."""
        if recipe.network not in self.networks:
            here = next((name for name, net in LAYERS.items() if net.name in self.networks), "")
            raise RecipeError(
                f"{recipe.layers[0]} belongs to {recipe.network}, which may not dream here; "
                f"try layers of {' or '.join(self.networks)}, such as {here}."
            )
        if self.layers and (others := [layer for layer in recipe.layers if layer not in self.layers]):
            raise RecipeError(f"{others[0]} may not be dreamt of here; choose from {', '.join(self.layers)}.")
        if recipe.size and recipe.size > self.max_size:
            raise RecipeError(f"Dreams here have at most {self.max_size} pixels: say size={self.max_size}.")
        if recipe.steps and recipe.steps > self.max_steps:
            raise RecipeError(f"Dreams here have at most {self.max_steps} steps: say steps={self.max_steps}.")
        usual, wanted = (VIDEO_SIZE, None) if recipe.is_video else (DEFAULT_SIZE, self.size)
        size = recipe.size or wanted or (self.max_size if self.max_size < usual else None)
        steps = recipe.steps
        if not steps and (recipe.settled().steps or 0) > self.max_steps:
            steps = self.max_steps
        return replace(recipe, size=size, steps=steps)

    def refusal(self, channel_id: int, member_id: int, role_ids: Iterable[int]) -> str | None:
        """Why this member may not ask for a dream in this channel: a sentence, or None if they may."""
        roles = set(role_ids)
        if channel_id in self.forbidden_channels:
            return "Dreams aren't asked for in this channel; please try another."
        if self.channels and channel_id not in self.channels:
            return f"Dreams have their place here: please ask in {shown('channels', self.channels)}."
        if roles.intersection(self.blocked_roles):
            return "One of your roles may not ask for dreams on this server; its admins can tell you more."
        chosen = self.roles or self.members
        if chosen and member_id not in self.members and not roles.intersection(self.roles):
            return "On this server only some members may ask for dreams; its admins can tell you more."
        return None


Choices = Mapping[str, Any]
"""What one scope chose: values by the settings' names."""


def operators(config: Config) -> Values:
    """The operator's values, which are also the ceilings."""
    return Values(
        recipe=config.dream.recipe,
        networks=config.dream.networks,
        size=config.dream.size,
        max_size=config.dream.max_size,
        max_steps=config.dream.max_steps,
        previews=config.dream.previews,
        spoiler=config.dream.spoiler,
        member_seconds=config.queue.member_seconds,
        server_seconds=config.queue.server_seconds,
        prefix=config.discord.prefix,
    )


_BUILT_IN: Final = Values()


def effective(operator: Values, server: Choices, channel: Choices) -> Effective:
    """Lay a channel's choices over its server's, these over the operator's, and keep to the ceilings."""
    values = {name: getattr(operator, name) for name in SETTINGS}
    origins = {
        name: Scope.BUILT_IN if value == getattr(_BUILT_IN, name) else Scope.OPERATOR
        for name, value in values.items()
    }
    ceilings = dict(values), dict(origins)
    for scope, choices in ((Scope.SERVER, server), (Scope.CHANNEL, channel)):
        for name, value in choices.items():
            values[name], origins[name] = value, scope

    def bound(name: str, value: Any, origin: Scope) -> None:
        if values[name] != value:
            values[name], origins[name] = value, origin

    for name in CEILINGS:
        bound(name, min(values[name], ceilings[0][name]), ceilings[1][name])
    networks = tuple(network for network in values["networks"] if network in operator.networks)
    bound("networks", networks or operator.networks, ceilings[1]["networks"])
    bound("size", min(values["size"], values["max_size"]), origins["max_size"])
    return Effective.model_construct(**values, origins=MappingProxyType(origins))


@dataclass(frozen=True, slots=True)
class Server:
    """All that one server chose: by channel (`WHOLE_SERVER` for the server itself), and its own presets."""

    choices: Mapping[int, Choices] = field(default_factory=dict)
    presets: Mapping[str, str] = field(default_factory=dict)

    def effective(self, operator: Values, channel_id: int | None) -> Effective:
        """What holds in a channel of this server."""
        server = self.choices.get(WHOLE_SERVER, {})
        channel = self.choices.get(channel_id, {}) if channel_id else {}
        return effective(operator, server, channel)

    def choosing(self, name: str, value: Any, channel_id: int) -> Server:
        """This server with one more choice, or with one less where `value` is None."""
        there = {key: old for key, old in self.choices.get(channel_id, {}).items() if key != name}
        if value is not None:
            there[name] = value
        choices = {channel: chosen for channel, chosen in self.choices.items() if channel != channel_id}
        if there:
            choices[channel_id] = there
        return replace(self, choices=choices)

    def faults(self, operator: Values, presets: Mapping[str, str]) -> list[str]:
        """What does not go together anywhere on this server, in sentences."""
        found = []
        for channel_id in sorted({WHOLE_SERVER, *self.choices}):
            here = self.effective(operator, channel_id)
            where = f" in <#{channel_id}>" if channel_id else ""
            size = self.choices.get(channel_id, {}).get("size", 0)
            if size > here.max_size:
                found.append(f"First change size or max_size{where}: {size} is more than {here.max_size}.")
            try:
                here.read("", {**presets, **self.presets})
            except RecipeError as error:
                found.append(f"First choose another recipe{where}, which is now “{here.recipe}”: {error}")
        return found


class Change(NamedTuple):
    """One setting of one scope that was changed; None stands for "not chosen"."""

    channel_id: int
    name: str
    before: Any
    after: Any


Exists = Callable[[Kind, int], bool]
"""Whether a server has a channel, role or member with an id."""


@uninterrupted
class Settings:
    """Every server's settings and presets: read from memory, written to the database at once."""

    def __init__(
        self, database: Database, config: Config, clock: Clock, presets: Mapping[str, Preset] | None = None
    ) -> None:
        self.operator = operators(config)
        self.pseudonym = pseudonyms(config)
        self.shipped = {name: preset.recipe for name, preset in (presets or {}).items()}
        self._database = database
        self._clock = clock
        self._keep_audit = timedelta(days=config.privacy.audit_days)
        self._servers: dict[int, Server] = {}

    async def server(self, guild_id: int) -> Server:
        """All that a server chose."""
        if guild_id not in self._servers:
            async with self._database.session() as session:
                self._servers[guild_id] = await _load(session, guild_id)
        return self._servers[guild_id]

    async def effective(self, guild_id: int | None, channel_id: int | None = None) -> Effective:
        """What holds in a channel, on a server, or (without a server) in direct messages."""
        server = await self.server(guild_id) if guild_id else Server()
        return server.effective(self.operator, channel_id)

    async def prefix(self, guild_id: int | None) -> str:
        """What starts a text command here."""
        return (await self.effective(guild_id)).prefix

    async def presets(self, guild_id: int | None) -> dict[str, str]:
        """The recipes with names that can be asked for here: the shipped ones and the server's own."""
        return {**self.shipped, **((await self.server(guild_id)).presets if guild_id else {})}

    async def choose(
        self,
        guild_id: int,
        name: str,
        value: object,
        *,
        by: int,
        channel_id: int = WHOLE_SERVER,
        exists: Exists = lambda kind, number: True,
    ) -> list[Change]:
        """Set one setting of a server, or of one of its channels. Raises SettingError and changes nothing."""
        if channel_id != WHOLE_SERVER and not exists(Kind.CHANNEL, channel_id):
            raise SettingError("That is no channel of this server; choose one from the list that # opens.")
        accepted = self._accept(name, value, channel_id, exists)
        return await self._change(
            guild_id, lambda server: server.choosing(name, accepted, channel_id), by=by, action="set"
        )

    async def reset(
        self, guild_id: int, name: str | None = None, *, by: int, channel_id: int = WHOLE_SERVER
    ) -> list[Change]:
        """Take back one choice; without a name all of the channel's, or of the server's and its channels'.

        Raises SettingError and changes nothing.
        """
        if name is not None and name not in SETTINGS:
            raise _unknown(name)

        def without(server: Server) -> Server:
            if name is not None:
                return server.choosing(name, None, channel_id)
            kept = {c: chosen for c, chosen in server.choices.items() if channel_id not in (WHOLE_SERVER, c)}
            return replace(server, choices=kept)

        return await self._change(guild_id, without, by=by, action="reset")

    async def export(self, guild_id: int) -> str:
        """A server's choices and presets as TOML, which `load` reads."""
        server = await self.server(guild_id)
        document = tomlkit.document()
        document.add(tomlkit.comment("A server's settings of Dreambot; give this file to: settings import"))
        document["server"] = _plain(server.choices.get(WHOLE_SERVER, {}))
        document["channels"] = {
            str(channel): _plain(chosen)
            for channel, chosen in sorted(server.choices.items())
            if channel != WHOLE_SERVER
        }
        document["presets"] = dict(sorted(server.presets.items()))
        return tomlkit.dumps(document)

    async def load(
        self, guild_id: int, text: str, *, by: int, exists: Exists = lambda kind, number: True
    ) -> list[Change]:
        """Replace a server's choices and presets by an export's. Raises SettingError and changes nothing."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingError(f"That is no settings file: {error}.") from None
        sections = ("server", "channels", "presets")
        for key, table in document.items():
            if key not in sections or not isinstance(table, dict):
                raise SettingError(
                    f"“{key[:40]}” is no section of a settings file; {nearest(key, sections)}."
                )
        choices: dict[int, Choices] = {}
        for key, table in {"server": document.get("server", {}), **document.get("channels", {})}.items():
            channel_id = WHOLE_SERVER if key == "server" else int(key) if key.isdecimal() else -1
            if not isinstance(table, dict) or (channel_id and not exists(Kind.CHANNEL, channel_id)):
                raise SettingError(f"[channels.{key[:40]}] is no channel of this server.")
            try:
                choices[channel_id] = {
                    name: self._accept(name, value, channel_id, exists) for name, value in table.items()
                }
            except SettingError as error:
                where = "server" if channel_id == WHOLE_SERVER else f"channels.{key}"
                raise SettingError(f"[{where}] {error}") from None
        presets = {
            name: self._accept_preset(name, recipe) for name, recipe in document.get("presets", {}).items()
        }
        if len(presets) > MAX_PRESETS:
            raise SettingError(f"[presets] A server has room for {MAX_PRESETS} presets.")
        loaded = Server({channel: chosen for channel, chosen in choices.items() if chosen}, presets)
        return await self._change(guild_id, lambda _: loaded, by=by, action="import")

    async def save_preset(self, guild_id: int, name: str, recipe: str, *, by: int) -> str:
        """Give a recipe a name on a server; returns its full text. Raises SettingError."""
        accepted = self._accept_preset(name, recipe)

        def saved(server: Server) -> Server:
            if name not in server.presets and len(server.presets) >= MAX_PRESETS:
                raise SettingError(f"This server has its {MAX_PRESETS} presets; delete one first.")
            try:
                server.effective(self.operator, None).admit(Recipe.parse(accepted))
            except RecipeError as error:
                raise SettingError(str(error)) from None
            return replace(server, presets={**server.presets, name: accepted})

        await self._change(guild_id, saved, by=by, action="save preset")
        return accepted

    async def delete_preset(self, guild_id: int, name: str, *, by: int) -> None:
        """Drop one of a server's own presets. Raises SettingError."""

        def without(server: Server) -> Server:
            if name not in server.presets:
                own = list(server.presets)
                hint = nearest(name, own) if own else "it has none yet"
                raise SettingError(f"This server has no preset of its own called “{name[:40]}”; {hint}.")
            return replace(server, presets={n: recipe for n, recipe in server.presets.items() if n != name})

        await self._change(guild_id, without, by=by, action="delete preset")

    async def log(self, guild_id: int, limit: int) -> Sequence[AuditRow]:
        """What was decided on a server, newest first."""
        query = (
            select(AuditRow).where(AuditRow.guild_id == guild_id).order_by(AuditRow.id.desc()).limit(limit)
        )
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def forget_member(self, member_id: int) -> None:
        """Take a member out of the settings that name them, and put their pseudonym into the audit."""
        member, stand_in = str(member_id), self.pseudonym(member_id)
        about = or_(AuditRow.actor == member, AuditRow.subject.in_([member, "members"]))
        async with self._database.session() as session, session.begin():
            for row in await session.scalars(select(SettingRow).where(SettingRow.name == "members")):
                row.value = [other for other in row.value if other != member_id]
            for entry in await session.scalars(select(AuditRow).where(about)):
                entry.actor = stand_in if entry.actor == member else entry.actor
                entry.subject = stand_in if entry.subject == member else entry.subject
                if entry.subject == "members":
                    entry.before, entry.after = (
                        ids and [stand_in if one == member_id else one for one in ids]
                        for ids in (entry.before, entry.after)
                    )
        self._servers.clear()

    async def leave(self, guild_id: int) -> None:
        """Delete everything that a server chose."""
        async with self._database.session() as session, session.begin():
            for table in (SettingRow, PresetRow, AuditRow):
                await session.execute(delete(table).where(table.guild_id == guild_id))
        self._servers.pop(guild_id, None)

    async def purge(self) -> None:
        """Delete what the audit has kept long enough."""
        before = self._clock.now() - self._keep_audit
        async with self._database.session() as session, session.begin():
            await session.execute(delete(AuditRow).where(AuditRow.at < before))

    def _accept(self, name: str, value: object, channel_id: int, exists: Exists) -> Any:
        accepted = read(name, value)
        if channel_id != WHOLE_SERVER and name not in CHANNEL_SETTINGS:
            raise SettingError(f"{name} is set for the whole server, not for one channel.")
        if name in CEILINGS and accepted > getattr(self.operator, name):
            highest = getattr(self.operator, name)
            raise SettingError(f"{name} can be at most {highest}: the bot's operator set that limit.")
        if name == "size" and accepted > self.operator.max_size:
            raise SettingError(
                f"size can be at most {self.operator.max_size}: the bot's operator set that limit."
            )
        if name == "networks" and (closed := set(accepted) - set(self.operator.networks)):
            raise SettingError(f"The bot's operator does not let {closed.pop()} dream.")
        several = accepted if isinstance(accepted, tuple) else (accepted,) if accepted else ()
        if kind(name) in _PARTS and (strangers := [n for n in several if not exists(_PARTS[kind(name)], n)]):
            raise SettingError(f"{name} must be {expected(name)}; {strangers[0]} is not of this server.")
        return accepted

    def _accept_preset(self, name: str, recipe: object) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
            raise SettingError(
                f"“{name[:40]}” can't be a preset's name; use 2 to 31 small letters, digits and underscores."
            )
        if name in LAYERS or name in OPTIONS or name in self.shipped or name in ("all", "none"):
            raise SettingError(f"“{name}” already means something in a recipe; please choose another name.")
        try:
            return str(Recipe.parse(str(recipe), self.shipped))
        except RecipeError as error:
            raise SettingError(f"{name}: {error}") from None

    async def _change(
        self, guild_id: int, change: Callable[[Server], Server], *, by: int, action: str
    ) -> list[Change]:
        """Store what `change` makes of a server, and who did it; or raise SettingError and store nothing."""
        async with self._database.session() as session, session.begin():
            before = await _load(session, guild_id)
            after = change(before)
            known = before.faults(self.operator, self.shipped)
            for fault in after.faults(self.operator, self.shipped):
                if fault not in known:
                    raise SettingError(fault)
            changes = [*_differences(before, after)]
            for channel_id, name, old, new in changes:
                await _store(session, guild_id, channel_id, name, new)
                entry = AuditRow(
                    at=self._clock.now(),
                    guild_id=guild_id,
                    channel_id=max(channel_id, WHOLE_SERVER),
                    actor=str(by),
                    action=action,
                    subject=name,
                    before=old,
                    after=new,
                )
                session.add(entry)
        self._servers[guild_id] = after
        return changes


_PARTS: Final = {
    Kind.CHANNELS: Kind.CHANNEL,
    Kind.CHANNEL: Kind.CHANNEL,
    Kind.ROLES: Kind.ROLE,
    Kind.ROLE: Kind.ROLE,
    Kind.MEMBERS: Kind.MEMBERS,
}
"""What the ids of a setting are ids of."""

_PRESETS: Final = -1
"""Stands in a `Change`'s `channel_id` for a preset of the server's own."""


def _differences(before: Server, after: Server) -> Iterator[Change]:
    tables = (
        *(
            (c, before.choices.get(c, {}), after.choices.get(c, {}))
            for c in {*before.choices, *after.choices}
        ),
        (_PRESETS, before.presets, after.presets),
    )
    for channel_id, old, new in sorted(tables, key=lambda table: table[0]):
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                yield Change(channel_id, name, old.get(name), new.get(name))


async def _load(session: AsyncSession, guild_id: int) -> Server:
    choices: dict[int, dict[str, Any]] = {}
    for row in await session.scalars(select(SettingRow).where(SettingRow.guild_id == guild_id)):
        try:
            choices.setdefault(row.channel_id, {})[row.name] = read(row.name, row.value)
        except SettingError as error:  # another version of the bot knew it differently
            log.warning("server %s: a stored setting is left out: %s", guild_id, error)
    presets = await session.scalars(select(PresetRow).where(PresetRow.guild_id == guild_id))
    return Server(choices, {row.name: row.recipe for row in presets})


async def _store(session: AsyncSession, guild_id: int, channel_id: int, name: str, value: Any) -> None:
    if value is not None and channel_id == _PRESETS:
        await session.merge(PresetRow(guild_id=guild_id, name=name, recipe=value))
    elif value is not None:
        await session.merge(SettingRow(guild_id=guild_id, channel_id=channel_id, name=name, value=value))
    elif channel_id == _PRESETS:
        await session.delete(await session.get_one(PresetRow, (guild_id, name)))
    else:
        await session.delete(await session.get_one(SettingRow, (guild_id, channel_id, name)))


def _plain(choices: Choices) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in sorted(choices.items())
    }


def _unknown(name: str) -> SettingError:
    return SettingError(f"There is no setting called “{name[:40]}”; {nearest(name, SETTINGS)}.")
