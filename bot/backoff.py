"""The one backoff: how long to wait between attempts at something that fails for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.wait import wait_exponential_jitter

log = logging.getLogger(__name__)

FIRST = 1.0
LONGEST = 60.0
"""Seconds before the second attempt, and the most between two."""


def attempts(
    what: str,
    is_transient: Callable[[BaseException], bool],
) -> AsyncRetrying:
    """Retry `what`, without end, while it raises errors that are transient.

        async for attempt in attempts("storing a result", is_outage):
            with attempt:
                await store()

    The waits double from `FIRST` to `LONGEST` seconds, with jitter. Each failure is logged in one line.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s failed (attempt %d): %s", what, state.attempt_number, _one_line(error))

    return AsyncRetrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential_jitter(multiplier=FIRST, max=LONGEST, jitter=FIRST / 2),
        before_sleep=tell,
        reraise=True,
    )


def _one_line(error: BaseException | None) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
