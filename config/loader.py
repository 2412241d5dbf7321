"""The operator's configuration: ``dreambot.toml`` and the environment, as frozen, checked values.

Every setting is a field below, with its default, its range and, as its docstring, its meaning; the
commented ``dreambot.toml`` is written from them (``python -m config.document``), so the two cannot differ.

A value comes from, strongest first: the environment (``DREAMBOT_SECTION__KEY``), the file, the default.
Secrets come from the environment or from files of their own, never from ``dreambot.toml``.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args
from urllib.parse import quote, urlsplit

import annotated_types
import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from dream.backbone.catalog import NetworkName
from dream.recipe import Recipe, RecipeError

FOLDER = Path(__file__).parent
"""Where the shipped ``dreambot.toml`` and ``presets.toml`` lie."""

ENV_PREFIX = "DREAMBOT_"
ENV_CONFIG = "DREAMBOT_CONFIG"


class Problem(NamedTuple):
    """One thing that is wrong with the configuration."""

    where: str
    """The file, or the environment variable, that holds it."""
    section: str
    key: str
    what: str
    """What is wrong and what would be right."""

    def __str__(self) -> str:
        name = f"[{self.section}] {self.key}".strip() if self.section else self.key
        return f"{self.where}: {name}: {self.what}" if name else f"{self.where}: {self.what}"


class ConfigError(Exception):
    """The configuration cannot be used; ``str()`` names each wrong section and key, one a line."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def _path(value: object) -> object:
    if isinstance(value, str):
        return Path(value).expanduser() if value.strip() else None
    return value


def _url(value: str) -> str:
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc):
        raise ValueError("should be a web address such as https://example.org/page")
    return value.rstrip("/")


def _scheduler(value: str) -> str:
    if not value:
        return value
    try:
        address = urlsplit(value)
        known = address.scheme in {"tcp", "tls", "ws", "wss", "ucx"} and address.hostname and address.port
    except ValueError:  # a port that is no number
        known = False
    if not known:
        raise ValueError("should be a Dask scheduler's address with its port, such as tcp://10.0.0.5:8786")
    return value


def _database(value: str) -> str:
    if value and urlsplit(value).scheme.partition("+")[0] not in {"sqlite", "postgres", "postgresql"}:
        raise ValueError("should start with sqlite:/// or postgresql://")
    return value


def _size(value: int) -> int:
    if 0 < value < 64:
        raise ValueError("should be 0, or at least 64")
    return value


OptionalPath = Annotated[Path | None, BeforeValidator(_path)]
"""A path; ``~`` is expanded and an empty text means none."""
Url = Annotated[str, AfterValidator(_url)]
Size = Annotated[int, Field(ge=0, le=4096), AfterValidator(_size)]
"""A dream's longer side in pixels, where 0 leaves it to the picture."""
Ids = tuple[Annotated[int, Field(ge=1, lt=2**63)], ...]


class Section(BaseModel):
    """A table of ``dreambot.toml``: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _switch_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError(f"should be {expected(field)}")
        return value


class Discord(Section):
    """How the bot meets Discord. The token is read from DISCORD_TOKEN or from token_file, never from here."""

    token_file: OptionalPath = None
    """A file that holds the bot's token; DISCORD_TOKEN goes before it."""
    api: Url = "https://discord.com/api/v10"
    """Where Discord's HTTP interface is; change it only for a Discord-compatible server."""
    prefix: Annotated[str, Field(min_length=1, max_length=5, pattern=r"^\S+$")] = "!"
    """What starts a text command; admins may choose another for their server."""
    message_content: bool = True
    """Whether the bot reads messages, so that text commands work. It needs the Message Content Intent from
    the developer portal; without it, slash commands and mentions work."""
    operators: Ids = ()
    """User ids that count as operators, besides the owner (or team) of the Discord application."""
    shard_count: Annotated[int, Field(ge=0)] = 0
    """How many shards the bot has over all its processes; 0 lets Discord say."""
    shards: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Which shards this process serves; empty means all of them. Needs shard_count."""


class Dream(Section):
    """What is dreamt when nobody says otherwise, and the ceilings that no server can raise."""

    recipe: Annotated[str, Field(min_length=1, max_length=300)] = "block8+block11"
    """The recipe, or the name of a preset, of a dream asked for without one."""
    size: Size = 0
    """The longer side in pixels of a dream whose recipe names no size; 0 keeps a picture's own, up to 768."""
    max_size: Annotated[int, Field(ge=64, le=4096)] = 2048
    """The longest side, in pixels, that anyone may ask for."""
    max_steps: Annotated[int, Field(ge=1, le=200)] = 100
    """The most steps an octave may have."""
    networks: Annotated[tuple[NetworkName, ...], Field(min_length=1)] = get_args(NetworkName)
    """The networks that may dream."""
    previews: bool = True
    """Whether a small picture shows a dream on its way."""
    spoiler: bool = False
    """Whether dreams are posted behind a spoiler."""


