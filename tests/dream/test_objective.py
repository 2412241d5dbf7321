"""Objectives as values, and dreams of several networks."""

import numpy as np
import pytest
import tensorflow as tf

from dream import Recipe, RecipeError, ascent, classes, dream, layer
from dream.backbone import bundled as shipped
from dream.backbone.errors import WeightsError
from dream.dreamer import Cancelled, Dreamer
from dream.fallback import load_networks
from dream.objective import Objective
from dream.picture import decode, resize
from dream.seeing import class_shares

QUICK = "octaves=2 steps=2 seed=5"


@pytest.fixture(scope="module")
def cat(samples):
    return np.clip(resize(decode(samples["chelsea"]), 240, 160), 0, 1)


def test_objectives_add_and_scale_and_a_recipe_is_their_text():
    objective = layer("block8") + 0.5 * classes("ostrich") - layer("block3", channels=[1, 2]) * 2
    assert str(objective) == "block8+class:ostrich*0.5-block3:1,2*2"
    assert Objective(Recipe.parse(str(objective)).terms) == objective
    assert sum([layer("fire7"), layer("fire8", top=3)]) == layer("fire7") + layer("fire8", top=3)
    assert str(-classes("tabby", network="squeezenet")) == "-conv10:tabby"
    with pytest.raises(RecipeError, match="other than 0"):
        0 * layer("block8")
    with pytest.raises(TypeError):
        layer("block8") + 1  # type: ignore[operator]


def test_a_value_dreams_what_its_text_dreams(cat):
    objective = layer("block4") - 0.5 * layer("fire3", channels=[1, 2])
    recipe = Recipe(objective.terms, octaves=2, steps=2, seed=5)
    assert np.array_equal(dream(cat, recipe).pixels, dream(cat, f"{objective} {QUICK}").pixels)


def test_any_function_of_activations_is_an_objective(cat):
    """The recipe's own statistic, written as a function, is the same dream; another function is another."""
    own = layer("block4", channels=[3, 5], function=tf.square)
    recipe = Recipe(own.terms, octaves=2, steps=2, seed=5)
    usual = dream(cat, f"block4:3,5 {QUICK}")
    found = dream(cat, recipe)
    assert np.corrcoef((found.pixels - cat).ravel(), (usual.pixels - cat).ravel())[0, 1] > 0.99
    assert found.report.objective_after == pytest.approx(usual.report.objective_after, rel=1e-3)
    darker = layer("block4", function=lambda activation: -tf.abs(activation))
    report = dream(cat, Recipe(darker.terms, octaves=1, steps=4)).report
    assert report.objective_before < report.objective_after < 0


def gradient_of(cat, recipe):
    """What one step changes, and the objective before it."""
    picture = cat.copy()
    value = Dreamer(cat, f"{recipe} {QUICK}").ascent.step(picture, 0.001, np.random.default_rng(1))
    return picture - cat, value


def test_networks_add_as_equals_whatever_their_units(cat):
    (one, a), (other, b), (both, c) = (gradient_of(cat, r) for r in ("block8", "fire7", "block8+fire7*0.5"))
    assert a + b / 2 == pytest.approx(c, rel=1e-4)
    expected = one / one.std() + 0.5 * other / other.std()
    inside = (np.abs(one) < 0.0029) & (np.abs(other) < 0.0029) & (np.abs(both) < 0.0029)
    assert np.corrcoef(both[inside], expected[inside])[0, 1] > 0.999


def test_steps_of_classes_go_on_in_the_direction_of_earlier_ones(cat):
    def likeness(has_momentum):
        """The correlation of the changes of two steps, the second with or without momentum."""
        climber, random, picture = Dreamer(cat, "class:tabby").ascent, np.random.default_rng(1), cat.copy()
        velocity = climber.velocity(240, 160)
        climber.step(picture, 0.005, random, velocity=velocity)
        between = picture.copy()
        climber.step(picture, 0.005, random, velocity=velocity if has_momentum else None)
        return np.corrcoef((between - cat).ravel(), (picture - between).ravel())[0, 1]

    assert likeness(has_momentum=True) > likeness(has_momentum=False) + 0.1


@pytest.mark.parametrize(
    ("recipe", "side"), [("block8", 240), ("class:tabby ascent=plain", 240), ("class:tabby", 1100)]
)
def test_layers_plain_steps_and_large_pictures_have_no_momentum(cat, recipe, side):
    assert Dreamer(cat, recipe).ascent.velocity(side, side) is None


@pytest.mark.parametrize("recipe", ["block4+fire3*0.5", "class:ostrich", "class:top2-block2"])
def test_several_networks_dream_the_same_with_the_same_seed(cat, recipe):
    first, second = (dream(cat, f"{recipe} {QUICK}") for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert first.report.model == "efficientnet_lite0+squeezenet"
    assert first.report.weights == "bundled"


def test_several_networks_are_tiled_and_cancelled_between_tiles(samples, monkeypatch):
    photograph = resize(decode(samples["coffee"]), 480, 320)
    recipe = "block8+fire7 octaves=1 steps=1 seed=3"
    whole = dream(photograph, recipe).pixels
    monkeypatch.setattr(ascent, "LARGEST_TILE", 320)
    tiled = dream(photograph, recipe).pixels
    assert np.corrcoef((whole - photograph).ravel(), (tiled - photograph).ravel())[0, 1] > 0.95
    asked: list[int] = []
    with pytest.raises(Cancelled):
        dream(photograph, recipe, cancelled=lambda: asked.append(1) or len(asked) > 3)  # type: ignore
    assert len(asked) == 4


def test_a_dream_of_a_class_makes_both_networks_surer_of_it(cat):
    number = 9
    result = dream(cat, "ostrich octaves=2 steps=6 seed=1")
    backbones = load_networks(Recipe.parse("ostrich")).backbones
    before, after = (class_shares(pixels, backbones)[number] for pixels in (cat, result.pixels))
    assert after > 10 * before
    assert result.report.layers == ("class:ostrich",)


def test_the_classes_seen_in_a_cat_are_cats(cat):
    report = dream(cat, "class:top1 octaves=1 steps=1").report
    assert report.layers[0] in ("class:egyptian_cat", "class:tabby", "class:tiger_cat")
    assert "class:top1" in report.recipe


def test_a_damaged_weights_file_is_named(tmp_path, monkeypatch):
    damaged = (shipped.FOLDER / "efficientnet_lite0_classes.npz").read_bytes()[:-1]
    (tmp_path / "efficientnet_lite0_classes.npz").write_bytes(damaged)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    for name in ("efficientnet_lite0_classes", "squeezenet1_1"):
        with pytest.raises(WeightsError, match=name):
            shipped.read(name)


def test_plain_ascent_is_the_bare_loop(cat):
    """Each step adds the gradient of the summed means, scaled to unit deviation, and nothing else."""
    backbone = load_networks(Recipe.parse("block4")).backbones["efficientnet_lite0"]
    picture = tf.constant(cat[None])
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            outputs = backbone.model(backbone.preprocess(picture))
            value = tf.reduce_mean(outputs["block4"]) + tf.reduce_mean(outputs["block2"])
        gradient = tape.gradient(value, picture)
        picture = tf.clip_by_value(picture + 0.0005 * gradient / tf.math.reduce_std(gradient), 0, 1)
    recipe = "block4+block2 objective=mean ascent=plain octaves=1 steps=2 strength=0.0005"
    ours, theirs = dream(cat, recipe).pixels - cat, picture[0].numpy() - cat
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
    assert np.abs(ours).std() == pytest.approx(np.abs(theirs).std(), rel=0.1)
