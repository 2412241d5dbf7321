"""The interface to Discord's servers that the daily dream needs; `bot.delivery` implements it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from bot.daily.sources import Source
from bot.settings.values import DailyDream
from bot.store.daily import PostRow
from dream.texts import Text


class Server(NamedTuple):
    """A server: its number of members, and its upload limit in bytes."""

    id: int
    members: int
    upload_limit: int


class Servers(Protocol):
    """The servers of this process's shards."""

    @property
    def ready(self) -> bool:
        """Whether Discord has sent them yet."""

    def get(self, guild_id: int) -> Server | None:
        """A server; None if it is another process's, or unavailable at the moment."""

    def obstacle(self, guild_id: int, channel_id: int | None) -> Text | None:
        """A sentence for admins on why nothing can be posted in a channel, or None."""

    async def member_pictures(self, guild_id: int, settings: DailyDream, since: datetime) -> list[Source]:
        """The pictures that members posted since `since` in the source channels.

        Channels that are less public than the channel of the daily dream are skipped.
        """

    def may_show(self, post: PostRow) -> bool:
        """Whether the source channel of a post is no less public than the channel of the post."""

    async def remaining_pictures(self, post: PostRow) -> set[str] | None:
        """The names of the pictures now in the source message of a post; None if unknown."""

    async def votes(self, post: PostRow) -> int | None:
        """The likes of a post minus the dislikes; None if unknown."""

    async def notify_admins(self, guild_id: int, admin_id: int | None, reason: Text) -> None:
        """Report a failure of the daily dream in a channel, or else to `admin_id` by direct message."""
