"""Whose turn it is."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.queue.fair_queue import ORDER, SHARE, FairQueue, QueuedJob
from bot.store.jobs import Kind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def waiting(id: object, guild: int = 1, member: int = 1, cost: float = 10.0, **more) -> QueuedJob:
    return QueuedJob(str(id), more.pop("kind", Kind.DREAM), guild, member, cost, **more)


def drained(queue: FairQueue) -> list[QueuedJob]:
    taken = []
    while (job := queue.take(NOW)) is not None:
        taken.append(job)
    return taken


def test_a_flood_of_one_member_does_not_hold_another_up() -> None:
    queue = FairQueue()
    for number in range(100):
        queue.add(waiting(f"flood {number}", member=1))
    for _ in range(7):
        queue.take(NOW)
    queue.add(waiting("first dream", member=2))
    assert queue.take(NOW).id == "first dream"


def test_a_server_of_many_members_does_not_hold_another_server_up() -> None:
    queue = FairQueue()
    for member in range(50):
        queue.add(waiting(f"crowd {member}", guild=1, member=member))
    queue.take(NOW)
    queue.add(waiting("quiet", guild=2, member=99))
    assert queue.take(NOW).id == "quiet"


def test_turns_count_work_not_jobs() -> None:
    queue = FairQueue()
    for number in range(60):
        queue.add(waiting(f"large {number}", member=1, cost=30))
        queue.add(waiting(f"small {number}", member=2, cost=10))
    given: Counter[int] = Counter()
    for _ in range(40):
        job = queue.take(NOW)
        given[job.member_id] += int(job.cost)
    assert abs(given[1] - given[2]) <= 30


def test_leaving_the_queue_and_coming_back_gains_nothing() -> None:
    queue = FairQueue()
    for number in range(10):
        queue.add(waiting(f"patient {number}", member=1))
        queue.add(waiting(f"patient too {number}", member=2))
    turns: Counter[int] = Counter()
    for number in range(12):
        queue.add(waiting(f"clever {number}", member=3))
        while (job := queue.take(NOW)).member_id != 3:
            turns[job.member_id] += 1
    assert turns[1] + turns[2] >= 11


def test_videos_come_last_but_come() -> None:
    queue = FairQueue()
    queue.add(waiting("video", kind=Kind.ZOOM, cost=60))
    for number in range(1000):
        queue.add(waiting(number))
    before = [job.cost for job in iter(lambda: queue.take(NOW), None)]
    place = before.index(60)
    assert 0 < sum(before[:place]) <= 60 / SHARE[Kind.ZOOM] + 10


def test_a_scheduled_dream_gains_precedence_as_its_minute_nears() -> None:
    def turns_before(due_in: timedelta) -> int:
        queue = FairQueue()
        queue.add(waiting("daily", kind=Kind.DAILY, due_at=NOW + due_in))
        for number in range(100):
            queue.add(waiting(number))
        return [job.id for job in drained(queue)].index("daily")

    assert turns_before(timedelta(minutes=5)) < turns_before(timedelta(hours=5)) <= 6


def test_scheduled_dreams_go_in_the_order_they_are_due_when_nobody_waits() -> None:
    queue = FairQueue()
    for hours in (3, 1, 2):
        queue.add(waiting(hours, kind=Kind.DAILY, due_at=NOW + timedelta(hours=hours)))
    assert [job.id for job in drained(queue)] == ["1", "2", "3"]


jobs = st.lists(
    st.tuples(st.sampled_from(ORDER), st.integers(0, 3), st.integers(0, 3), st.floats(0, 100), st.booleans()),
    max_size=40,
)


@given(jobs)
def test_everyone_in_queue_is_taken_exactly_once_whatever_comes_and_goes(asked) -> None:
    queue = FairQueue()
    taken, removed = [], set()
    for number, (kind, guild, member, cost, leaves) in enumerate(asked):
        due = NOW + timedelta(minutes=cost) if kind is Kind.DAILY else None
        queue.add(waiting(number, guild, member, cost, kind=kind, due_at=due))
        if leaves and queue.remove(str(number // 2)):
            removed.add(str(number // 2))
        if member == 0 and (job := queue.take(NOW)):
            taken.append(job.id)
    taken += [job.id for job in drained(queue)]
    assert len(taken) == len(set(taken))
    assert set(taken) | removed == {str(number) for number in range(len(asked))}
    assert not set(taken) & removed
    assert len(queue) == 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30), st.data())
def test_the_place_told_is_the_place_taken_when_all_cost_the_same(asked, data) -> None:
    queue = FairQueue()
    for number, (guild, member) in enumerate(asked):
        queue.add(waiting(number, guild, member, cost=1))
    chosen = data.draw(st.sampled_from(sorted(queue.jobs)))
    told = queue.ahead(chosen)
    order = [job.id for job in drained(queue)]
    # Lines that are level may go in either order, so a turn of each other queue may fall either way.
    assert abs(order.index(chosen) - told.jobs) <= len({*asked})
    assert told.cost == told.jobs


def test_what_a_restart_interrupted_goes_on_first() -> None:
    queue = FairQueue()
    queue.add(waiting("patient"))
    queue.add(waiting("interrupted", member=2, kind=Kind.ZOOM), interrupted=True)
    queue.add(waiting("interrupted too", member=3), interrupted=True)
    assert queue.ahead("patient").jobs == 2
    assert queue.remove("interrupted")
    assert queue.ahead("interrupted too").jobs == 0
    assert [job.id for job in drained(queue)] == ["interrupted too", "patient"]


def test_newcomers_are_told_different_places() -> None:
    queue = FairQueue()
    for number in range(5):
        queue.add(waiting(number, guild=number, member=number))
    assert [queue.ahead(str(number)).jobs for number in range(5)] == [0, 1, 2, 3, 4]
