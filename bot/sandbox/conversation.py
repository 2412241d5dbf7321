"""What one person sees of the sandbox, as JSON for the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import discord
import simcord
from discord import app_commands
from yarl import URL

from bot.sandbox.markdown import html
from bot.sandbox.server import Person, Sandbox

Json = dict[str, Any]

CONTEXT_MENUS = (discord.AppCommandType.message, discord.AppCommandType.user)


@dataclass
class Conversation:
    """All channels that a person sees, and what has changed in them since it was last asked for.

    The files that messages show are added to `files`, by the path under which the page serves them.
    """

    sandbox: Sandbox
    person: Person
    files: dict[str, discord.Attachment]
    _shown: dict[int, dict[int, str]] = field(default_factory=dict)
    """The messages that the page has, by channel, as JSON."""
    _channels: list[Json] = field(default_factory=list)

    def news(self) -> Json:
        """What the page does not have yet: its channels if they are others now, and messages by channel."""
        names = names_of(self.sandbox)
        visible = {
            channel.id: (channel, said) for channel, said in readable_channels(self.sandbox, self.person)
        }
        news: Json = {}
        described = [describe_channel(self.sandbox, channel) for channel, _ in visible.values()]
        if described != self._channels:
            news["channels"] = self._channels = described
        changed: Json = {}
        for id, (_, said) in visible.items():
            before = self._shown.get(id)
            now = {message.id: json.dumps(self._describe(message, names)) for message in said}
            if now != before:
                known = before or {}
                changed[str(id)] = {
                    "order": [str(message) for message in now],
                    "messages": [json.loads(text) for key, text in now.items() if known.get(key) != text],
                }
                self._shown[id] = now
        if changed:
            news["changed"] = changed
        return news

    def _describe(self, message: discord.Message, names: Mapping[int, str]) -> Json:
        attached: dict[str, str] = {}
        for file in message.attachments:
            self.files[path_of(file.url)] = file
            attached[file.filename] = path_of(file.url)
        asked = message.interaction_metadata
        return {
            "id": str(message.id),
            "author": describe_author(message.author),
            "seconds": message.created_at.timestamp(),
            "edited": message.edited_at is not None,
            "text": message.content,
            "html": html(message.content, names),
            "reply": _describe_reply(message, names),
            "asker": names.get(asked.user.id) if asked else None,
            "attachments": [_describe_file(file) for file in message.attachments],
            "embeds": [_describe_embed(embed, names, attached) for embed in message.embeds],
            "components": [describe_component(part.to_dict()) for part in message.components],
            "ephemeral": message.flags.ephemeral,
            "thinking": message.flags.loading,
            "pinned": message.pinned,
            "reactions": [
                {
                    "emoji": str(one.emoji),
                    "count": one.count,
                    "mine": (self.person.user.id, message.id, str(one.emoji)) in self.sandbox.reactions,
                }
                for one in message.reactions
            ],
            "mine": message.author.id == self.person.user.id,
        }


def channels_of(sandbox: Sandbox, person: Person) -> Iterator[simcord.ChannelHandle]:
    """The channels of a person's servers, visible to them or not, with threads, and the direct message."""
    for guild in sandbox.guilds:
        if guild.id in person.members:
            for channel in guild.channels.values():
                if not channel.is_thread:
                    yield channel
                    yield from channel.threads
    yield person.user.dm_channel


def readable_channels(
    sandbox: Sandbox, person: Person
) -> Iterator[tuple[simcord.ChannelHandle, list[discord.Message]]]:
    """The channels that a person may read, each with what was said there."""
    for channel in channels_of(sandbox, person):
        try:
            said = channel.history(viewer=actor_in(person, channel))
        except simcord.SetupError:
            continue
        yield channel, said


def actor_in(person: Person, channel: simcord.ChannelHandle) -> simcord.MemberActor | simcord.UserHandle:
    """Who a person is in a channel: a member of its server, or themselves in a direct message."""
    return person.members[channel.guild.id] if channel.guild else person.user


def names_of(sandbox: Sandbox) -> dict[int, str]:
    """What people, roles and channels are called, by id."""
    names = {person.user.id: person.name for person in sandbox.people.values()}
    names[sandbox.bot_user.id] = sandbox.bot_user.name
    for guild in sandbox.guilds:
        names[guild.owner.id] = guild.owner.global_name or guild.owner.name
        names |= {role.id: role.name for role in guild.roles.values()}
        names |= {channel.id: channel.name or "" for channel in guild.channels.values()}
    return names


def path_of(url: str) -> str:
    """The path under which the page serves a file of Discord's."""
    return "/media" + URL(url).path.removeprefix("/attachments")


