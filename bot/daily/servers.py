"""What the daily dream needs to know of Discord's servers, and to do there; Discord's side implements it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from bot.daily.settings import DailySettings
from bot.daily.sources import Source
from bot.store.daily import PostRow


class Server(NamedTuple):
    """A server as it is now: how many members it has, and the largest file, in bytes, that it takes."""

    id: int
    members: int
    upload_limit: int


class Servers(Protocol):
    """The servers that this process serves."""

    @property
    def ready(self) -> bool:
        """Whether they are known yet."""

    def get(self, guild_id: int) -> Server | None:
        """A server; None if it is not served here, or out of reach for the moment."""

    def obstacle(self, guild_id: int, channel_id: int | None) -> str | None:
        """Why nothing can be posted in a channel: a sentence for admins, or None."""

    async def member_pictures(self, settings: DailySettings, since: datetime) -> list[Source]:
        """The pictures that members posted since a moment in the source channels.

        A source channel counts only while everybody who sees the channel of the daily dream sees it, too.
        """

    def may_show(self, post: PostRow) -> bool:
        """Whether that still holds for the source channel of a post."""

    async def remaining_pictures(self, post: PostRow) -> set[str] | None:
        """The names of the pictures that the message of a post's source holds now; None if it is unknown."""

    async def votes(self, post: PostRow) -> int | None:
        """The likes under a post less the dislikes; None if they cannot be read."""

    async def notify_admins(self, guild_id: int, admin_id: int | None, reason: str) -> None:
        """Say that the daily dream failed, and why; to this admin if no channel can be written to."""
