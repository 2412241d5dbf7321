"""A flood of text commands is answered once, and other members as ever."""

from __future__ import annotations

from datetime import timedelta

from bot.command_rate import CommandRate
from tests.support.talk import Talk


async def test_a_flood_is_answered_once_and_others_as_ever(talk: Talk) -> None:
    talk.bot._command_rate = CommandRate(6)
    try:
        answers = [await talk.says(talk.alice, "!queue") for _ in range(10)]
        assert all("Nobody is waiting" in answer for answer in answers[:6])
        assert "That was quick! Please try again in" in answers[6]
        assert answers[7:] == ["", "", ""]
        assert await talk.says(talk.alice, "!quueu") == ""
        assert "Nobody is waiting" in await talk.says(talk.bob, "!queue")
        await talk.env.advance_time(timedelta(seconds=11).total_seconds())
        assert "Nobody is waiting" in await talk.says(talk.alice, "!queue")
    finally:
        talk.bot._command_rate = CommandRate(0)
