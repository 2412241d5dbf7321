"""The hash by which the machines of a cluster know each other's format."""

from dataclasses import field, make_dataclass
from types import GenericAlias

from dream.recipe import Recipe, Term
from dream.wire import SENT, describe


def test_a_field_more_anywhere_is_another_format() -> None:
    inner = make_dataclass("Inner", [("a", int)])
    larger = make_dataclass("Inner", [("a", int), ("b", int, field(default=0))])
    before, after = (
        make_dataclass("Outer", [("all", GenericAlias(tuple, (each, ...)) | None)])
        for each in (inner, larger)
    )
    assert describe(before) != describe(after)


def test_everything_of_which_a_dream_is_made_counts() -> None:
    described = describe(*SENT)
    assert all(name in described for name in (*Recipe.__dataclass_fields__, *Term.__dataclass_fields__))