class Picture(Section):
    """Limits on pictures coming in, checked before anything is decoded."""

    max_bytes: Annotated[int, Field(ge=1024)] = 25_000_000
    """The largest file, in bytes."""
    max_pixels: Annotated[int, Field(ge=4096)] = 50_000_000
    """The largest picture, in pixels: width times height."""
    max_frames: Annotated[int, Field(ge=1)] = 1000
    """The most frames of an animated picture, of which the first is dreamt."""


class Weights(Section):
    """The networks' weights. Those of EfficientNet-Lite0 and SqueezeNet come with the bot."""

    inception_v3: OptionalPath = None
    """A file with InceptionV3's weights (.h5, .weights.h5 or .keras); empty means Keras' own in its cache."""
    fetch: bool = True
    """Whether missing InceptionV3 weights may be fetched, in the background, from where Keras keeps them."""


class Farm(Section):
    """The Dask workers that dream: on this machine, or a cluster's."""

    scheduler: Annotated[str, AfterValidator(_scheduler)] = ""
    """A cluster's scheduler, such as tcp://10.0.0.5:8786; empty means workers on this machine."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Worker processes on this machine; 0 means one per GPU, or one where there is none."""
    threads: Annotated[int, Field(ge=0, le=512)] = 0
    """CPU threads that each worker's TensorFlow may use; 0 means an even share of the cores."""
    memory_limit: Annotated[str, Field(pattern=r"^(auto|0|[0-9]+(\.[0-9]+)? ?([kMGT]i?)?B)$")] = "auto"
    """Memory at which a worker is restarted, such as 6GB; auto means its share of the machine, 0 no limit."""


class Store(Section):
    """Where jobs, settings and pictures are kept."""

    url: Annotated[str, AfterValidator(_database)] = ""
    """SQLite or PostgreSQL (postgresql://user@host/database); empty means dreambot.db in the data folder."""
    password_file: OptionalPath = None
    """A file with the database's password. The environment's DREAMBOT_STORE__URL may hold one itself."""


class Queue(Section):
    """How much may wait. Costs are seconds of one worker's time, as the cost model reckons them."""

    member_seconds: Annotated[int, Field(ge=1)] = 600
    """What one member may have waiting and running; the ceiling of the servers' own limit."""
    server_seconds: Annotated[int, Field(ge=1)] = 3600
    """What one server may have waiting and running; the ceiling of the servers' own limit. A single
    dream that would take longer is refused."""
    total_seconds: Annotated[int, Field(ge=1)] = 86_400
    """What may be waiting and running over all servers."""
    grace: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that running dreams get to finish when the bot is stopped."""


class Daily(Section):
    """The daily dream. Its hour, channel and sources are each server's own (see its commands)."""

    folder: OptionalPath = None
    """A folder of pictures that servers may choose as a source; empty means none."""
    lead: Annotated[int, Field(ge=0, le=24)] = 12
    """The most hours that a daily dream is rendered ahead."""
    grace: Annotated[int, Field(ge=0, le=24)] = 6
    """Hours after its time that a missed daily dream is still posted."""
    remember_days: Annotated[int, Field(ge=0, le=3650)] = 60
    """Days before a picture may be dreamt again while others are left."""
    posts_per_second: Annotated[int, Field(ge=1, le=50)] = 40
    """The most daily dreams that this process posts in a second; Discord allows a bot 50 requests in all."""


