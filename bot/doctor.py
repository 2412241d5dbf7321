"""`dreambot doctor`: checks this installation and says how to fix what is wrong.

The checks are read-only: they migrate nothing, start no worker and make no key.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from config.loading import load_config
from config.presets import load_presets
from config.problems import ConfigError
from config.schema import Config

LOW_DISK_BYTES = 2_000_000_000
"""Free disk space, in bytes, below which a note is made."""


class Level(StrEnum):
    """The severity of a finding; with a `WRONG` one the bot does not work."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


class Finding(NamedTuple):
    """The result of one check; `detail` says what to do where it is not good."""

    level: Level
    subject: str
    detail: str


async def examine(path: Path | None = None) -> list[Finding]:
    """Run all checks. `path` is the operator's file, as for `load_config`."""
    try:
        config = load_config(path)
        load_presets()
    except ConfigError as error:
        return [Finding(Level.WRONG, "configuration", str(problem)) for problem in error.problems]
    findings = [Finding(Level.GOOD, "configuration", "every section and key is known, every value fits")]
    for check in CHECKS:
        subject = check.__name__.strip("_").replace("_", " ")
        try:
            findings += [Finding(level, subject, detail) async for level, detail in check(config)]
        except ConfigError as error:
            findings += [Finding(Level.WRONG, subject, str(problem)) for problem in error.problems]
        except Exception as error:  # the next check may say why
            findings.append(Finding(Level.WRONG, subject, f"{type(error).__name__}: {error}"))
    return findings


Findings = AsyncIterator[tuple[Level, str]]


async def _data_folder(config: Config) -> Findings:
    folder = config.folder
    if not os.access(folder, os.W_OK):
        yield (
            Level.WRONG,
            f"{folder} cannot be written to: set `data`, or DREAMBOT_DATA, to a folder that can",
        )
        return
    free = shutil.disk_usage(folder).free
    room = f"{folder}, with {free / 1e9:.1f} GB free"
    yield (
        (Level.NOTE, f"{room}: pictures may soon find no room")
        if free < LOW_DISK_BYTES
        else (Level.GOOD, room)
    )
    if folder.stat().st_mode & 0o077:
        yield Level.NOTE, f"{folder} can be read by others: chmod 700 it"
    key = config.privacy.key_file or folder / "privacy.key"
    if key.exists() and key.stat().st_mode & 0o077:
        yield Level.NOTE, f"{key} can be read by others: chmod 600 it (privacy.key_file)"


async def _database(config: Config) -> Findings:
    from bot.store.database import Database, StoreError

    try:
        database = Database(config.database_url)
    except StoreError as error:
        yield Level.WRONG, str(error)
        return
    where = database.url.render_as_string(hide_password=True)
    try:
        stored, newest = await database.revisions()
        if stored is None:
            yield Level.GOOD, f"{where} is empty; the first start fills it"
            return
        if damage := await database.integrity_error():
            yield Level.WRONG, f"{where} is damaged, restore a backup: {damage}"
        elif stored > newest:
            yield (
                Level.WRONG,
                f"{where} belongs to a newer version of Dreambot: start that, or restore a backup",
            )
        elif stored < newest:
            yield Level.NOTE, f"{where} is of an earlier version; the next start brings it up to date"
        else:
            yield Level.GOOD, f"{where} is up to date"
        database.lock()
    except StoreError as error:
        yield Level.WRONG, str(error)
    finally:
        await database.close()


async def _discord(config: Config) -> Findings:
    import discord

    from bot.gateway import set_api_base
    from bot.run import BAD_TOKEN, NO_INTENT, StartError, read_token

    try:
        token = read_token(config)
    except StartError as error:
        yield Level.WRONG, str(error)
        return
    set_api_base(config.discord.api)
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(token)
        except discord.LoginFailure:
            yield Level.WRONG, BAD_TOKEN
            return
        except (OSError, discord.HTTPException) as error:
            yield Level.WRONG, f"Discord cannot be reached at {config.discord.api}: {error}"
            return
        yield Level.GOOD, f"the token is {client.user}'s"
        flags = (await client.application_info()).flags
        granted = flags.gateway_message_content or flags.gateway_message_content_limited
        if config.discord.message_content and not granted:
            yield Level.WRONG, NO_INTENT


async def _weights(config: Config) -> Findings:
    from dream.backbone.loading import statuses

    for status in statuses(config.weights.inception_v3):
        named = not status.ready and config.weights.inception_v3
        level = Level.GOOD if status.ready else Level.WRONG if named else Level.NOTE
        yield level, f"{status.network}: {status.detail}"


async def _farm(config: Config) -> Findings:
    from dream.farm import Farm, FarmError

    if not config.farm.scheduler:
        from dream import cluster

        workers = len(cluster.worker_environments(config.farm.workers, config.farm.threads))
        gpus = len(cluster.gpus())
        with_ = f"{gpus} GPU{'s' if gpus != 1 else ''}" if gpus else f"no GPU, {os.cpu_count()} CPU cores"
        yield Level.GOOD, f"{workers} worker{'s' if workers != 1 else ''} on this machine, which has {with_}"
        if fault := cluster.too_little_memory(config.farm.memory_limit, workers):
            yield Level.WRONG, fault
        return
    try:
        async with Farm(**config.farm.model_dump()) as farm:
            status = await farm.status()
    except FarmError as error:
        yield Level.WRONG, str(error)
        return
    for warning in status.warnings:
        yield Level.NOTE, warning
    if status.workers:
        yield Level.GOOD, f"{status.workers} workers at {status.scheduler}"
    else:
        yield (
            Level.NOTE,
            f"no worker at {status.scheduler}: start some with `dreambot worker {status.scheduler}`",
        )


async def _pictures(config: Config) -> Findings:
    from PIL import features

    missing = [name for name in ("jpg", "zlib", "webp", "avif") if not features.check(name)]
    if missing:
        yield Level.NOTE, f"this Pillow cannot read {', '.join(missing)}: install Pillow's own wheel"
    else:
        yield Level.GOOD, "JPEG, PNG, WebP, AVIF and HEIC can be read"


CHECKS: tuple[Callable[[Config], Findings], ...] = (
    _data_folder,
    _database,
    _discord,
    _weights,
    _farm,
    _pictures,
)
