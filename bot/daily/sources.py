"""What a daily dream is made from: members' pictures, the operator's folder, the samples, generated skies."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeGuard

import discord

log = logging.getLogger(__name__)

WEIGHTS: Final = {"members": 6, "folder": 3, "samples": 1, "sky": 1}
"""The kinds of source, and how often each is taken while it has fresh pictures."""
SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".gif", ".bmp", ".tif", ".tiff"}
)
HISTORY: Final = 500
"""Messages that are looked through in each channel, the newest first."""

Read = Callable[[], Awaitable[bytes]]
Messageable = discord.TextChannel | discord.Thread | discord.VoiceChannel | discord.StageChannel
"""The channels of a server that hold messages."""


@dataclass(frozen=True, slots=True)
class Source:
    """One picture that could be dreamt; `name` knows it again, `read` fetches its bytes (a sky has none)."""

    kind: str
    name: str
    read: Read | None = field(default=None, compare=False)
    author_id: int | None = None
    channel_id: int | None = None
    message_id: int | None = None


def folder_pictures(kind: str, folder: Path | None) -> list[Source]:
    """The pictures in a folder and the folders in it."""
    if folder is None or not folder.is_dir():
        return []
    return [
        Source(
            kind, f"{kind}/{path.relative_to(folder).as_posix()}", partial(asyncio.to_thread, path.read_bytes)
        )
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]


async def member_pictures(channels: Iterable[object], after: datetime, max_bytes: int) -> list[Source]:
    """The pictures that members posted in these channels since a moment.

    Passed over are spoilers, age-restricted channels, bots' and webhooks' messages, files that are no
    pictures or too large, and channels that the bot may not read.
    """
    found = []
    for channel in channels:
        if not readable(channel):
            continue
        try:
            async for message in channel.history(limit=HISTORY, after=after, oldest_first=False):
                if message.author.bot or message.webhook_id:
                    continue
                found += [
                    Source(
                        "members",
                        _name(picture),
                        picture.read,
                        message.author.id,
                        channel.id,
                        message.id,
                    )
                    for picture in message.attachments
                    if is_picture(picture) and picture.size <= max_bytes
                ]
        except discord.HTTPException as error:
            log.info("the pictures of channel %s cannot be looked through: %s", channel.id, error)
    return found


def names_in(message: discord.Message) -> set[str]:
    """The names of the pictures in a message that may be dreamt."""
    return {_name(picture) for picture in message.attachments if is_picture(picture)}


def is_picture(attachment: discord.Attachment) -> bool:
    """Whether an attachment says that it is a picture, and not a hidden one."""
    kind = (attachment.content_type or "").startswith("image/") and "svg" not in (
        attachment.content_type or ""
    )
    return (kind or Path(attachment.filename).suffix.lower() in SUFFIXES) and not attachment.is_spoiler()


def _name(attachment: discord.Attachment) -> str:
    return f"attachment/{attachment.id}"


def readable(channel: object) -> TypeGuard[Messageable]:
    """Whether pictures may be taken from a channel: not age-restricted, and the bot can read its past."""
    if not isinstance(channel, Messageable) or channel.is_nsfw():
        return False
    permissions = channel.permissions_for(channel.guild.me)
    return permissions.read_messages and permissions.read_message_history


def sky(rng: random.Random, used: Container[str] = ()) -> Source:
    """A generated sky, named by its seed, which is none of those `used`."""
    while (name := f"sky/{rng.randrange(1_000_000)}") in used:
        pass
    return Source("sky", name)


def pick(
    candidates: Mapping[str, Sequence[Source]],
    used: Mapping[str, datetime],
    barred: Collection[str],
    rng: random.Random,
) -> Source | None:
    """Choose among the kinds by their weights, then among a kind's pictures evenly.

    `used` tells when a picture was last dreamt: those are passed over while others are left, then taken again
    beginning with the one unseen the longest. `barred` ones are never taken. None if nothing is left.
    """
    allowed = {
        kind: [one for one in sources if one.name not in barred] for kind, sources in candidates.items()
    }
    fresh = {
        kind: left
        for kind, sources in allowed.items()
        if (left := [s for s in sources if s.name not in used])
    }
    if fresh:
        kinds = sorted(fresh)
        kind = rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
        return rng.choice(fresh[kind])
    return min(
        (one for sources in allowed.values() for one in sources), key=lambda s: used[s.name], default=None
    )


def walk(votes: Sequence[tuple[str, int]], presets: Collection[str], rng: random.Random) -> str:
    """The next preset of a random walk: never the same twice running, better liked ones more often.

    `votes` are the preset and the votes of each earlier post, in order. A preset weighs two to the power of
    its mean of votes, between 1/4 and 4; one that was not tried yet weighs 1.
    """
    steps = sorted(presets)
    if len(steps) > 1 and votes:
        steps = [preset for preset in steps if preset != votes[-1][0]] or steps

    def weight(preset: str) -> float:
        earned = [count for name, count in votes if name == preset]
        # Two imagined posts without votes keep one loud day from deciding everything.
        return float(2.0 ** max(-2.0, min(2.0, sum(earned) / (len(earned) + 2))))

    return rng.choices(steps, [weight(preset) for preset in steps])[0]
