"""Implements the daily dream's interface to servers with discord.py."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

import discord

from bot.daily.servers import Server
from bot.daily.sources import Source
from bot.delivery.member_pictures import member_pictures, names_in
from bot.errors import Refused
from bot.language import speaking, spoken
from bot.settings.service import Settings
from bot.settings.values import DailyDream
from bot.store.daily import PostRow
from bot.ui.daily_post import DISLIKE
from bot.ui.permission_names import permission_name
from bot.visibility import is_no_less_public, may_be_source
from dream.suggestions import both
from dream.texts import Text, _, text_of

log = logging.getLogger(__name__)

NEEDED: Final = ("view_channel", "send_messages", "attach_files")
"""The permissions needed to post."""


class DiscordServers:
    """Implements `bot.daily.servers.Servers`; there are no servers before `attach` is called.

    Pictures larger than `max_bytes` are skipped.
    """

    def __init__(self, max_bytes: int, settings: Settings) -> None:
        self._max_bytes, self._settings = max_bytes, settings
        self._client: discord.Client | None = None

    def attach(self, client: discord.Client) -> None:
        """Set the client to use."""
        self._client = client

    @property
    def ready(self) -> bool:
        """Whether the client has received its servers."""
        return self._client is not None and self._client.is_ready()

    def get(self, guild_id: int) -> Server | None:
        """A server; None if it is not in the client's cache, or unavailable at the moment."""
        guild = self.guild(guild_id)
        return Server(guild.id, guild.member_count or 0, guild.filesize_limit) if guild else None

    def guild(self, guild_id: int) -> discord.Guild | None:
        """The same as discord.py's object."""
        guild = self._client.get_guild(guild_id) if self._client else None
        return None if guild is None or guild.unavailable else guild

    async def language_of(self, guild: discord.Guild) -> str:
        """The language of what everybody reads on a server."""
        return spoken(guild.preferred_locale, (await self._settings.effective(guild.id)).language)

    def guild_channel(self, guild_id: int, channel_id: int | None) -> discord.TextChannel | None:
        """A text channel, if it is there and the server is available."""
        guild = self.guild(guild_id)
        channel = guild and guild.get_channel(channel_id or 0)
        return channel if isinstance(channel, discord.TextChannel) else None

    def partial_channel(self, guild_id: int, channel_id: int | None) -> discord.PartialMessageable:
        """A channel to call Discord with, whether or not it is there."""
        assert self._client is not None
        return self._client.get_partial_messageable(channel_id or 0, guild_id=guild_id)

    def channel(self, guild_id: int, channel_id: int | None) -> discord.TextChannel:
        """The channel to post in. Raises Refused if it is gone or the bot lacks a permission there."""
        guild = self.guild(guild_id)
        channel = guild and guild.get_channel(channel_id or 0)
        if not isinstance(channel, discord.TextChannel):
            raise Refused(
                Text("The channel of the daily dream is gone; choose one with `daily on #channel`.")
            )
        may = channel.permissions_for(channel.guild.me)
        if missing := [permission_name(right) for right in NEEDED if not getattr(may, right)]:
            raise Refused(
                Text(
                    "I need the permission {permissions} in {channel}.",
                    permissions=both(missing),
                    channel=channel.mention,
                )
            )
        return channel

    def obstacle(self, guild_id: int, channel_id: int | None) -> Text | None:
        """A sentence for admins on why nothing can be posted in a channel, or None."""
        try:
            self.channel(guild_id, channel_id)
        except Refused as refused:
            return text_of(refused)
        return None

    async def member_pictures(self, guild_id: int, settings: DailyDream, since: datetime) -> list[Source]:
        """The pictures of the source channels that are no less public than the target."""
        guild = self.guild(guild_id)
        if guild is None:
            return []
        target = guild.get_channel(settings.daily_channel)
        found: list[Source] = []
        for channel in map(guild.get_channel, settings.daily_source_channels):
            if may_be_source(channel) and is_no_less_public(channel, target):
                found += [one async for one in member_pictures(channel, since, self._max_bytes)]
        return found

    def may_show(self, post: PostRow) -> bool:
        """Whether a post's source channel is no less public than where it will be posted."""
        guild = self.guild(post.guild_id)
        source = guild and guild.get_channel(post.source_channel_id or 0)
        target = guild and guild.get_channel(post.channel_id or 0)
        return may_be_source(source) and is_no_less_public(source, target or None)

    async def remaining_pictures(self, post: PostRow) -> set[str] | None:
        """The names of the pictures now in the source message of a post; None if unknown."""
        try:
            return names_in(
                await self._message(post.guild_id, post.source_channel_id, post.source_message_id)
            )
        except (discord.NotFound, discord.Forbidden):
            return set()
        except Exception as error:  # Discord is away, or the message is one that discord.py cannot read
            log.info("the picture of post %s cannot be checked: %r", post.id, error)
            return None

    async def votes(self, post: PostRow) -> int | None:
        """The members' reactions to a post: dislikes count -1, all others +1. None if unknown."""
        try:
            message = await self._message(post.guild_id, post.channel_id, post.message_id)
            return sum(
                (reaction.count - reaction.me) * (-1 if str(reaction.emoji) == DISLIKE else 1)
                for reaction in message.reactions
            )
        except Exception as error:  # votes are optional: the next dream is made without them
            log.info("the votes of post %s cannot be read: %r", post.id, error)
            return None

    async def _message(
        self, guild_id: int, channel_id: int | None, message_id: int | None
    ) -> discord.Message:
        """Fetch a message. Raises discord.py's errors, and LookupError if its server is unavailable."""
        if self._client is None or self.guild(guild_id) is None:
            raise LookupError(f"server {guild_id} is out of reach")
        return await self.partial_channel(guild_id, channel_id).fetch_message(message_id or 0)

    async def notify_admins(self, guild_id: int, admin_id: int | None, reason: Text) -> None:
        """Report a failure in the updates channel, by direct message, or in the system channel."""
        guild = self.guild(guild_id)
        if guild is None or self._client is None:
            return
        name = discord.utils.escape_markdown(guild.name)
        with speaking(await self.language_of(guild)):
            text = _(
                "🌧️ The daily dream of **{server}** could not be posted. {reason}", server=name, reason=reason
            )
        for channel in (guild.public_updates_channel, admin_id, guild.owner_id, guild.system_channel):
            try:
                if isinstance(channel, int):
                    await (await self._client.create_dm(discord.Object(channel))).send(text)
                elif channel is not None:
                    await channel.send(text)
                else:
                    continue
            except discord.HTTPException:
                continue
            return
        log.warning("no admin of server %s could be told: %s", guild_id, reason)
