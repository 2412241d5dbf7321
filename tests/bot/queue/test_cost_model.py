"""How long a dream will take."""

import random
import statistics

from bot.queue.cost_model import CostModel, deepest
from bot.store.database import Database
from dream.octaves import work
from dream.recipe import Recipe

FARM = {"block8": (0.4, 1.1), "block2": (0.4, 0.5), "block11": (0.4, 1.4), "fire7": (0.2, 0.7)}
"""A pretended farm: seconds that a dream of this layer takes at all, and for a million pixel steps."""


def dreams(count: int, seed: int = 0):
    """A mix of sizes, steps and two networks, and the seconds that each takes, give or take a tenth."""
    chance = random.Random(seed)
    for _ in range(count):
        layer = chance.choice([*FARM])
        recipe = Recipe.parse(f"{layer} steps={chance.randint(2, 40)} octaves={chance.randint(1, 5)}")
        width, height = chance.randint(128, 1500), chance.randint(128, 1500)
        fixed, pace = FARM[layer]
        seconds = (fixed + pace * work(recipe, width, height) / 1e6) * chance.gauss(1, 0.1)
        yield recipe, width, height, seconds


async def test_after_twenty_dreams_the_median_error_is_under_a_quarter(database: Database) -> None:
    errors = []
    for seed in range(5):
        model = CostModel(database)
        for number, (recipe, width, height, seconds) in enumerate(dreams(80, seed)):
            if number >= 20:
                errors.append(abs(model.seconds(recipe, width, height) - seconds) / seconds)
            model.learn(recipe, width, height, seconds)
    assert statistics.median(errors) < 0.15


async def test_a_farm_that_becomes_slower_is_followed(database: Database) -> None:
    model = CostModel(database)
    for slower in (1, 3):
        for recipe, width, height, seconds in dreams(120):
            model.learn(recipe, width, height, seconds * slower)
    errors = [
        abs(model.seconds(recipe, width, height) / (3 * seconds) - 1)
        for recipe, width, height, seconds in dreams(40, seed=9)
    ]
    assert statistics.median(errors) < 0.25


async def test_a_network_not_seen_yet_is_as_slow_as_the_others_of_this_farm(database: Database) -> None:
    recipe = Recipe.parse("mixed5 steps=10")
    guesses = []
    for slower in (1, 5, 0.02):
        model = CostModel(database)
        for known, width, height, seconds in dreams(80):
            model.learn(known, width, height, seconds * slower)
        guesses.append(model.seconds(recipe, 800, 600))
    ordinary, slow, gpu = guesses
    assert 4 < slow / ordinary < 6 and gpu < ordinary / 10


async def test_one_dream_that_hung_does_not_spoil_what_was_learnt(database: Database) -> None:
    model = CostModel(database)
    for recipe, width, height, seconds in dreams(60):
        model.learn(recipe, width, height, seconds)
    recipe = Recipe.parse("block8 steps=10")
    before = model.seconds(recipe, 500, 500)
    model.learn(recipe, 500, 500, 3600.0)
    for recipe_, width, height, seconds in dreams(30, seed=3):
        model.learn(recipe_, width, height, seconds)
    assert 0.6 < model.seconds(recipe, 500, 500) / before < 1.7


async def test_what_was_learnt_outlives_a_restart(database: Database) -> None:
    model = CostModel(database)
    for recipe, width, height, seconds in dreams(30):
        model.learn(recipe, width, height, seconds)
    await model.save()
    again = CostModel(database)
    await again.open()
    recipe = Recipe.parse("fire7 steps=3")
    assert again.seconds(recipe, 640, 480) == model.seconds(recipe, 640, 480)


def test_the_deepest_layer_decides_how_much_of_the_network_is_computed() -> None:
    assert deepest(Recipe.parse("block11+block2")) == {"efficientnet_lite0": "block11"}
    assert deepest(Recipe.parse("fire3+ostrich+block2")) == {
        "squeezenet": "conv10",
        "efficientnet_lite0": "classifier",
    }


async def test_several_networks_cost_their_sum_until_they_are_known_together(database: Database) -> None:
    model = CostModel(database)
    one, other, both = map(Recipe.parse, ("block8", "fire7", "fire7+block8*0.5"))
    for _ in range(10):
        for recipe, width, height, seconds in dreams(6):
            model.learn(recipe, width, height, seconds)
    millions = work(both, 500, 400) / 1e6
    expected = sum(model.fits[name].seconds(millions) for name in ("squeezenet", "efficientnet_lite0"))
    assert abs(model.seconds(both, 500, 400) - expected) < 1e-6
    for _ in range(20):
        model.learn(both, 500, 400, 9.0)
    assert abs(model.seconds(both, 500, 400) - 9) < 2
    assert model.seconds(one, 500, 400) < 5 and model.seconds(other, 500, 400) < 5
