"""Which picture, which preset and when to begin: the choices behind a daily dream."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.daily.lead_time import LEAST, begin_at, lead_time
from bot.daily.selection import next_preset, pick
from bot.daily.sources import Source, folder_pictures, sky

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def pictures(kind: str, count: int) -> list[Source]:
    return [Source(kind, f"{kind}/{number}") for number in range(count)]


def test_no_picture_comes_twice_while_others_are_left_and_then_the_oldest() -> None:
    candidates = {"members": pictures("members", 4), "samples": pictures("samples", 3)}
    used: dict[str, datetime] = {}
    for day in range(14):
        source = pick(candidates, used, set(), random.Random(day))
        assert source is not None
        if day >= 7:  # all were used: from now on the one unseen the longest
            assert source.name == min(used, key=lambda name: used[name])
        else:
            assert source.name not in used
        used[source.name] = NOW + timedelta(days=day)


def test_no_sky_comes_twice() -> None:
    first = sky(random.Random(7))
    assert sky(random.Random(7)).name == first.name
    assert sky(random.Random(7), {first.name}).name != first.name


def test_what_was_taken_away_is_never_picked() -> None:
    candidates = {"samples": pictures("samples", 3)}
    used = {"samples/0": NOW, "samples/1": NOW + timedelta(days=1)}
    for seed in range(50):
        source = pick(candidates, used, {"samples/0", "samples/2"}, random.Random(seed))
        assert source is not None
        assert source.name == "samples/1"
    assert pick(candidates, used, {"samples/0", "samples/1", "samples/2"}, random.Random(0)) is None
    assert pick({}, {}, set(), random.Random(0)) is None


def test_members_own_pictures_come_most_often() -> None:
    candidates = {kind: pictures(kind, 5) for kind in ("members", "folder", "samples", "sky")}
    picked = (pick(candidates, {}, set(), random.Random(seed)) for seed in range(2000))
    kinds = Counter(source.kind for source in picked if source)
    assert kinds["members"] > kinds["folder"] > kinds["samples"] > 100 < kinds["sky"]


async def test_the_operators_folder_is_read_with_the_folders_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("one.jpg", "deep/two.PNG", "deep/six.heif", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    found = folder_pictures("folder", tmp_path)
    assert [source.name for source in found] == [
        "folder/deep/six.heif",
        "folder/deep/two.PNG",
        "folder/one.jpg",
    ]
    assert found[1].read is not None
    assert await found[1].read() == b"deep/two.PNG"
    assert folder_pictures("folder", None) == folder_pictures("folder", tmp_path / "gone") == []


def test_the_walk_never_stands_still_and_follows_the_votes() -> None:
    presets = ["serpents", "beasts", "aviary"]
    votes: list[tuple[str, int]] = []
    for day in range(300):
        step = next_preset(votes, presets, random.Random(day))
        assert not votes or step != votes[-1][0]
        votes.append((step, {"serpents": 0, "beasts": 5, "aviary": -5}[step]))
    steps = Counter(step for step, _ in votes)
    assert steps["beasts"] > steps["serpents"] > steps["aviary"] > 10
    assert next_preset([("serpents", 0)], ["serpents"], random.Random(0)) == "serpents"


def test_beginnings_are_spread_evenly_over_the_lead() -> None:
    lead = timedelta(hours=12)
    guilds = range(10**17, 10**17 + 10_000 * 4_194_304, 4_194_304)  # as Discord numbers them
    before = [NOW - begin_at(NOW, guild, lead) for guild in guilds]
    assert min(before) >= LEAST
    assert max(before) <= lead
    hours = Counter(int(early / timedelta(hours=1)) for early in before)
    assert all(700 < hours[hour] < 1050 for hour in range(1, 11))
    assert begin_at(NOW, 5, lead) == begin_at(NOW, 5, lead)


@given(st.integers(0, 2**63), st.timedeltas(timedelta(0), timedelta(hours=24)))
def test_a_dream_is_begun_within_its_lead(guild_id: int, lead: timedelta) -> None:
    assert NOW - lead <= begin_at(NOW, guild_id, lead) <= NOW


def test_the_lead_grows_with_what_the_farm_has_to_do() -> None:
    most = timedelta(hours=12)
    assert lead_time(0, 1, most) == LEAST
    assert lead_time(3600, 1, most) == LEAST + timedelta(hours=2)
    assert lead_time(3600, 2, most) == LEAST + timedelta(hours=1)
    assert lead_time(10**6, 1, most) == most
    assert lead_time(10**6, 0, timedelta(0)) == timedelta(0)
