"""The pictures in a message, wherever Discord keeps them. No other address than Discord's is ever fetched."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Final

import aiohttp
import discord
from yarl import URL

from dream.formats import is_film, is_picture

HOSTS: Final = frozenset(
    {
        "cdn.discordapp.com",
        "media.discordapp.net",
        "images-ext-1.discordapp.net",
        "images-ext-2.discordapp.net",
    }
)
"""Discord's content delivery network, and its proxies of what stands elsewhere."""
AVATAR_SIZE: Final = 1024

_EMOJI: Final = re.compile(r"<(a?):(\w{2,32}):(\d{15,20})>")
_MENTION: Final = re.compile(r"<@!?(\d{15,20})>")
_LINK: Final = re.compile(r"<?https?://\S+", re.IGNORECASE)
_SPOILER: Final = re.compile(r"\|\|(.+?)\|\|", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or clip that Discord serves; `size` is in bytes, None where Discord does not tell it."""

    name: str
    size: int | None
    is_spoiler: bool
    read: Callable[[], Awaitable[bytes]]
    is_explicit: bool = False
    """Whether Discord marks it as such."""


def is_served_by_discord(url: str) -> bool:
    """Whether an address is one of Discord's own hosts, by HTTPS at its usual port, with no user named."""
    try:
        parsed = URL(url)
        return (
            parsed.scheme == "https"
            and parsed.raw_host in HOSTS
            and parsed.port == 443
            and parsed.raw_user is None
            and parsed.raw_password is None
        )
    except ValueError:
        return False


def refuse_redirects() -> aiohttp.TraceConfig:
    """What keeps a session from following a redirect to a host that is none of Discord's.

    The request then raises aiohttp.ClientError.
    """

    async def check(
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestRedirectParams,
    ) -> None:
        target = params.url.join(URL(params.response.headers.get("Location", "")))
        if target.origin() != params.url.origin() and not is_served_by_discord(str(target)):
            raise aiohttp.ClientError(f"a redirect to {target.host} is not followed")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(check)
    return trace


def of_attachment(attachment: discord.Attachment) -> Media:
    """An attached file, whatever it is."""
    is_explicit = attachment.flags.contains_explicit_media
    return Media(attachment.filename, attachment.size, attachment.is_spoiler(), attachment.read, is_explicit)


def of_avatar(user: discord.User | discord.Member) -> Media:
    """The avatar that somebody shows."""
    avatar = user.display_avatar.with_static_format("png").with_size(AVATAR_SIZE)
    return Media(f"{user.id}.png", None, False, avatar.read)


def media_of(message: discord.Message) -> list[Media]:
    """The pictures and clips attached to a message, else its links' previews, else those that it forwards.

    What they really are, a worker finds out.
    """
    found = _shown_in(message, message)
    for snapshot in message.message_snapshots if not found else ():
        found += _shown_in(snapshot, message)
    return found


def small_media_of(message: discord.Message) -> list[Media]:
    """The stickers of a message, else the custom emoji of its text; not those that are drawn by a program."""
    stickers = [
        Media(sticker.name, None, False, sticker.read)
        for sticker in message.stickers
        if sticker.format is not discord.StickerFormatType.lottie
    ]
    return stickers or [
        Media(emoji.name, None, False, partial(_read, message, emoji.url))
        for emoji in _emoji_in(message.content)
    ]


def mentioned_in(words: str) -> list[int]:
    """The ids of the members that some words mention."""
    return [int(id) for id in _MENTION.findall(words)]


def has_link(words: str) -> bool:
    """Whether some words hold a link."""
    return _LINK.search(words) is not None


def without_pictures(words: str) -> str:
    """The words without the mentions, links and custom emoji in them."""
    for pattern in (_MENTION, _LINK, _EMOJI):
        words = pattern.sub(" ", words)
    return " ".join(words.split())


def _shown_in(shown: discord.Message | discord.MessageSnapshot, message: discord.Message) -> list[Media]:
    attached = [
        of_attachment(file)
        for file in shown.attachments
        if is_picture(file.filename, file.content_type) or is_film(file.filename, file.content_type)
    ]
    hidden = "\n".join(_SPOILER.findall(shown.content))
    return attached or [
        Media(
            URL(url).name,
            None,
            bool(embed.url and embed.url in hidden),
            partial(_read, message, url),
            embed.flags.contains_explicit_media,
        )
        for embed in shown.embeds
        if (url := next(_addresses(embed), None))
    ]


def _addresses(embed: discord.Embed) -> Iterator[str]:
    """Where Discord serves what an embed shows; a GIF of Tenor's or Giphy's is a silent video."""
    shown = [embed.video] if embed.type == "gifv" else []
    for media in (*shown, embed.image, embed.thumbnail):
        for url in (media.proxy_url, media.url):
            if url and is_served_by_discord(url):
                yield url


def _emoji_in(text: str) -> Iterator[discord.PartialEmoji]:
    for animated, name, id in _EMOJI.findall(text):
        yield discord.PartialEmoji(name=name, id=int(id), animated=bool(animated))


async def _read(message: discord.Message, url: str) -> bytes:
    data: bytes = await message._state.http.get_from_cdn(url)
    return data
