"""Which value holds: any sequence of changes over scopes, against the rule said in plain words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.settings.scopes import Scope, ServerSettings, effective
from bot.settings.text import expected, format_value, parse_value, serialize
from bot.settings.values import CHANNEL_SETTINGS, SETTINGS, SettingError, Values, title
from dream.recipe import Recipe, RecipeError
from tests.support.setting_values import BAD, CHANGES, CHANNELS, GOOD, PRESETS

OPERATORS = st.builds(
    Values,
    size=st.just(0),
    max_size=GOOD["max_size"],
    max_steps=GOOD["max_steps"],
    networks=GOOD["networks"],
    spoiler=st.booleans(),
    member_seconds=GOOD["member_seconds"],
)


def rule(name: str, operator: Values, server: dict[str, Any], channel: dict[str, Any]) -> tuple[Any, Scope]:
    """The value that holds and whose it is, by the words of the documentation."""
    if name in channel:
        value, scope = channel[name], Scope.CHANNEL
    elif name in server:
        value, scope = server[name], Scope.SERVER
    else:
        value = getattr(operator, name)
        scope = Scope.BUILT_IN if value == getattr(Values(), name) else Scope.OPERATOR
    return value, scope


@settings(deadline=None)
@given(OPERATORS, CHANGES)
def test_any_sequence_of_changes_gives_what_the_precedence_says(
    operator: Values, changes: list[tuple[str, Any, int]]
) -> None:
    server = ServerSettings()
    chosen: dict[int, dict[str, Any]] = {channel: {} for channel in CHANNELS}
    for name, value, channel_id in changes:
        server = server.with_choice(name, value, channel_id)
        chosen[channel_id].pop(name, None)
        if value is not None:
            chosen[channel_id][name] = value
    for channel_id in CHANNELS:
        here = server.effective(operator, channel_id)
        for name in SETTINGS:
            value, scope = rule(name, operator, chosen[0], chosen[channel_id] if channel_id else {})
            if name in ("max_size", "max_steps", "member_seconds", "server_seconds"):
                assert getattr(here, name) == min(value, getattr(operator, name))
            elif name == "networks":
                allowed = tuple(network for network in value if network in operator.networks)
                assert here.networks == (allowed or operator.networks)
            elif name == "size":
                assert here.size == min(value, here.max_size)
            else:
                assert (getattr(here, name), here.origins[name]) == (value, scope)
    assert all(server.choices.values()), "a scope that chose nothing is not kept"


@settings(deadline=None)
@given(st.data())
def test_a_valid_value_is_read_from_itself_and_from_the_text_that_shows_it(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SETTINGS)))
    value = data.draw(GOOD[name])
    assert parse_value(name, value) == value
    assert parse_value(name, list(value) if isinstance(value, tuple) else value) == value
    assert parse_value(name, json.loads(json.dumps(serialize(value)))) == value, "as it is stored"
    if (name, value) not in (("size", 0), ("daily_recipe", "")):
        assert parse_value(name, format_value(name, value).strip("`")) == value


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_an_invalid_value_is_refused_with_what_is_expected(name: str) -> None:
    for bad in BAD[name]:
        with pytest.raises(SettingError) as caught:
            parse_value(name, bad)
        assert title(name) in str(caught.value)
        helps = (
            expected(name),
            "did you mean",
            "write it like",
            "write them like",
            "use a name such as",
            "such as",
        )
        assert any(words in str(caught.value) for words in helps) or name == "layers"


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_no_more_is_read_than_anybody_types(name: str) -> None:
    """Some ways of reading take more than linear time, so that a text has a length."""
    with pytest.raises(SettingError, match="at most 1000 characters"):
        parse_value(name, "1" + " " * 60_000 + "1")


def test_an_unknown_setting_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingError, match=r"did you mean max_size\?"):
        parse_value("maxsize", 5)


def test_what_is_typed_goes_before_every_default_but_not_over_a_limit() -> None:
    operator = Values(max_steps=50)
    here = effective(operator, {"recipe": "block3 steps=9", "size": 300, "max_size": 600}, {"spoiler": True})
    assert str(here.parse_recipe("", PRESETS)) == "block3 steps=9 size=300"
    assert str(here.parse_recipe("steps=4", PRESETS)) == "block3 steps=4 size=300"
    assert str(here.parse_recipe("fire7 size=200", PRESETS)) == "fire7 size=200"
    with pytest.raises(RecipeError, match="from 16 to 600"):
        here.parse_recipe("size=601", PRESETS)
    with pytest.raises(RecipeError, match="from 1 to 50"):
        here.parse_recipe("steps=51", PRESETS)


def test_only_allowed_networks_and_layers_dream() -> None:
    here = effective(
        Values(), {"networks": ("squeezenet",), "recipe": "fire7"}, {"layers": ("fire7", "fire8")}
    )
    assert here.parse_recipe("fire8", PRESETS).layers == ("fire8",)
    with pytest.raises(RecipeError, match="fire7, fire8"):
        here.parse_recipe("fire9", PRESETS)
    with pytest.raises(RecipeError, match="efficientnet_lite0, which may not dream here"):
        here.parse_recipe("block8", PRESETS)


def test_a_recipes_own_thoroughness_keeps_to_the_steps_allowed() -> None:
    here = effective(Values(max_steps=6), {}, {})
    assert here.parse_recipe("block8 quality=rich", PRESETS).steps == 6


def test_a_small_largest_size_holds_for_recipes_that_name_none() -> None:
    assert effective(Values(max_size=256), {}, {}).parse_recipe("block8", PRESETS).size == 256
    assert effective(Values(), {}, {}).parse_recipe("block8", PRESETS).size is None


@pytest.mark.parametrize(
    ("server", "asking", "refused"),
    [
        ({}, (11, 1, []), False),
        ({"channels": (11,)}, (11, 1, []), False),
        ({"channels": (11,)}, (12, 1, []), True),
        ({"forbidden_channels": (11,)}, (11, 1, []), True),
        ({"roles": (5,)}, (11, 1, [4, 5]), False),
        ({"roles": (5,)}, (11, 1, [4]), True),
        ({"roles": (5,), "members": (1,)}, (11, 1, []), False),
        ({"members": (1,)}, (11, 2, [5]), True),
        ({"blocked_roles": (6,), "members": (1,)}, (11, 1, [6]), True),
    ],
)
def test_who_may_ask_where(server: dict[str, Any], asking: tuple[int, int, list[int]], refused: bool) -> None:
    assert bool(effective(Values(), server, {}).refusal(*asking)) is refused


def test_recipes_that_cannot_work_are_found_wherever_they_hold() -> None:
    server = ServerSettings({0: {"recipe": "fire7"}, 11: {"networks": ("efficientnet_lite0",)}})
    (fault,) = server.conflicts(Values(), PRESETS)
    assert "<#11>" in str(fault) and "fire7" in str(fault)
    assert isinstance(Recipe.parse(Values().recipe), Recipe)


def test_the_documentation_says_what_the_settings_say() -> None:
    page = (Path(__file__).parents[3] / "docs" / "settings.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert rows == [
        f"| `{name}` | {title(name)} | {' '.join((setting.description or '').split())} |"
        + (" yes |" if name in CHANNEL_SETTINGS else " |")
        for name, setting in SETTINGS.items()
    ]
