"""Attaching files, replying and the Apps menu in direct messages: SimCord's users have no methods for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
import simcord
from simcord import interactions
from simcord.backend import serializers
from simcord.enums import AppCommandType, InteractionType


async def send(
    env: simcord.Env,
    user: simcord.UserHandle,
    text: str,
    attachments: Sequence[tuple[str, bytes]] = (),
    reply_to: discord.Message | None = None,
) -> discord.Message:
    """Send the bot a message, with files, as a reply to another one of that conversation, or neither."""
    channel = user.dm_channel
    stored = env.backend.store_attachments(channel.id, attachments)
    reference = {"message_id": str(reply_to.id)} if reply_to else None
    reference = env.backend.normalize_message_reference(channel.id, reference)
    return await user.send_dm(text, attachments=stored, reference=reference)


async def context_menu(
    env: simcord.Env, user: simcord.UserHandle, name: str, target: discord.Message
) -> simcord.InteractionResult:
    """Use an entry of a message's Apps menu. Raises StopIteration where there is no such entry."""
    channel, type = user.dm_channel, AppCommandType.MESSAGE
    said = serializers.message_payload(env.backend, env.backend.get_message(channel.id, target.id))
    offered = env.backend.visible_commands(user_id=user.id, channel_id=channel.id, type=type)
    data: dict[str, Any] = {
        "id": next(command["id"] for command in offered if command["name"] == name),
        "name": name,
        "type": type,
        "target_id": str(target.id),
        "resolved": {"messages": {str(target.id): dict(said)}},
    }
    record, payload = interactions.base_payload(
        env.backend,
        type=InteractionType.APPLICATION_COMMAND,
        channel_id=channel.id,
        guild_id=None,
        user_id=user.id,
        data=data,
    )
    env.backend.emit("INTERACTION_CREATE", payload)
    await env.settle()
    return simcord.InteractionResult(env, record)
