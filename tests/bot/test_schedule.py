"""Local slots against an independent oracle: walk the year in UTC and read the local clock on the wall."""

from bisect import bisect_left
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Refused
from bot.schedule import (
    Schedule,
    ScheduleError,
    Slot,
    matching_zones,
    parse_days,
    parse_times,
    parse_zone,
    to_utc,
)
from bot.ui.errors import explain

ZONES = ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")
QUARTER = timedelta(minutes=15)
QUARTERS = tuple(time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45))


def wall_clock(zone: str, year: int) -> dict[datetime, datetime]:
    """Each local quarter hour of a year that exists, and the first instant at which the wall shows it."""
    shown: dict[datetime, datetime] = {}
    moment = datetime(year - 1, 12, 30, tzinfo=UTC)
    while moment < datetime(year + 1, 1, 3, tzinfo=UTC):
        shown.setdefault(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None), moment)
        moment += QUARTER
    return shown


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2025, 2026])
def test_every_quarter_hour_of_a_year_is_due_when_the_wall_clock_shows_it(zone: str, year: int) -> None:
    shown = wall_clock(zone, year)
    existing = sorted(shown)
    skipped = repeated = 0
    local = datetime(year, 1, 1)
    while local.year == year:
        due = to_utc(local, zone)
        assert due == shown[existing[bisect_left(existing, local)]], local
        skipped += local not in shown
        repeated += due.astimezone(ZoneInfo(zone)).utcoffset() != (due + QUARTER * 4).astimezone(
            ZoneInfo(zone)
        ).utcoffset() and (local in shown)
        local += QUARTER
    assert skipped == (2 if zone == "Australia/Lord_Howe" else 4)
    assert repeated


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_time_has_one_slot_on_every_day_of_the_year(zone: str) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    for at in QUARTERS:
        slots = list(Schedule((at,), zone).between(start, end))
        assert len(slots) == 365
        assert len({slot.local.date() for slot in slots}) == 365
        assert all(slot.local.time() == at for slot in slots)
        assert all(earlier.due < later.due for earlier, later in pairwise(slots))


@pytest.mark.parametrize(
    ("local", "zone", "due"),
    [
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00"),  # skipped: posts at 03:00
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),  # repeated: the first
        ("2026-03-08T02:15", "America/St_Johns", "2026-03-08T05:30"),
        ("2026-11-01T01:15", "America/St_Johns", "2026-11-01T03:45"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:30"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45"),
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-30T10:00"),  # a whole day skipped
        ("2026-03-28T23:30", "America/Nuuk", "2026-03-29T01:00"),  # skipped into the next day
    ],
)
def test_skipped_and_repeated_times(local: str, zone: str, due: str) -> None:
    assert to_utc(datetime.fromisoformat(local), zone) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_slot_moved_over_midnight_is_found() -> None:
    schedule = Schedule((time(23, 30),), "America/Nuuk")
    gap = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert list(schedule.between(gap - QUARTER, gap)) == [Slot(gap, datetime(2026, 3, 28, 23, 30))]


schedules = st.builds(
    Schedule,
    st.sets(st.sampled_from(QUARTERS), min_size=1, max_size=6).map(lambda times: tuple(sorted(times))),
    st.sampled_from((*ZONES, "America/Nuuk", "Asia/Kathmandu", "UTC")),
    st.sets(st.integers(0, 6), min_size=1).map(frozenset),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(schedules, moments, st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), max_size=8))
@settings(deadline=None)
def test_windows_put_end_to_end_find_each_slot_once(
    schedule: Schedule, start: datetime, cuts: list[timedelta]
) -> None:
    edges = [start, *sorted(start + cut for cut in cuts), start + timedelta(days=9)]
    parts = [slot for a, b in pairwise(edges) for slot in schedule.between(a, b)]
    assert parts == list(schedule.between(edges[0], edges[-1]))
    assert len({slot.name for slot in parts}) == len(parts)
    assert all(slot.local.weekday() in schedule.days for slot in parts)
    assert schedule.next(start) == parts[0]


@given(schedules)
def test_a_schedule_is_written_as_it_is_read(schedule: Schedule) -> None:
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("times", "zone", "days", "hint"),
    [
        ("25:00", "UTC", "", "01:00"),
        ("9:75", "UTC", "", "09:59"),
        ("noon", "UTC", "", "09:00"),
        ("", "UTC", "", "09:00"),
        ("09:00", "Mars/Olympus", "", "Europe/Berlin"),
        ("09:00", "Europe/Berln", "", "Europe/Berlin"),
        ("09:00", "UTC", "mon-fry", "fri"),
        ("09:00", "UTC", "someday", "sunday"),
    ],
)
def test_bad_input_is_answered_with_the_nearest_valid_form(
    times: str, zone: str, days: str, hint: str
) -> None:
    with pytest.raises(ScheduleError) as error:
        Schedule(parse_times(times), parse_zone(zone), parse_days(days))
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("09:00 Europe/Berlin", "09:00 Europe/Berlin, daily"),
        ("09:00, 21:00 Europe/Berlin mon-fri", "09:00, 21:00 Europe/Berlin, weekdays"),
        ("9:00 pm New York", "21:00 America/New_York, daily"),
        ("0930 sat,sun berlin", "09:30 Europe/Berlin, weekends"),
        ("9 am mon-fri", "09:00 UTC, weekdays"),
    ],
)
def test_a_schedule_typed_in_one_go(text: str, schedule: str) -> None:
    assert str(Schedule.parse(text)) == schedule


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("09:00 New Yrok", "did you mean `America/New_York`?"),
        ("09:00 Europe/Berln mon", "did you mean `Europe/Berlin`"),
        ("09:00 PST", "did you mean `America/Los_Angeles`?"),
        ("09:00 UTC+2", "`Etc/GMT-2`"),  # west is positive in these names
        ("09:00 London someday", "did you mean `sunday`?"),
        ("Europe/Berlin", "write it like `09:00`"),
    ],
)
def test_a_mistake_typed_in_one_go(text: str, hint: str) -> None:
    with pytest.raises(ScheduleError) as error:
        Schedule.parse(text)
    assert hint in str(error.value)


def test_forgiving_input() -> None:
    assert Schedule.parse("9pm 07.30, 7:30 AM berlin sat-mon") == Schedule(
        (time(7, 30), time(21)), "Europe/Berlin", frozenset({5, 6, 0})
    )
    assert parse_days("") == parse_days("daily") == frozenset(range(7))
    assert matching_zones("st johns") == ["America/St_Johns"]


@pytest.mark.parametrize(
    "text", ["25:00 " * 300, "9" * 2000, "09:00 " + "x" * 2000, "09:00 UTC " + "someday " * 200]
)
def test_a_long_mistake_is_answered_briefly(text: str) -> None:
    with pytest.raises(ScheduleError) as error:
        Schedule.parse(text)
    assert len(explain(Refused(str(error.value)))) < 250
