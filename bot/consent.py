"""Whether somebody may dream on a picture that somebody else posted, and what has to be asked first."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import discord

from bot.client import DreamBot
from bot.errors import Refused
from bot.queue.request import Origin
from bot.settings.scopes import Effective
from bot.store.jobs import Job
from bot.store.opt_outs import Matter
from bot.visibility import is_age_restricted
from dream.texts import Text

EXPLICIT: Final = Text(
    "Discord marks that picture as explicit, so I dream on it in age-restricted channels "
    "only; please use another, or ask me there."
)
MOST_QUESTIONS: Final = 4
"""Consents that a member may wait for at once."""


class Consent(NamedTuple):
    """Whether whoever posted a picture has to agree first, or when they agreed to an earlier dream of it."""

    is_needed: bool = False
    given_at: datetime | None = None


def check_explicit(origin: Origin, channel: Any) -> None:
    """Raise Refused for a picture that Discord marks as explicit, where not only adults see a channel."""
    if origin.explicit and not is_age_restricted(channel):
        raise Refused(EXPLICIT)


async def check_picture(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    effective: Effective,
    origin: Origin,
) -> Consent:
    """What somebody needs to dream on a picture. Raises Refused where they may not."""
    check_explicit(origin, channel)
    author_id = origin.author_id
    if author_id is None or author_id == who.id:
        return Consent()
    if await bot.opt_outs.among(Matter.PICTURES, [author_id]):
        raise Refused(
            Text("Whoever posted that picture wants nobody else to dream on it; please use one of yours.")
        )
    if effective.others_pictures == "everybody":
        return Consent()
    if effective.others_pictures == "own":
        raise Refused(
            Text("On this server you dream on your own pictures only; please post one, or reply to one.")
        )
    message_id = origin.message and origin.message[1]
    jobs = bot.queue.jobs
    if given_at := await jobs.consented_at(who.id, origin.parent, message_id):
        return Consent(given_at=given_at)
    if not await _can_be_asked(channel, author_id):
        raise Refused(Text("Whoever posted that picture can't be asked here; please use one of your own."))
    if len(await jobs.held(Job.member_id == who.id)) >= MOST_QUESTIONS:
        raise Refused(
            Text(
                "You wait for {count} answers already; please see what comes of them first.",
                count=MOST_QUESTIONS,
            )
        )
    return Consent(is_needed=True)


async def _can_be_asked(channel: Any, author_id: int) -> bool:
    """Whether somebody is a person who sees a channel."""
    try:
        member = await channel.guild.fetch_member(author_id)
    except discord.HTTPException:
        return False
    return not member.bot and bool(channel.permissions_for(member).view_channel)
