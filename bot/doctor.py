"""`dreambot doctor`: checks this installation and says how to mend what is wrong.

The checks change nothing: they migrate no database, start no worker and make no key.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from config.loading import load_config
from config.presets import load_presets
from config.problems import ConfigError
from config.schema import Config
from dream.extras import install

if TYPE_CHECKING:
    from bot.health import Health
    from bot.store.database import Database

LOW_DISK_BYTES: Final = 2_000_000_000
"""Free disk space, in bytes, below which there is a warning."""
CLOCK_SECONDS: Final = 30
"""How far this clock may be from Discord's."""
SERVERS: Final = 200
"""Servers whose permissions are looked at: as many as one call tells of."""
DREAM_SECONDS: Final = 180
"""Seconds within which the first dream of a new process must be done."""


class Level(StrEnum):
    """The severity of a finding; with a `FAILURE` the bot does not work."""

    FINE = "fine"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what it is about, how it is, and the command or setting that mends it."""

    level: Level
    subject: str
    detail: str
    mend: str = ""


Findings = AsyncIterator[Finding]
Check = Callable[[Config], Findings]
FINE, WARNING, FAILURE = Level


async def examine(path: Path | None = None, *, dream: bool = False) -> list[Finding]:
    """Run all checks; with `dream`, dream a few pixels, too, which takes seconds.

    `path` is the operator's file, as for `load_config`.
    """
    try:
        config = load_config(path)
        load_presets()
    except ConfigError as error:
        return [Finding(FAILURE, "configuration", str(problem)) for problem in error.problems]
    findings = [Finding(FINE, "configuration", "every section and key is known, every value fits")]
    for check in (*CHECKS, *([_first_dream] if dream else [])):
        subject = check.__name__.strip("_").replace("_", " ")
        try:
            findings += [finding async for finding in check(config)]
        except ConfigError as error:
            findings += [Finding(FAILURE, subject, str(problem)) for problem in error.problems]
        except Exception as error:  # the next check may say why
            findings.append(Finding(FAILURE, subject, f"{type(error).__name__}: {error}"))
    return findings


async def _data_folder(config: Config) -> Findings:
    subject, folder = "data folder", config.folder
    if not os.access(folder, os.W_OK):
        mend = f"chown $USER {folder}, or set data, or DREAMBOT_DATA, to another folder"
        yield Finding(FAILURE, subject, f"{folder} cannot be written to", mend)
        return
    yield Finding(FINE, subject, str(folder))
    free, least = shutil.disk_usage(folder).free, config.store.free_bytes
    left = f"{free / 1e9:.1f} GB are free"
    if free < least:
        mend = "make room, or set store.free_bytes lower"
        yield Finding(FAILURE, "disk", f"{left}, less than store.free_bytes: no dream is taken", mend)
    elif free < LOW_DISK_BYTES:
        yield Finding(WARNING, "disk", left, "make room, or set privacy.total_bytes lower")
    else:
        yield Finding(FINE, "disk", left)
    from bot.pseudonyms import key_file

    for private in (folder, key_file(config)):
        if private.exists() and private.stat().st_mode & 0o077:
            mode = 700 if private.is_dir() else 600
            yield Finding(WARNING, subject, f"others can read {private}", f"chmod {mode} {private}")
    if (pictures := config.daily.folder) and not pictures.is_dir():
        mend = f"mkdir {pictures}, or empty daily.folder"
        yield Finding(WARNING, subject, f"there is no folder {pictures} (daily.folder)", mend)


async def _key(config: Config) -> Findings:
    from bot.pseudonyms import key_file

    file = key_file(config)
    if file.exists():
        size = file.stat().st_size if stat.S_ISREG(file.stat().st_mode) else 0
        if size < 16:
            mend = (
                f"restore {file} from a backup; without one, remove it, and blocks of forgotten members end"
            )
            yield Finding(FAILURE, "key", f"{file} (privacy.key_file) holds fewer than 16 bytes", mend)


async def _database(config: Config) -> Findings:
    from bot.store.database import Database
    from bot.store.errors import StoreError
    from bot.store.upkeep import integrity_error

    subject, restore = "database", "dreambot restore FILE --replace"
    try:
        database = Database(config.database_url)
    except StoreError as error:
        yield Finding(FAILURE, subject, str(error), "set store.url")
        return
    try:
        stored, newest = await database.revisions()
        if stored is None:
            yield Finding(FINE, subject, f"{database} is empty; the first start fills it")
        elif damage := await integrity_error(database.engine):
            yield Finding(FAILURE, subject, f"{database} is damaged: {damage}", restore)
        elif stored > newest:
            mend = f"start the newer version again, or {restore}"
            yield Finding(FAILURE, subject, f"{database} belongs to a newer version of Dreambot", mend)
        elif stored < newest:
            detail = f"{database} is of an earlier version; the next start brings it up to date"
            yield Finding(WARNING, subject, detail, "dreambot backup FILE, before that start")
        else:
            yield Finding(FINE, subject, f"{database} is up to date")
        if running := await _running(config, database):
            sentences = " ".join(running.problems.values()) or "it serves members"
            level = FINE if running.is_ready else WARNING
            yield Finding(
                level, "bot", f"it runs: {sentences}", "" if running.is_ready else "dreambot status"
            )
        elif database.file and database.file.exists():
            database.lock()
    except StoreError as error:
        yield Finding(FAILURE, subject, str(error), _mend(str(error)))
    finally:
        await database.close()


async def _running(config: Config, database: Database) -> Health | None:
    """How this installation's own bot stands, if it runs: it answers where it should, and uses `database`."""
    from bot.health import Health

    if not config.monitoring.port:
        return None
    try:
        health = await asyncio.to_thread(Health.of_running, config.monitoring)
    except (OSError, ValueError):
        return None
    return health if health.database == str(database) else None


