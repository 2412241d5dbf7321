"""For every setting, values that it can have and some that it can not; and any sequence of changes."""

from __future__ import annotations

from datetime import time
from typing import Any

from hypothesis import strategies as st

from bot.settings.values import CHANNEL_SETTINGS, SETTINGS
from config.presets import load_presets

CHANNELS = (0, 11, 12)
PRESETS = {name: preset.recipe for name, preset in load_presets().items()}

IDS = st.lists(st.integers(1, 2**63 - 1), max_size=25, unique=True).map(tuple)
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "recipe": st.sampled_from(["block8", "block3*0.5+block9", "fire7 steps=5", "mixed5 size=200", *PRESETS]),
    "networks": st.lists(
        st.sampled_from(["efficientnet_lite0", "squeezenet", "inception_v3"]), min_size=1, unique=True
    ).map(tuple),
    "layers": st.lists(st.sampled_from(["block3", "block8", "block9", "fire7", "mixed5"]), unique=True).map(
        tuple
    ),
    "size": st.integers(64, 4096) | st.just(0),
    "max_size": st.integers(64, 4096),
    "max_steps": st.integers(1, 200),
    "previews": st.booleans(),
    "spoiler": st.booleans(),
    "member_seconds": st.integers(1, 10_000),
    "server_seconds": st.integers(1, 10_000),
    "prefix": st.text("!?.$abc", min_size=1, max_size=5),
    "language": st.sampled_from(["auto", "en", "de"]),
    "channels": IDS,
    "forbidden_channels": IDS,
    "roles": IDS,
    "blocked_roles": IDS,
    "members": IDS,
    "admin_role": st.integers(0, 2**63 - 1),
    "report_channel": st.integers(0, 2**63 - 1),
    "others_pictures": st.sampled_from(["everybody", "consent", "own"]),
    "hall_channel": st.integers(0, 2**63 - 1),
    "hall_stars": st.integers(1, 1000),
    "best_channel": st.integers(0, 2**63 - 1),
    "best_times": st.lists(
        st.builds(time, st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=24, unique=True
    ).map(lambda times: tuple(sorted(times))),
    "best_days": st.sets(st.integers(0, 6), min_size=1).map(frozenset),
    "daily_enabled": st.booleans(),
    "daily_channel": st.integers(0, 2**63 - 1),
    "daily_times": st.lists(
        st.builds(time, st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=24, unique=True
    ).map(lambda times: tuple(sorted(times))),
    "daily_zone": st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]),
    "daily_days": st.sets(st.integers(0, 6), min_size=1).map(frozenset),
    "daily_recipe": st.sampled_from(["", "block8 steps=5", *PRESETS]),
    "daily_thread": st.booleans(),
    "daily_sources": st.lists(st.sampled_from(["samples", "sky"]), unique=True).map(tuple),
    "daily_source_channels": IDS,
    "daily_source_days": st.integers(1, 90),
}
BAD: dict[str, list[object]] = {
    "recipe": ["", "x" * 301],
    "networks": ["vgg16", "none", []],
    "layers": ["blok8", "block99"],
    "size": ["big", True, 5000, -1, 30, 7.5],
    "max_size": ["0", 63, 4097],
    "max_steps": [0, True, 5001, "ten"],
    "previews": ["perhaps", 7, None],
    "spoiler": ["", "2"],
    "member_seconds": [0, -5],
    "server_seconds": ["none"],
    "prefix": ["", "a b", "toolong"],
    "language": ["fr", "", 1, "german"],
    "channels": ["general", [0], list(range(1, 30))],
    "forbidden_channels": ["#general"],
    "roles": ["@everyone", {"a": 1}],
    "blocked_roles": ["admins"],
    "members": ["alice", [2**64]],
    "admin_role": [2**63, "<@&1> <@&2>", -1],
    "report_channel": ["here"],
    "others_pictures": ["mine", "", 1, ["own", "consent"]],
    "hall_channel": ["#general"],
    "hall_stars": [0, "many", 1001, True],
    "best_channel": ["here"],
    "best_times": ["", "25:00", [], "noon"],
    "best_days": ["someday", [], [7]],
    "daily_enabled": ["perhaps"],
    "daily_channel": ["#general"],
    "daily_times": ["", "25:00", [], "noon", 9, [time(9), "x"], ["09:00"] * 3 + ["late"]],
    "daily_zone": ["Europe/Berln", "", "x" * 5000],
    "daily_days": ["someday", [], [7], [True]],
    "daily_recipe": ["x" * 301],
    "daily_thread": [3],
    "daily_sources": ["photos", ["samples", 1]],
    "daily_source_channels": ["art"],
    "daily_source_days": [0, 91, True],
}
assert GOOD.keys() == BAD.keys() == SETTINGS.keys(), "a setting is missing from this test"

CHANGES = st.lists(
    st.sampled_from(sorted(SETTINGS)).flatmap(
        lambda name: st.tuples(
            st.just(name),
            GOOD[name] | st.none(),
            st.sampled_from(CHANNELS if name in CHANNEL_SETTINGS else (0,)),
        )
    ),
    max_size=30,
)
