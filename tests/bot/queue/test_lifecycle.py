"""A job's life under every fault, for a moment (`python -m bench.lifecycle` is the long run); its page."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from bench.support.lifecycle_machine import Lifecycle
from bot.queue.lifecycle import TRANSITIONS
from bot.store.jobs import State

PAGE = Path(__file__).parents[3] / "docs/lifecycle.md"


@pytest.mark.slow
def test_whatever_fails_in_whatever_order_everything_comes_right() -> None:
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_page_draws_and_lists_every_transition() -> None:
    page = PAGE.read_text()
    drawn = set(re.findall(r"^ +(\w+) --> (\w+): ([\w ]+)$", page, re.MULTILINE))
    assert drawn == {
        (before.value, transition.after.value, transition.name)
        for transition in TRANSITIONS
        for before in transition.before
        if before is not transition.after
    }
    listed = re.findall(r"^\| (.+?) \| (.+?) \| `(\w+)` \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert listed == [
        (
            transition.name,
            ", ".join(f"`{before}`" for before in transition.before),
            str(transition.after),
            transition.actor.value,
            transition.when,
        )
        for transition in TRANSITIONS
    ]
    assert all(f"`{state}`" in page for state in State)
