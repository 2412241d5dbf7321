"""Links to messages."""


def message_url(guild_id: int | None, channel_id: int | None, message_id: int | None) -> str:
    """The link to a message of a server, or of direct messages."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"