class Privacy(Section):
    """What is kept of members, and for how long. `/privacy` tells them so."""

    retention_days: Annotated[int, Field(ge=0, le=365)] = 7
    """Days that sources and results are kept after a dream is delivered."""
    server_bytes: Annotated[int, Field(ge=0)] = 1_000_000_000
    """The most bytes of pictures kept for one server; the oldest go first. 0 means no limit."""
    audit_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days that the log of changed settings, blocks and removed dreams is kept."""
    leave_days: Annotated[int, Field(ge=0, le=365)] = 14
    """Days after the bot leaves a server that its data is deleted."""
    key_file: OptionalPath = None
    """A file with the key of the hashes that stand for forgotten members; empty: in the data folder."""
    terms_url: Url = ""
    """The address of your terms of service, shown by /privacy."""
    policy_url: Url = ""
    """The address of your privacy policy, shown by /privacy."""


class Moderation(Section):
    """Which servers may use the bot."""

    allow_servers: Ids = ()
    """If not empty, the bot stays only on servers with these ids."""
    deny_servers: Ids = ()
    """Servers that the bot leaves at once."""
    ask_above: Annotated[int, Field(ge=0)] = 0
    """Members above which a server must be approved by an operator first; 0 means never."""


class Config(BaseSettings):
    """Everything an operator decides, one attribute a section."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    data: OptionalPath = None
    """The folder for the database and the bot's own files; empty means this user's data folder."""
    discord: Discord = Discord()
    dream: Dream = Dream()
    picture: Picture = Picture()
    weights: Weights = Weights()
    farm: Farm = Farm()
    store: Store = Store()
    queue: Queue = Queue()
    daily: Daily = Daily()
    privacy: Privacy = Privacy()
    moderation: Moderation = Moderation()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment go before the file's values, which are handed in when loading."""
        return env_settings, init_settings

    @property
    def folder(self) -> Path:
        """The data folder, made if it is not there."""
        folder = self.data or platformdirs.user_data_path("dreambot", appauthor=False)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            what = f"{folder} cannot be made: {error.strerror}; set it, or DREAMBOT_DATA, to another folder"
            raise ConfigError(Problem("data folder", "", "data", what)) from None
        return folder

    @property
    def token(self) -> SecretStr | None:
        """The bot's token from DISCORD_TOKEN or ``discord.token_file``; None where there is neither."""
        if token := os.environ.get("DISCORD_TOKEN", "").strip():
            return SecretStr(token)
        if self.discord.token_file:
            return SecretStr(_secret(self.discord.token_file, "discord", "token_file"))
        return None

    @property
    def database_url(self) -> str:
        """The database's address, with its password where a file holds one."""
        url = self.store.url
        if not url:
            return f"sqlite:///{self.folder / 'dreambot.db'}"
        if self.store.password_file and "@" in url:
            user, host = url.rsplit("@", 1)
            password = quote(_secret(self.store.password_file, "store", "password_file"), safe="")
            return f"{user}:{password}@{host}"
        return url


class Preset(BaseModel):
    """A recipe with a name that people remember."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Annotated[str, Field(min_length=1)]
    title: str
    description: str


def load_config(path: Path | str | None = None) -> Config:
    """Read the configuration from ``path``, else from DREAMBOT_CONFIG, else from the shipped file.

    Raises ConfigError, which names every wrong section and key with the nearest known one.
    """
    file = Path(path or os.environ.get(ENV_CONFIG) or FOLDER / "dreambot.toml").expanduser()
    values = _read_toml(file)
    problems = [*_secrets(values, file), *_unknown_variables()]
    try:
        config = Config(**values)
    except ValidationError as error:
        problems += [_problem(detail, values, file) for detail in error.errors()]
    except SettingsError as error:
        problems.append(Problem("environment", "", "", f"{error}; write lists as JSON, such as [1, 2]"))
    else:
        problems += _contradictions(config, load_presets(), file)
    if problems:
        raise ConfigError(*problems)
    return config


def load_presets(path: Path | str | None = None) -> dict[str, Preset]:
    """Read the presets from ``path``, else the shipped ones. Raises ConfigError."""
    file = Path(path or FOLDER / "presets.toml")
    presets: dict[str, Preset] = {}
    problems: list[Problem] = []
    for name, values in _read_toml(file).items():
        try:
            presets[name] = Preset.model_validate(values)
            Recipe.parse(presets[name].recipe)
        except RecipeError as error:
            problems.append(Problem(str(file), name, "recipe", str(error)))
        except ValidationError as error:
            problems += [
                Problem(str(file), name, ".".join(map(str, detail["loc"])), detail["msg"])
                for detail in error.errors()
            ]
    if problems:
        raise ConfigError(*problems)
    return presets


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what to say about an unknown word: the nearest known one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def expected(field: FieldInfo) -> str:
    """Say a setting's type and range in words."""
    annotation = str(field.annotation)
    if field.annotation is bool:
        return "true or false"
    if field.annotation in (int, float):
        low = next((m.ge for m in field.metadata if isinstance(m, annotated_types.Ge)), 0)
        high = next((m.le for m in field.metadata if isinstance(m, annotated_types.Le)), None)
        kind = "a whole number" if field.annotation is int else "a number"
        return f"{kind} from {low}" + (f" to {high}" if high is not None else " up")
    if "Literal" in annotation:
        return "a list of " + ", ".join(get_args(get_args(field.annotation)[0]))
    if "tuple" in annotation:
        return "a list of whole numbers"
    return "a path" if "Path" in annotation else "text"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(Problem(str(file), "", "", f"cannot be read: {error.strerror}")) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(file), "", "", f"is not valid TOML: {error}")) from None


