"""How much may wait."""

from bot.queue.limits import Limits, Reservation


def test_limits_are_by_cost_and_given_back() -> None:
    limits = Limits(member=100, server=150, total=1000)
    limits.reserve("a", Reservation(1, 7, 60))
    assert limits.excess(Reservation(1, 7, 40)) is None
    assert limits.excess(Reservation(1, 7, 41)).over == 1
    assert str(limits.excess(Reservation(2, 7, 91)).subject).startswith("This server")
    limits.release("a")
    limits.release("a")
    assert limits.excess(Reservation(1, 7, 100)) is None


def test_a_dream_larger_than_a_limit_is_let_in_alone() -> None:
    limits = Limits(member=100, server=150, total=200)
    assert limits.excess(Reservation(1, 7, 5000)) is None
    limits.reserve("large", Reservation(1, 7, 5000))
    assert str(limits.excess(Reservation(2, 8, 1)).subject).startswith("Everyone")


def test_a_servers_own_limits_can_only_be_lower() -> None:
    limits = Limits(member=100, server=1000, total=1000)
    limits.reserve("a", Reservation(1, 7, 60))
    assert limits.excess(Reservation(1, 7, 30), member=80) is not None
    assert limits.excess(Reservation(1, 7, 50), member=500) is not None
