"""What Discord calls permissions in the settings of roles, for people who look for them there."""

from __future__ import annotations

from typing import Final

from dream.texts import Text

NAMES: Final = {
    "view_channel": Text("View Channel"),
    "read_messages": Text("View Channel"),
    "send_messages": Text("Send Messages"),
    "send_messages_in_threads": Text("Send Messages in Threads"),
    "create_public_threads": Text("Create Public Threads"),
    "embed_links": Text("Embed Links"),
    "attach_files": Text("Attach Files"),
    "read_message_history": Text("Read Message History"),
    "add_reactions": Text("Add Reactions"),
    "manage_messages": Text("Manage Messages"),
    "manage_guild": Text("Manage Server"),
}


def permission_name(permission: str) -> str:
    """The name of one of discord.py's permissions."""
    return str(NAMES[permission]) if permission in NAMES else permission.replace("_", " ").title()