def _secret(file: Path, section: str, key: str) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(file), section, key, f"cannot be read: {error}")) from None


def _secrets(values: Mapping[str, Any], file: Path) -> Iterator[Problem]:
    """Find secrets that somebody wrote into the file, and take them out of it."""
    if isinstance(discord := values.get("discord"), dict) and discord.pop("token", None):
        yield Problem(
            str(file), "discord", "token", "does not belong in this file; set DISCORD_TOKEN or token_file"
        )
    store = values.get("store")
    url = store.get("url") if isinstance(store, dict) else None
    if isinstance(url, str) and ":" in url.partition("://")[2].rpartition("@")[0]:
        what = "holds a password; put that in password_file, or all of it in DREAMBOT_STORE__URL"
        yield Problem(str(file), "store", "url", what)


def _unknown_variables() -> Iterator[Problem]:
    """Find environment variables that look like settings and are none."""
    known = {ENV_CONFIG} | {
        f"{ENV_PREFIX}{name}".upper() if field is None else f"{ENV_PREFIX}{name}__{field}".upper()
        for name, section in _sections().items()
        for field in (None, *section.model_fields)
    }
    known.add(f"{ENV_PREFIX}DATA")
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name not in known:
            yield Problem(name, "", "", f"is no setting; {nearest(name, sorted(known))}")


def _sections() -> dict[str, type[Section]]:
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _problem(detail: ErrorDetails, values: Mapping[str, Any], file: Path) -> Problem:
    """Say what pydantic found, in words for somebody who edits the file."""
    section, key, *_ = [*map(str, detail["loc"]), "", ""]
    sections = _sections()
    if not key:  # a table, or the one top-level key
        section, key = ("", section) if section not in sections else (section, "")
    variable = f"{ENV_PREFIX}{section}__{key}".upper() if section else f"{ENV_PREFIX}{key}".upper()
    where = variable if variable in os.environ else str(file)
    match detail["type"]:
        case "extra_forbidden" if section:
            known: Mapping[str, Any] = sections[section].model_fields
            homes = [name for name, model in sections.items() if key in model.model_fields]
            hint = f"it belongs in [{homes[0]}]" if homes else nearest(key, known)
            return Problem(where, section, key, f"is no setting; {hint}")
        case "extra_forbidden" if isinstance(values.get(key), dict):
            return Problem(where, key, "", f"is no section; {nearest(key, sections)}")
        case "extra_forbidden":
            return Problem(where, "", key, f"is no setting here; {nearest(key, Config.model_fields)}")
        case "value_error":
            return Problem(where, section, key, str(detail["ctx"]["error"]))
        case _ if key:
            field = (sections[section].model_fields if section else Config.model_fields)[key]
            about = f": {field.description}" if field.annotation is str else ""
            return Problem(where, section, key, f"should be {expected(field)}{about}")
        case _:
            return Problem(where, section, key, "should be a section with keys of its own")


def _contradictions(config: Config, presets: Mapping[str, Preset], file: Path) -> Iterator[Problem]:
    """Find values that are right alone and wrong together."""
    try:
        recipe = Recipe.parse(config.dream.recipe, {name: preset.recipe for name, preset in presets.items()})
    except RecipeError as error:
        yield Problem(str(file), "dream", "recipe", str(error))
    else:
        if recipe.network not in config.dream.networks:
            yield Problem(str(file), "dream", "recipe", f"needs {recipe.network} in networks")
    if config.dream.size > config.dream.max_size:
        yield Problem(str(file), "dream", "size", f"is larger than max_size, {config.dream.max_size}")
    if config.queue.member_seconds > config.queue.server_seconds:
        yield Problem(str(file), "queue", "member_seconds", "is larger than server_seconds")
    if config.discord.shards and max(config.discord.shards) >= config.discord.shard_count:
        yield Problem(str(file), "discord", "shards", "needs shard_count, and numbers below it")
