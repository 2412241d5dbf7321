"""A job's life under every fault, in thousands of random orders.

    python -m bench.lifecycle [--runs 2000] [--steps 40]

tests/bot/queue/test_lifecycle.py runs the same machine for a moment.
"""

import argparse
import time

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from bench.support.lifecycle_machine import Lifecycle
from bench.table import row

BATCH = 100
"""Runs after which it is said how many held."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    began, held = time.monotonic(), 0
    while held < given.runs:
        runs = min(BATCH, given.runs - held)
        run_state_machine_as_test(
            Lifecycle,
            settings=settings(
                max_examples=runs,
                stateful_step_count=given.steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        held += runs
        row(f"runs in which every invariant held, after {time.monotonic() - began:.0f} s", held, "")


if __name__ == "__main__":
    main()