def _mend(error: str) -> str:
    """What helps against an error of the database."""
    if "another dreambot" in error:
        return "stop the other one; if it is this very bot that runs, it is known by its monitoring.port"
    if "does not exist" in error:
        return "createdb DATABASE, or set store.url to one that is there"
    if "not a database" in error or "malformed" in error:
        return "dreambot restore FILE --replace, with the broken file out of the way"
    return "see docs/operators.md, “The database cannot be opened”"


async def _discord(config: Config) -> Findings:
    import aiohttp
    import discord

    from bot.client import PERMISSIONS
    from bot.gateway import set_api_base
    from bot.run import BAD_TOKEN, NO_INTENT, StartError, read_token

    portal = "discord.com/developers/applications → your application → Bot"
    try:
        token = read_token(config)
    except StartError as error:
        yield Finding(FAILURE, "token", str(error), portal)
        return
    set_api_base(config.discord.api)
    async with discord.Client(intents=discord.Intents(guilds=True)) as client:
        try:
            await client.login(token)
            flags = (await client.application_info()).flags
            servers = await client.http.get_guilds(SERVERS)
        except discord.LoginFailure:
            yield Finding(FAILURE, "token", BAD_TOKEN, portal)
            return
        except (OSError, aiohttp.ClientError, discord.HTTPException) as error:
            detail = f"Discord cannot be reached at {config.discord.api}: {error}"
            yield Finding(FAILURE, "discord", detail, "mend the network, or discord.api")
            return
    yield Finding(FINE, "token", f"it is {client.user}'s")
    if not config.discord.message_content:
        yield Finding(FINE, "intents", "discord.message_content is off: slash commands and mentions only")
    elif flags.gateway_message_content or flags.gateway_message_content_limited:
        yield Finding(FINE, "intents", "message content is granted")
    else:
        yield Finding(FAILURE, "intents", NO_INTENT, f"{portal} → Message Content Intent")
    narrow = 0
    for server in servers:
        has = discord.Permissions(int(server.get("permissions", -1)))
        missing = (
            [] if has.administrator else [name for name, on in PERMISSIONS if on and not dict(has)[name]]
        )
        if missing:
            narrow += 1
            lacks = ", ".join(name.replace("_", " ") for name in missing)
            mend = "invite it again by the link that dreambot run prints, or give its role these permissions"
            yield Finding(WARNING, "permissions", f"{server['name']} ({server['id']}) lacks: {lacks}", mend)
    if len(servers) > narrow:
        yield Finding(FINE, "permissions", f"{len(servers) - narrow} of {len(servers)} servers give all")


