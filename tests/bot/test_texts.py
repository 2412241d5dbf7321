"""Whatever people type is read or refused in a sentence, at a cost that grows no faster than the text."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.seeing import DreamOf
from bot.durations import parse_duration
from bot.schedule import Schedule, ScheduleError, matching_zones
from bot.settings import files
from bot.settings.text import parse_value, serialize
from bot.settings.values import SETTINGS, SettingError
from bot.ui.buttons import BUTTONS
from bot.ui.choices import DreamOne
from bot.ui.components import Component
from bot.ui.daily_post import DAILY_BUTTONS
from bot.ui.errors import code, explain, unknown_command
from bot.ui.mine import Turn
from bot.ui.moderation import Decision
from bot.ui.privacy import ForgetMe
from bot.ui.recipes import DreamRecipe
from bot.ui.settings.panel import Control
from dream.recipe import MAX_LENGTH, Recipe

PRESETS = {"puppyslug": "fire7 octaves=3 steps=10"}
COMPONENTS: tuple[type[Component], ...] = (
    *(*BUTTONS, *DAILY_BUTTONS),
    *(Control, Decision, DreamOf, DreamOne, DreamRecipe, ForgetMe, Turn),
)


@given(st.text(max_size=40) | st.text("0123456789 smhdweks", max_size=30))
def test_any_duration_is_read_or_refused(text: str) -> None:
    try:
        length = parse_duration(text)
    except ValueError as error:
        assert str(error).endswith(".")
    else:
        assert timedelta() < length <= timedelta(days=3650)


@given(st.text(max_size=60) | st.text("0123456789:., ampmontuewdhfrisaEurope/BlnUTC-", max_size=50))
def test_any_daily_time_is_read_or_refused(text: str) -> None:
    try:
        schedule = Schedule.parse(text)
    except ScheduleError as error:
        assert str(error).endswith((".", "?"))
    else:
        assert Schedule.parse(str(schedule)) == schedule


@given(
    st.sampled_from(sorted(SETTINGS)),
    st.text(max_size=60)
    | st.lists(st.text(max_size=20), max_size=5)
    | st.integers()
    | st.floats()
    | st.none(),
)
def test_any_value_of_a_setting_is_read_or_refused(name: str, value: object) -> None:
    try:
        parsed = parse_value(name, value)
    except SettingError as error:
        assert str(error).endswith((".", "?", "`"))
    else:
        assert parse_value(name, serialize(parsed)) == parsed


@given(st.text(max_size=200) | st.text("[]server.=1\"'\\\n#{},channels0", max_size=100))
def test_any_settings_file_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SettingError):
        files.parse(text)


@given(st.sampled_from(COMPONENTS), st.data())
def test_any_custom_id_of_a_button_is_either_its_own_or_nobodys(kind: type[Component], data: Any) -> None:
    pattern = kind.__discord_ui_compiled_template__
    custom_id = data.draw(st.from_regex(pattern, fullmatch=True) | st.text(max_size=100))
    owners = [each for each in COMPONENTS if each.__discord_ui_compiled_template__.fullmatch(custom_id)]
    assert len(owners) <= 1


HOSTILE = (
    *("a", "1", " ", "-", "=", "(", ".", "`", "\\", "é", "<@&1>", "block8*", "a+", "a and ", "the ", "1m"),
    *("block8:1,", "cat ", "great white ", "size=1 ", "09:00 ", "mon,", "man-eating-", "class:", "“a”"),
)
"""What is repeated: each has made some expression slow, or looks as if it could."""

READERS: list[tuple[str, Callable[[str], object], int]] = [
    ("recipe", lambda text: Recipe.parse(text, PRESETS), MAX_LENGTH),
    ("duration", parse_duration, 4000),
    ("daily time", Schedule.parse, 4000),
    ("time zone", matching_zones, 4000),
    ("list of a setting", lambda text: parse_value("blocked_roles", text), 1000),
    ("settings file", files.parse, files.MAX_LENGTH),
    ("code", lambda text: code(text, 4000), 4000),
    ("unknown command", lambda text: unknown_command(text, ["dream", "sky"], "!"), 4000),
    ("error", lambda text: explain(SettingError(text)), 4000),
    ("link", lambda text: re.search(r"(^|\s)<?https?://", text), 4000),
]


@pytest.mark.parametrize(("what", "read", "most"), READERS, ids=[what for what, _, _ in READERS])
def test_the_cost_of_a_text_grows_no_faster_than_its_length(
    what: str, read: Callable[[str], object], most: int
) -> None:
    """Eight times the text costs 64 times as much where an expression is quadratic, and here at most 24."""

    def cost(text: str) -> float:
        best = float("inf")
        for _ in range(3):
            began = time.thread_time()
            with contextlib.suppress(ValueError):
                read(text)
            best = min(best, time.thread_time() - began)
        return best

    for repeated in HOSTILE:
        for end in ("", "!"):
            long = (repeated * most)[: most - 1] + end
            short = (repeated * most)[: most // 8 - 1] + end
            least = 0.0005  # seconds; below, constants are measured
            assert cost(long) < 24 * max(cost(short), least), f"{what}: {repeated!r} and {end!r}"
