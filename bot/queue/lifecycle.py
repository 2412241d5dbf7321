"""A job's life: the changes of its state, and who may make each. docs/lifecycle.md draws it.

Every change is one compare-and-set on the job's row (`bot.queue.repository`): it is made only where the row
still is in one of the states `before`, and, unless anybody may make it, still belongs to this process.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from bot.store.jobs import State

HELD, QUEUED, DREAMING, DONE, FAILED, CANCELLED = State


class Actor(StrEnum):
    """Which process may make a change."""

    OWNER = "its owner"
    """The process that took the job in, or over."""
    ANYBODY = "any process, which then owns it"
    """For what members do: their press may reach another process than the owner."""
    SUCCESSOR = "the process that takes it over"
    """Whoever finds that the owner's lease has run out."""


class Transition(NamedTuple):
    """One change of a job's state."""

    name: str
    before: tuple[State, ...]
    after: State
    actor: Actor
    when: str


CONSENT: Final = Transition("consent", (HELD,), QUEUED, Actor.ANYBODY, "whoever posted its picture agrees")
START: Final = Transition("start", (QUEUED,), DREAMING, Actor.OWNER, "its turn has come and a worker is free")
REQUEUE: Final = Transition(
    "requeue", (DREAMING,), QUEUED, Actor.OWNER, "it gives way, the farm dropped it, or the bot stops"
)
COMPLETE: Final = Transition("complete", (DREAMING,), DONE, Actor.OWNER, "its result is stored")
FAIL: Final = Transition(
    "fail",
    (HELD, QUEUED, DREAMING),
    FAILED,
    Actor.OWNER,
    "it cannot be dreamt, or its message cannot be sent",
)
CANCEL: Final = Transition(
    "cancel",
    (HELD, QUEUED, DREAMING),
    CANCELLED,
    Actor.ANYBODY,
    "a member or moderator stops it, deletes its message, or asks to be forgotten; or nobody agrees in time",
)
REFUSE: Final = Transition(
    "refuse", (DONE,), FAILED, Actor.OWNER, "Discord refuses its result, which was not shown yet"
)
ERASE: Final = Transition(
    "erase",
    (DONE, FAILED),
    CANCELLED,
    Actor.ANYBODY,
    "it is deleted before its message shows how it ended, or its picture is withdrawn",
)
TAKE_OVER: Final = Transition(
    "take over", (QUEUED, DREAMING), QUEUED, Actor.SUCCESSOR, "the owner's lease has run out"
)

TRANSITIONS: Final = (CONSENT, START, REQUEUE, COMPLETE, FAIL, CANCEL, REFUSE, ERASE, TAKE_OVER)
