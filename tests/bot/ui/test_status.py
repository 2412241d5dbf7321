"""What a dream's message says, word for word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.store.jobs import Job, Kind, State
from bot.ui.status import status, when
from dream.render import Progress

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def dreaming(kind: Kind, recipe: str, step: int, steps: int, octave: int, octaves: int) -> str:
    """The message of a job that is being dreamt."""
    job = Job(id="1", kind=kind, state=State.DREAMING, recipe=recipe, spoiler=False, member_id=1)
    return status(job, progress=Progress(step, steps, octave, octaves, 0.0, step / steps)).content


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, ""),
        (0, ""),
        (3, "ready in a moment"),
        (12, "ready in about 15 s"),
        (31, "ready in about 45 s"),
        (50, "ready in about 1 min"),
        (101, "ready in about 1 min 45 s"),
        (590, f"ready at about <t:{NOW.timestamp() + 600:.0f}:t>"),
    ],
)
def test_a_countdown_never_turns_into_the_past(seconds: int, words: str) -> None:
    assert str(when(NOW + timedelta(seconds=seconds), NOW)) == words


def test_what_is_being_done_is_told_in_words() -> None:
    assert dreaming(Kind.DREAM, "block8", 20, 32, 4, 4).endswith(" · pass 4 of 4")
    assert "pass" not in dreaming(Kind.DREAM, "block8 octaves=1", 2, 8, 1, 1)


def test_a_video_counts_frames() -> None:
    zoom = "block3 octaves=4 zoom=1.1 seconds=1"  # 24 frames, and 8 more that are faded into the first ones
    assert dreaming(Kind.ZOOM, zoom, 32, 64, 4, 5).endswith(" · pass 4 of 4")
    assert dreaming(Kind.ZOOM, zoom, 33, 64, 5, 5).endswith(" · frame 1 of 24")
    assert dreaming(Kind.ZOOM, zoom, 60, 64, 5, 5).endswith(" · frame 20 of 24")
    assert dreaming(Kind.ZOOM, "block3 zoom=1 seconds=1", 32, 32, 4, 4).endswith(" · pass 4 of 4")


@pytest.mark.parametrize("state", [State.QUEUED, State.DREAMING])
def test_what_a_dream_grows_from_is_told_while_it_is_waited_for(state: State) -> None:
    job = Job(
        id="1",
        kind=Kind.DREAM,
        state=state,
        recipe="block8",
        spoiler=False,
        member_id=7,
        action="wilder",
        parent="0",
        guild_id=5,
        channel_id=6,
        origin_channel_id=6,
        origin_message_id=9,
    )
    assert status(job).content.endswith(
        "`block8` for <@7> · wilder than [this dream](<https://discord.com/channels/5/6/9>)"
    )


def done(**columns: Any) -> str:
    """The message of a finished dream."""
    job = Job(
        id="1",
        kind=Kind.DREAM,
        state=State.DONE,
        recipe="block8 seed=1",
        spoiler=False,
        member_id=7,
        **columns,
    )
    return status(job).content


def test_an_answer_names_the_preset_first_and_says_who_asked_and_what_it_grew_from() -> None:
    assert done(preset="serpents") == "✨ **Serpents** for <@7>"
    assert done(preset="mix") == "✨ **mix** for <@7>"  # a server's own
    place = {"guild_id": 5, "channel_id": 6, "origin_channel_id": 6, "origin_message_id": 9}
    assert done(action="deeper", parent="0", **place) == (
        "✨ **Dreamt** for <@7> · deeper from [this dream](<https://discord.com/channels/5/6/9>)"
    )
    assert done(author_id=8, **place).endswith(
        "from [this picture](<https://discord.com/channels/5/6/9>) by <@8>"
    )
    assert done(author_id=7, **place) == "✨ **Dreamt** for <@7>"
    elsewhere = place | {"origin_channel_id": 60}
    assert done(action="deeper", parent="0", **elsewhere).endswith("deeper from another dream")
