from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dream.octaves import DEFAULT_SIZE, SMALLEST, final_size, octaves, work
from dream.recipe import Recipe
from tests.support.recipes import recipes

sides = st.integers(1, 6000)


@given(recipes(), sides, sides)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_octaves_grow_to_at_least_the_promised_size(recipe, width, height):
    plan = octaves(recipe, width, height)
    promised = final_size(recipe, width, height)
    if recipe.is_video:
        assert promised[0] % 2 == promised[1] % 2 == 0
    else:
        assert max(promised) == (recipe.size or min(max(width, height), DEFAULT_SIZE))
    assert 1 <= len(plan) <= recipe.settled().octaves
    assert all(octave.steps >= 1 for octave in plan)
    assert (plan[-1].width, plan[-1].height) >= promised
    for small, large in pairwise(plan):
        assert small.width <= large.width
        assert small.height <= large.height
        assert min(small.width, small.height) >= SMALLEST


def test_the_classic_plan():
    plan = octaves(Recipe.parse("block8 octaves=3 scale=2 steps=10"), 512, 384)
    assert [(octave.width, octave.height) for octave in plan] == [(128, 96), (256, 192), (512, 384)]
    assert plan[0].steps == plan[1].steps
    assert plan[-1].steps == pytest.approx(15, abs=1)
    assert sum(octave.steps for octave in plan) == 30


def test_classes_take_most_of_their_steps_at_the_smaller_sizes_which_draw_shapes():
    of_layers, of_classes = (
        octaves(Recipe.parse(f"{r} octaves=4 steps=8"), 512, 384) for r in ("fire9", "ostrich")
    )
    assert sum(o.steps for o in of_layers) == sum(o.steps for o in of_classes)
    assert of_classes[-1].steps < 0.7 * of_layers[-1].steps


def test_rich_dreams_are_dreamt_larger_and_brought_down():
    recipe = Recipe.parse("block8 quality=rich size=512")
    assert octaves(recipe, 512, 512)[-1].width == 768
    assert final_size(recipe, 512, 512) == (512, 512)


def test_a_size_is_the_longer_side_up_or_down():
    assert final_size(Recipe.parse("block8 size=800"), 400, 300) == (800, 600)
    assert final_size(Recipe.parse("block8 size=800"), 3000, 4000) == (600, 800)
    assert final_size(Recipe.parse("block8 size=16"), 4000, 1) == (16, 1)


def test_work_grows_with_everything_that_takes_time():
    base = work(Recipe.parse("block8"), 512, 512)
    assert work(Recipe.parse("block8 size=1024"), 512, 512) == pytest.approx(4 * base, rel=0.1)
    assert work(Recipe.parse("block8 steps=16"), 512, 512) == pytest.approx(2 * base, rel=0.1)
