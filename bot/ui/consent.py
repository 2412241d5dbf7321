"""The buttons of whoever posted a picture on which somebody else dreams."""

from __future__ import annotations

from typing import Final

import discord

from bot.errors import Refused
from bot.queue.queue import CONSENT_WITHIN, NOT_ANSWERED, PICTURE_DELETED
from bot.store.jobs import Job, State
from bot.ui.components import Interaction, JobButton
from bot.ui.errors import send_ephemeral
from dream.texts import Text, _, ngettext

ALREADY_DECIDED: Final = Text("That is decided already.")
DECLINED: Final = Text("Whoever posted the picture would rather not.")


class Consent(JobButton):
    """Let somebody dream on one's picture."""

    key, label, emoji = "consent", Text("Yes, they may"), "✅"

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Let the dream wait for its turn. Raises Refused for anybody but whose picture it is."""
        await _check_asked(interaction, row)
        queue = interaction.client.queue
        if queue.clock.now() - row.created_at > CONSENT_WITHIN:
            await queue.cancel(row.id, NOT_ANSWERED)
            raise Refused(Text("That question has ended; they can ask again."))
        if not await _is_still_there(interaction, row):
            await queue.cancel(row.id, PICTURE_DELETED)
            raise Refused(Text("That picture is gone, so nobody dreams on it."))
        await interaction.response.defer()
        if not await queue.consent(row.id):
            raise Refused(ALREADY_DECIDED)
        await send_ephemeral(
            interaction,
            _(
                "✅ <@{member_id}> may dream on your picture. ⋯ under a dream withdraws it.",
                member_id=row.member_id,
            ),
        )


class Decline(JobButton):
    """Let somebody not dream on one's picture."""

    key, label = "decline", Text("No")

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Cancel the dream. Raises Refused for anybody but whose picture it is."""
        await _check_asked(interaction, row)
        await interaction.response.defer()
        if not await interaction.client.queue.cancel(row.id, DECLINED):
            raise Refused(ALREADY_DECIDED)


async def _check_asked(interaction: Interaction, row: Job) -> None:
    """Raise Refused for a question that is not the presser's, or is none any more."""
    if interaction.user.id != row.author_id:
        raise Refused(Text("Only whoever posted the picture can decide that."))
    if row.state is not State.HELD:
        raise Refused(ALREADY_DECIDED)


async def _is_still_there(interaction: Interaction, row: Job) -> bool:
    """Whether the message with the picture is, or cannot be looked for."""
    if row.origin_channel_id is None or row.origin_message_id is None:
        return True
    channel = interaction.client.get_partial_messageable(row.origin_channel_id, guild_id=row.guild_id)
    try:
        await channel.fetch_message(row.origin_message_id)
    except discord.NotFound:
        return False
    except discord.HTTPException:
        return True
    return True


class Withdraw(JobButton):
    """Take all dreams of one's picture away."""

    key, label, emoji, line = "withdraw", Text("Withdraw my picture"), "🚫", 2

    async def act(self, interaction: Interaction, row: Job) -> None:
        """Erase every dream that grew from it. Raises Refused for anybody but whose picture it is."""
        if interaction.user.id != row.author_id:
            raise Refused(Text("Only whoever posted the picture can withdraw it."))
        await interaction.response.defer()
        count = await interaction.client.queue.withdraw(row)
        done = ngettext(
            "🚫 Your picture is withdrawn: the dream of it is taken back. Its own message is yours to "
            "delete.",
            "🚫 Your picture is withdrawn: all {count} dreams of it are taken back. Its own message is yours "
            "to delete.",
            count,
        )
        await interaction.edit_original_response(content=done, view=None)
