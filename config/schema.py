"""The operator's settings: every section with each setting's default, range and meaning.

A setting is a field; its docstring says what it means. ``dreambot.toml`` is written from them
(``python -m config.document``). Sections that servers decide about, too, are the bases of
`bot.settings.values.Values`, so that a default and a range stand in one place.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin
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
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.problems import ENV_PREFIX, ConfigError, Problem
from dream.backbone.catalog import BUILT_IN, NETWORKS
from dream.formats import DEFAULT_LIMITS
from dream.log import Format, Level, LogSettings
from dream.texts import _

log = logging.getLogger(__name__)


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


def _host(value: str) -> str:
    if not re.fullmatch(r"[\w.:%-]+", value):
        raise ValueError(
            "should be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them"
        )
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
Names = tuple[str, ...]
NO_SPACES = r"^\S+$"
Ids = tuple[Annotated[int, Field(ge=1, lt=2**63)], ...]


def expected(field: FieldInfo, most: int | None = None) -> str:
    """Say a setting's type and range in words; `most` is a number's ceiling if that is not its own."""
    annotation = str(field.annotation)
    if field.annotation is bool:
        return "true or false"
    if field.annotation in (int, float):
        low = next((m.ge for m in field.metadata if isinstance(m, annotated_types.Ge)), 0)
        high = next((m.le for m in field.metadata if isinstance(m, annotated_types.Le)), None)
        high = high if most is None else most
        if field.annotation is float:
            return f"a number above {low}" + (f", up to {high}" if high is not None else "")
        if high is None:
            return _("a whole number from {low} up", low=low)
        return _("a whole number from {low} to {high}", low=low, high=high)
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(get_args(field.annotation))
    if field.annotation == Names and field.title == "Networks":
        return "a list of " + ", ".join(NETWORKS)
    if field.annotation == Names:
        return "a list of names"
    if "Literal" in annotation:
        return "a list of " + ", ".join(get_args(get_args(field.annotation)[0]))
    if "tuple" in annotation:
        return "a list of whole numbers"
    if "Path" in annotation:
        return "a path"
    least = next((m.min_length for m in field.metadata if isinstance(m, annotated_types.MinLen)), 0)
    most = next((m.max_length for m in field.metadata if isinstance(m, annotated_types.MaxLen)), None)
    if most is not None:
        spaces = any(getattr(m, "pattern", None) == NO_SPACES for m in field.metadata)
        return f"text of {least} to {most} characters" + (" without spaces" if spaces else "")
    return "text that is not empty" if least else "text"


class Section(BaseModel):
    """A table of ``dreambot.toml``: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    retired: ClassVar[tuple[str, ...]] = ()
    """Keys that earlier versions had; a file that still has one is read without it."""

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, values: Any) -> Any:
        found = [key for key in cls.retired if isinstance(values, dict) and key in values]
        for key in found:
            log.warning("%s.%s is not used any more; take it out", cls.__name__.lower(), key)
        return {key: value for key, value in values.items() if key not in found} if found else values

    @field_validator("*", mode="before")
    @classmethod
    def _switch_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError(f"should be {expected(field)}")
        return value

    @field_validator("*")
    @classmethod
    def _has_64_bits(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            field = cls.model_fields[info.field_name or ""]
            raise ValueError(f"should be {expected(field)}, and below 2^63")
        return value


class Commands(Section):
    """How text commands are written, and what language answers them."""

    prefix: Annotated[str, Field(title="Command prefix", min_length=1, max_length=5, pattern=NO_SPACES)] = "!"
    """What starts a text command; a mention of the bot always does."""
    language: Annotated[Literal["auto", "en", "de"], Field(title="Language")] = "auto"
    """The language of what everybody reads: auto is that of the server in Discord, if the bot speaks it, else
    English. What only one member sees is in that member's."""


class Discord(Commands):
    """How the bot meets Discord. The token is read from DISCORD_TOKEN or from token_file, never from here.

    Admins may choose another prefix for their server.
    """

    token_file: OptionalPath = None
    """A file that holds the bot's token; DISCORD_TOKEN goes before it."""
    api: Annotated[Url, Field(min_length=1)] = "https://discord.com/api/v10"
    """Where Discord's HTTP interface is; change it only for a Discord-compatible server."""
    message_content: bool = True
    """Whether the bot reads messages, so that text commands work. It needs the Message Content Intent from
    the developer portal; without it, slash commands and mentions work."""
    commands_in_ten_seconds: Annotated[int, Field(ge=0)] = 6
    """The most text commands that one member may give in ten seconds. The next one is answered with the time
    to wait, and further ones not at all. 0 means no limit."""
    operators: Ids = ()
    """User ids that count as operators, besides the owner (or team) of the Discord application."""
    shard_count: Annotated[int, Field(ge=0)] = 0
    """How many shards the bot has over all its processes; 0 lets Discord say."""
    shards: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Which shards this process serves; empty means all of them. Needs shard_count."""


class Dream(Section):
    """What is dreamt when nobody says otherwise, and the ceilings that no server can raise."""

    recipe: Annotated[str, Field(title="Usual recipe", min_length=1, max_length=300)] = (
        "block9+block11 octaves=6 quality=rich"
    )
    """The recipe, or the name of a preset, of a dream asked for without one."""
    networks: Annotated[Names, Field(title="Networks", min_length=1)] = tuple(
        network.name for network in BUILT_IN
    )
    """The networks that may dream."""
    size: Annotated[Size, Field(title="Usual size")] = 0
    """The longer side, in pixels, of a dream whose recipe names no size; 0 keeps the picture's own, up to
    1024."""
    max_size: Annotated[int, Field(title="Largest size", ge=64, le=4096)] = 2048
    """The longest side, in pixels, that anyone may ask for."""
    max_steps: Annotated[int, Field(title="Most steps", ge=1, le=5000)] = 100
    """The most steps an octave may have."""
    previews: Annotated[bool, Field(title="Previews")] = True
    """Whether a small picture shows a dream on its way."""
    spoiler: Annotated[bool, Field(title="Spoilers")] = False
    """Whether dreams are posted behind a spoiler."""


class Picture(Section):
    """Limits on pictures coming in, checked before anything is decoded."""

    max_bytes: Annotated[int, Field(ge=1024)] = DEFAULT_LIMITS.bytes
    """The largest file, in bytes."""
    max_pixels: Annotated[int, Field(ge=4096)] = DEFAULT_LIMITS.pixels
    """The largest picture, in pixels: width times height."""
    max_frames: Annotated[int, Field(ge=1)] = DEFAULT_LIMITS.frames
    """The most frames of a clip or an animated picture."""
    max_seconds: Annotated[float, Field(gt=0, le=600)] = DEFAULT_LIMITS.length
    """The longest film, in seconds."""


class Weights(Section):
    """The networks' weights. Those of EfficientNet-Lite0 and SqueezeNet come with the bot."""

    inception_v3: OptionalPath = None
    """A file with InceptionV3's weights (.h5, .weights.h5 or .keras); empty means Keras' own in its cache."""
    fetch: bool = True
    """Whether weights of InceptionV3, and of keras.applications that [networks] adds, may be fetched in the
    background, where they are missing, from where Keras keeps them."""


class OwnNetwork(Section):
    """A network of your own, called NAME: one of keras.applications, or a Keras model in a file.

    It may then dream like those of dream.networks. Its layers are written NAME/layer in recipes, or without
    NAME/ where no other network has one of that name. `dreambot layers NAME` lists them, and `dreambot atlas
    NAME` shows what each dreams of.
    """

    application: str = ""
    """One of keras.applications, such as VGG16: its weights are fetched like those of InceptionV3."""
    file: OptionalPath = None
    """A whole model (.keras); or, with application, a file with its weights (.h5, .weights.h5 or .keras). On
    a cluster it must lie at the same path on each machine. Keras' safe mode refuses code in it."""
    hash: Annotated[str, Field(pattern=r"^([0-9a-f]{32}|[0-9a-f]{64})?$")] = ""
    """The MD5 or SHA-256 that fetched weights must have, in small hexadecimal digits; empty means the one
    that Keras publishes."""
    preprocessing: Literal["", "tf", "caffe", "torch", "unit", "none"] = ""
    """How pixels enter a model in a file: tf, RGB from -1 to 1; caffe, BGR minus ImageNet's mean; torch, RGB
    in ImageNet's standard deviations; unit, RGB from 0 to 1; none, RGB from 0 to 255, for a model that scales
    them itself. Empty means tf; one of keras.applications knows its own."""
    layers: Names = ()
    """The layers that may be dreamt of, as `dreambot layers NAME` names them; empty means all."""
    title: str = ""
    """What people call it; empty means its name."""
    description: str = ""
    """What `layers` says of it to members, in a sentence."""


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
    free_bytes: Annotated[int, Field(ge=0)] = 200_000_000
    """Bytes that SQLite's disk must have left; dreams are refused while it has less. 0 means no limit."""
    password_file: OptionalPath = None
    """A file with the database's password. The environment's DREAMBOT_STORE__URL may hold one itself."""


class Limits(Section):
    """How much may wait, in seconds of one worker's time, as the cost model estimates them."""

    member_seconds: Annotated[int, Field(title="Waiting per member, in seconds", ge=1)] = 600
    """How many seconds of dreaming one member may have waiting and running."""
    server_seconds: Annotated[int, Field(title="Waiting per server, in seconds", ge=1)] = 3600
    """How many seconds of dreaming the whole server may have waiting and running. A single dream that
    would take longer is refused."""


class Queue(Limits):
    """How much may wait: in seconds of one worker's time, as the cost model estimates them, and in bytes of
    pictures.

    Servers may lower member_seconds and server_seconds for themselves, and not raise them.
    """

    total_seconds: Annotated[int, Field(ge=1)] = 86_400
    """What may be waiting and running over all servers."""
    member_bytes: Annotated[int, Field(ge=1024)] = 200_000_000
    """The most bytes of pictures that one member may have waiting and running, direct messages included."""
    server_bytes: Annotated[int, Field(ge=1024)] = 1_000_000_000
    """The most bytes of pictures that one server may have waiting and running."""
    total_bytes: Annotated[int, Field(ge=1024)] = 4_000_000_000
    """The most bytes of pictures that may be waiting and running over all servers and direct messages."""
    grace: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that running dreams get to finish when the bot is stopped."""


class Daily(Section):
    """The daily dream. Its hour, channel and sources are each server's own (see its commands)."""

    retired = ("posts_per_second",)

    folder: OptionalPath = None
    """A folder of pictures that servers may choose as a source; empty means none."""
    lead: Annotated[int, Field(ge=0, le=24)] = 12
    """The most hours that a daily dream is rendered ahead."""
    grace: Annotated[int, Field(ge=0, le=24)] = 6
    """Hours after its time that a missed daily dream is still posted."""
    remember_days: Annotated[int, Field(ge=0, le=3650)] = 60
    """Days before a picture may be dreamt again while others are left."""


class Privacy(Section):
    """What is kept of members, and for how long. `/privacy` tells them so."""

    retention_days: Annotated[int, Field(ge=0, le=365)] = 7
    """Days that sources and results are kept after a dream is delivered."""
    server_bytes: Annotated[int, Field(ge=0)] = 1_000_000_000
    """The most bytes of pictures kept for one server, or for one member's direct messages; the oldest go
    first. 0 means no limit."""
    total_bytes: Annotated[int, Field(ge=0)] = 20_000_000_000
    """The most bytes of pictures kept in all; the oldest go first. 0 means no limit."""
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


class Log(Section):
    """What the bot and its workers log to standard error: a dream's life by its job's id, servers, workers.

    It never holds a token, a picture, or who asked for one.
    """

    level: Level = "info"
    """The least level that is logged."""
    format: Format = "auto"
    """human is for people, json one object a line; auto means human on a terminal and json elsewhere."""

    @property
    def settings(self) -> LogSettings:
        """The same for the engine's processes."""
        return LogSettings(self.level, self.format)


class Monitoring(Section):
    """What operators see of a running bot: /metrics for Prometheus, /healthz, /readyz, and alarms."""

    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    """The address that serves these pages, to whoever reaches it. `dreambot status` reads them."""
    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """Their port; 0 means that they are not served."""
    alarms: bool = True
    """Whether operators get direct messages when no worker is up, a dream waits too long, the disk is nearly
    full, or the database is away."""
    oldest_minutes: Annotated[int, Field(ge=1, le=525_600)] = 120
    """Minutes after which a dream that is still not done is an alarm."""


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
    networks: dict[str, OwnNetwork] = Field(default_factory=dict)
    """Networks of your own, by the names that recipes call them."""
    farm: Farm = Farm()
    store: Store = Store()
    queue: Queue = Queue()
    daily: Daily = Daily()
    privacy: Privacy = Privacy()
    moderation: Moderation = Moderation()
    log: Log = Log()
    monitoring: Monitoring = Monitoring()

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
    def may_dream(self) -> tuple[str, ...]:
        """The networks that may dream: those allowed and those added."""
        return tuple(dict.fromkeys((*self.dream.networks, *self.networks)))

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
            return with_password(url, self.store.password_file, "password_file")
        return url


def with_password(url: str, file: Path, setting: str) -> str:
    """A database's URL with the password that a file holds. Raises ConfigError."""
    user, host = url.rsplit("@", 1)
    return f"{user}:{quote(_secret(file, 'store', setting), safe='')}@{host}"


def _secret(file: Path, section: str, key: str) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(str(file), section, key, f"cannot be read: {error}")) from None
