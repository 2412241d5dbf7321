"""Rows of what the bot has posted, for tests of what stands under such posts."""

from __future__ import annotations

import os

from bot.store.daily import PostRow, PostState
from bot.store.hall import StarredRow
from tests.support.world import START, World


def starred_row(world: World) -> StarredRow:
    """Alice's dream of which a copy stands in the hall of fame."""
    return StarredRow(
        job_id=os.urandom(8).hex(),
        guild_id=world.guild.id,
        channel_id=world.dreams.id,
        message_id=int.from_bytes(os.urandom(7)),
        member_id=world.alice.id,
        recipe="block3",
        spoiler=False,
        dreamt_at=START,
        post_channel_id=world.dreams.id,
    )


def post_row(world: World, job_id: str) -> PostRow:
    """A daily dream, a job's, that was posted."""
    return PostRow(
        guild_id=world.guild.id,
        slot=os.urandom(8).hex(),
        due_at=START,
        state=PostState.POSTED,
        kind="samples",
        source="samples/coffee.jpg",
        channel_id=world.dreams.id,
        job_id=job_id,
    )
