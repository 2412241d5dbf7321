"""Whose turn it is."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.queue.fairness import SHARE, Line, Waiting
from bot.store.jobs import Kind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def waiting(id: object, guild: int = 1, member: int = 1, cost: float = 10.0, **more) -> Waiting:
    return Waiting(str(id), more.pop("kind", Kind.DREAM), guild, member, cost, **more)


def drained(line: Line) -> list[Waiting]:
    taken = []
    while (job := line.take(NOW)) is not None:
        taken.append(job)
    return taken


def test_a_flood_of_one_member_does_not_hold_another_up() -> None:
    line = Line()
    for number in range(100):
        line.add(waiting(f"flood {number}", member=1))
    for _ in range(7):
        line.take(NOW)
    line.add(waiting("first dream", member=2))
    assert line.take(NOW).id == "first dream"


def test_a_server_of_many_members_does_not_hold_another_server_up() -> None:
    line = Line()
    for member in range(50):
        line.add(waiting(f"crowd {member}", guild=1, member=member))
    line.take(NOW)
    line.add(waiting("quiet", guild=2, member=99))
    assert line.take(NOW).id == "quiet"


def test_turns_count_work_not_jobs() -> None:
    line = Line()
    for number in range(60):
        line.add(waiting(f"large {number}", member=1, cost=30))
        line.add(waiting(f"small {number}", member=2, cost=10))
    given = Counter()
    for _ in range(40):
        job = line.take(NOW)
        given[job.member_id] += job.cost
    assert abs(given[1] - given[2]) <= 30


def test_leaving_the_line_and_coming_back_gains_nothing() -> None:
    line = Line()
    for number in range(10):
        line.add(waiting(f"patient {number}", member=1))
        line.add(waiting(f"patient too {number}", member=2))
    turns = Counter()
    for number in range(12):
        line.add(waiting(f"clever {number}", member=3))
        while (job := line.take(NOW)).member_id != 3:
            turns[job.member_id] += 1
    assert turns[1] + turns[2] >= 11


def test_videos_come_last_but_come() -> None:
    line = Line()
    line.add(waiting("video", kind=Kind.ZOOM, cost=60))
    for number in range(1000):
        line.add(waiting(number))
    before = [job.cost for job in iter(lambda: line.take(NOW), None)]
    place = before.index(60)
    assert 0 < sum(before[:place]) <= 60 / SHARE[Kind.ZOOM] + 10


def test_a_scheduled_dream_gains_precedence_as_its_minute_nears() -> None:
    def turns_before(due_in: timedelta) -> int:
        line = Line()
        line.add(waiting("daily", kind=Kind.DAILY, due_at=NOW + due_in))
        for number in range(100):
            line.add(waiting(number))
        return [job.id for job in drained(line)].index("daily")

    assert turns_before(timedelta(minutes=5)) < turns_before(timedelta(hours=5)) <= 6


def test_scheduled_dreams_go_in_the_order_they_are_due_when_nobody_waits() -> None:
    line = Line()
    for hours in (3, 1, 2):
        line.add(waiting(hours, kind=Kind.DAILY, due_at=NOW + timedelta(hours=hours)))
    assert [job.id for job in drained(line)] == ["1", "2", "3"]


jobs = st.lists(
    st.tuples(st.sampled_from(Kind), st.integers(0, 3), st.integers(0, 3), st.floats(0, 100), st.booleans()),
    max_size=40,
)


@given(jobs)
def test_everyone_in_line_is_taken_exactly_once_whatever_comes_and_goes(asked) -> None:
    line = Line()
    taken, removed = [], set()
    for number, (kind, guild, member, cost, leaves) in enumerate(asked):
        due = NOW + timedelta(minutes=cost) if kind is Kind.DAILY else None
        line.add(waiting(number, guild, member, cost, kind=kind, due_at=due))
        if leaves and line.remove(str(number // 2)):
            removed.add(str(number // 2))
        if member == 0 and (job := line.take(NOW)):
            taken.append(job.id)
    taken += [job.id for job in drained(line)]
    assert len(taken) == len(set(taken))
    assert set(taken) | removed == {str(number) for number in range(len(asked))}
    assert not set(taken) & removed
    assert len(line) == 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30), st.data())
def test_the_place_told_is_the_place_taken_when_all_cost_the_same(asked, data) -> None:
    line = Line()
    for number, (guild, member) in enumerate(asked):
        line.add(waiting(number, guild, member, cost=1))
    chosen = data.draw(st.sampled_from(sorted(line.jobs)))
    told = line.ahead(chosen)
    order = [job.id for job in drained(line)]
    # Lines that are level may go in either order, so a turn of each other line may fall either way.
    assert abs(order.index(chosen) - told.jobs) <= len({*asked})
    assert told.cost == told.jobs


def test_what_a_restart_interrupted_goes_on_first() -> None:
    line = Line()
    line.add(waiting("patient"))
    line.add(waiting("interrupted", member=2, kind=Kind.ZOOM), interrupted=True)
    line.add(waiting("interrupted too", member=3), interrupted=True)
    assert line.ahead("patient").jobs == 2
    assert line.remove("interrupted")
    assert line.ahead("interrupted too").jobs == 0
    assert [job.id for job in drained(line)] == ["interrupted too", "patient"]


def test_newcomers_are_told_different_places() -> None:
    line = Line()
    for number in range(5):
        line.add(waiting(number, guild=number, member=number))
    assert [line.ahead(str(number)).jobs for number in range(5)] == [0, 1, 2, 3, 4]