def describe_channel(sandbox: Sandbox, channel: simcord.ChannelHandle) -> Json:
    """A channel for the page's list, with whom and what the members of its server may be asked to choose."""
    known = sandbox.env.bot.get_channel(channel.id)
    return {
        "id": str(channel.id),
        "name": channel.name or sandbox.bot_user.name,
        "topic": getattr(known, "topic", None) or "",
        "server": channel.guild.name if channel.guild else None,
        "kind": "thread" if channel.is_thread else "text" if channel.guild else "dm",
    }


def entities(sandbox: Sandbox, person: Person, channel: simcord.ChannelHandle) -> Json:
    """Whom and what one can choose in a channel where Discord offers its people, roles and channels."""
    guild = channel.guild
    if guild is None:
        return {"users": [_named(person.user.id, person.name)], "roles": [], "channels": []}
    members = [other for other in sandbox.people.values() if guild.id in other.members]
    return {
        "users": [_named(other.user.id, other.name) for other in members],
        "roles": [_named(role.id, role.name) for role in guild.roles.values()],
        "channels": [
            _named(visible.id, f"#{visible.name}")
            for visible, _ in readable_channels(sandbox, person)
            if visible.guild and visible.guild.id == guild.id and not visible.is_thread
        ],
    }


def commands(sandbox: Sandbox, person: Person, channel: simcord.ChannelHandle) -> Json:
    """The slash commands that a person may use in a channel, and the entries of the Apps menus."""
    tree = sandbox.app.bot.tree
    actor = actor_in(person, channel)
    if isinstance(actor, simcord.MemberActor):
        available = actor.available_commands(channel)
    else:
        available = actor.available_commands()
    of_message, of_user = (tree.get_commands(type=type) for type in CONTEXT_MENUS)
    slash = {
        command.qualified_name: command
        for command in tree.walk_commands(type=discord.AppCommandType.chat_input)
        if isinstance(command, app_commands.Command)
    }
    return {
        "slash": [
            {
                "name": name,
                "description": slash[name].description,
                "options": [
                    option
                    for option in slash[name].to_dict(tree)["options"]
                    if option["type"] > 2  # no groups
                ],
            }
            for name in available
            if name in slash
        ],
        "message": [menu.name for menu in of_message],
        "user": [menu.name for menu in of_user] if channel.guild else [],
        "entities": entities(sandbox, person, channel),
    }


def describe_author(author: discord.User | discord.Member) -> Json:
    """Who wrote a message."""
    return {"id": str(author.id), "name": author.display_name, "bot": author.bot}


def _named(id: int, name: str) -> Json:
    return {"id": str(id), "name": name}


def _describe_reply(message: discord.Message, names: Mapping[int, str]) -> Json | None:
    if message.reference is None or message.reference.message_id is None:
        return None
    original = message.reference.resolved
    if not isinstance(original, discord.Message):
        return {"id": str(message.reference.message_id), "author": None, "html": "", "picture": False}
    first = original.content.partition("\n")[0]
    return {
        "id": str(original.id),
        "author": original.author.display_name,
        "html": html(first, names),
        "picture": bool(original.attachments),
    }


def _describe_file(file: discord.Attachment) -> Json:
    return {
        "name": file.filename.removeprefix("SPOILER_"),
        "url": path_of(file.url),
        "type": file.content_type or "",
        "bytes": file.size,
        "alt": file.description or "",
        "spoiler": file.is_spoiler(),
    }


def _describe_embed(embed: discord.Embed, names: Mapping[int, str], attached: Mapping[str, str]) -> Json:
    return {
        "title": html(embed.title or "", names),
        "url": embed.url,
        "color": str(embed.color) if embed.color else None,
        "html": html(embed.description or "", names),
        "fields": [
            {
                "name": html(item.name or "", names),
                "html": html(item.value or "", names),
                "inline": item.inline,
            }
            for item in embed.fields
        ],
        "image": _media_url(embed.image.url, attached),
        "footer": embed.footer.text,
    }


def describe_component(part: Mapping[str, Any]) -> Json:
    """A component, or a form, as Discord sends it, with ids as text: JavaScript's numbers are too short."""
    return {key: _with_long_ids(value) for key, value in part.items()}


def _with_long_ids(value: Any) -> Any:
    if isinstance(value, Mapping):
        return describe_component(value)
    if isinstance(value, list):
        return [_with_long_ids(item) for item in value]
    return str(value) if isinstance(value, int) and value > 2**53 else value


def _media_url(url: str | None, attached: Mapping[str, str]) -> str | None:
    """Where the page finds a file: only what was uploaded here can be shown."""
    if not url:
        return None
    name = url.rpartition("/")[2]
    return attached.get(name) or (path_of(url) if "/attachments/" in url else None)