async def _clock(config: Config) -> Findings:
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
            http.get(f"{config.discord.api}/gateway") as answer,
        ):
            theirs = parsedate_to_datetime(answer.headers["Date"])
    except (OSError, aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        yield Finding(WARNING, "clock", "it could not be compared with Discord's")
    else:
        off = abs((datetime.now(UTC) - theirs).total_seconds())
        if off > CLOCK_SECONDS:
            yield Finding(WARNING, "clock", f"it is {off:.0f} s off Discord's", "timedatectl set-ntp true")
        else:
            yield Finding(FINE, "clock", "it agrees with Discord's")
    try:
        ZoneInfo("America/St_Johns")
    except ZoneInfoNotFoundError:
        yield Finding(FAILURE, "zones", "the time zones are not here", "pip install tzdata")
    else:
        yield Finding(FINE, "zones", "the time zones are here")


async def _weights(config: Config) -> Findings:
    from dream.backbone.loading import statuses

    for network, state in statuses():
        if state.is_ready:
            yield Finding(FINE, "weights", f"{network.name}: {state.detail}")
        elif state.is_fault:
            mend = "name another file, or none"
            yield Finding(FAILURE, "weights", f"{network.name}: {state.detail}", mend)
        else:
            yield Finding(WARNING, "weights", f"{network.name}: {state.detail}", "dreambot weights fetch")


async def _farm(config: Config) -> Findings:
    from dream.farm import Farm, FarmError

    if not config.farm.scheduler:
        from dream import cluster

        workers = len(cluster.worker_environments(config.farm.workers, config.farm.threads))
        yield Finding(FINE, "farm", f"{workers} worker{'s' if workers != 1 else ''} on this machine")
        if fault := cluster.too_little_memory(config.farm.memory_limit, workers):
            yield Finding(FAILURE, "farm", fault, fault.rpartition(": ")[2].rstrip("."))
        return
    try:
        async with Farm(**config.farm.model_dump()) as farm:
            status = await farm.status()
    except FarmError as error:
        yield Finding(FAILURE, "farm", str(error), "dreambot scheduler, on the scheduler's machine")
        return
    for warning in status.warnings:
        yield Finding(WARNING, "farm", warning)
    if status.workers:
        yield Finding(FINE, "farm", f"{status.workers} workers at {status.scheduler}, of the same format")
    else:
        detail = f"no worker at {status.scheduler}"
        yield Finding(WARNING, "farm", detail, f"dreambot worker {status.scheduler}, on each box")


async def _gpu(config: Config) -> Findings:
    from dream import cluster

    if not (tool := shutil.which("nvidia-smi")):
        yield Finding(FINE, "gpu", f"none (no nvidia-smi); {os.cpu_count()} CPU cores dream")
        return
    query = ["--query-gpu=index,name,driver_version,memory.total", "--format=csv,noheader"]
    listing = await asyncio.create_subprocess_exec(tool, *query, stdout=-1, stderr=-1)
    said, wrong = await listing.communicate()
    if listing.returncode:
        detail = f"nvidia-smi fails: {(wrong or said).decode().strip()}"
        yield Finding(FAILURE, "gpu", detail, "install the NVIDIA driver anew, and restart the machine")
        return
    for line in said.decode().splitlines():
        yield Finding(FINE, "gpu", line)
    if not cluster.gpus():
        detail = "CUDA_VISIBLE_DEVICES hides every GPU"
        yield Finding(WARNING, "gpu", detail, "unset CUDA_VISIBLE_DEVICES, if that is not meant")


async def _pictures(config: Config) -> Findings:
    from PIL import features

    missing = [name for name in ("jpg", "zlib", "webp", "avif") if not features.check(name)]
    if missing:
        mend = "pip install --force-reinstall pillow"
        yield Finding(WARNING, "pictures", f"this Pillow cannot read {', '.join(missing)}", mend)
    else:
        yield Finding(FINE, "pictures", "JPEG, PNG, WebP, AVIF and HEIC can be read")


async def _monitoring(config: Config) -> Findings:
    from bot.store.database import Database

    host, port = config.monitoring.host, config.monitoring.port
    if not port:
        yield Finding(FINE, "monitoring", "off (monitoring.port is 0)")
        return
    try:
        await asyncio.to_thread(lambda: socket.create_server((host, port)).close())
    except OSError as error:
        if not await _running(config, Database(config.database_url)):
            detail = f"{host}:{port} cannot be served: {os.strerror(error.errno or 0).lower()}"
            yield Finding(WARNING, "monitoring", detail, "set monitoring.port to another one")
            return
    yield Finding(FINE, "monitoring", f"http://{host}:{port}/metrics, /healthz and /readyz")


async def _first_dream(config: Config) -> Findings:
    from dream import cluster

    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dream.first_dream", env=environment, stdout=-1, stderr=-1
    )
    try:
        said, wrong = await asyncio.wait_for(process.communicate(), DREAM_SECONDS)
    except TimeoutError:
        process.kill()
        yield Finding(FAILURE, "dream", f"a small dream was not done within {DREAM_SECONDS} s")
        return
    if process.returncode:
        last = (wrong.decode().strip().splitlines() or ["it says nothing"])[-1]
        mend = f"{sys.executable} -m pip install --force-reinstall tensorflow"
        yield Finding(FAILURE, "dream", f"a small dream fails: {last}", mend)
        return
    devices, first, second = json.loads(said.splitlines()[-1])
    detail = f"256 pixels in {second:.1f} s, after {first:.1f} s to get ready; devices: {', '.join(devices)}"
    if cluster.gpus() and not any(device.startswith("GPU") for device in devices):
        seen = f"{detail}: TensorFlow does not see this machine's GPU"
        yield Finding(WARNING, "dream", seen, install("gpu"))
    else:
        yield Finding(FINE, "dream", detail)


CHECKS: Final[tuple[Check, ...]] = (
    _data_folder,
    _key,
    _database,
    _discord,
    _clock,
    _weights,
    _farm,
    _gpu,
    _pictures,
    _monitoring,
)
