import contextlib
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dream.backbone.catalog import NETWORKS
from dream.octaves import clip_work, frames, work
from dream.recipe import Recipe, RecipeError
from tests.support.recipes import morphs, recipes

PRESETS = {
    "puppyslug": "fire7 octaves=3 steps=10",
    "serpents": "block8+block11",
    "journey": "block8 > block9 strength=0.01",
}
BY_STAGE = "block8 steps=10 octaves=3 strength=0.02 > fire7 strength=0.01"


@given(recipes() | morphs())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_recipe_reads_back_from_its_text(recipe):
    text = str(recipe)
    assert Recipe.parse(text) == recipe
    assert str(Recipe.parse(text)) == text


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("block8+*-=:,. 0123456789topfiremixedsz", max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        recipe = Recipe.parse(text, PRESETS)
    except RecipeError as error:
        assert str(error).endswith((".", "?"))
        assert len(str(error)) < 300
    else:
        assert Recipe.parse(str(recipe)) == recipe


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("mixed5", "mixed5"),
        ("MIXED3 + mixed5", "mixed3+mixed5"),
        ("mixed3*0.50+mixed5", "mixed3*0.5+mixed5"),
        ("block8:40,12", "block8:12,40"),
        ("block8:top5", "block8:top5"),
        ("block8 - block3*.5", "block8-block3*0.5"),
        ("block8+block3*-0.5", "block8-block3*0.5"),
        ("steps=20 mixed5 seed=7 octaves=4", "mixed5 steps=20 octaves=4 seed=7"),
        ("mixed5 keep=colour strength = 0.030", "mixed5 strength=0.03 keep=color"),
        ("puppyslug", "fire7 steps=10 octaves=3"),
        ("octaves=6 puppyslug", "fire7 steps=10 octaves=6"),
        ("puppyslug fire8", "fire8 steps=10 octaves=3"),
        ("block8 + fire7*.5", "block8+fire7*0.5"),
        ("Ostrich", "class:ostrich"),
        ("ostriches*2", "class:ostrich*2"),
        ("of a Great  White_shark", "class:great_white_shark"),
        ("man-eating sharks-block3*0.5", "class:great_white_shark-block3*0.5"),
        ("tabby - tiger cat*0.3", "class:tabby-class:tiger_cat*0.3"),
        ("a volcano and an ostrich steps=3", "class:volcano+class:ostrich steps=3"),
        ("jack-o'-lantern", "class:jack_o_lantern"),
        ("St. Bernard", "class:saint_bernard"),
        ("class:tabby,9", "class:ostrich,tabby"),
        ("conv10:ostrich-classifier:9", "conv10:ostrich-classifier:ostrich"),
        ("class:top3+block8", "class:top3+block8"),
        ("puppyslug of a tabby", "class:tabby steps=10 octaves=3"),
        ("coffee mug", "class:coffee_mug"),
        ("auto steps=3", "class:top3 steps=3"),
        ("Puppyslug > a tabby", "fire7 steps=10 octaves=3 > class:tabby"),
        ("serpents->fire7*.5→ostrich seed=7", "block8+block11 seed=7 > fire7*0.5 > class:ostrich"),
        ("block8 strength=.02 > puppyslug strength=.01", BY_STAGE),
        ("journey > fire7", "block8 > block9 strength=0.01 > fire7"),
        ("journey strength=0.02", "block8 strength=0.02 > block9 strength=0.02"),
        ("journey fire7", "fire7"),
    ],
)
def test_what_people_type_has_one_canonical_form(typed, canonical):
    assert str(Recipe.parse(typed, PRESETS)) == canonical


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("mixde5", "mixed5"),
        ("pupyslug", "puppyslug"),
        ("block8 steps=0", "steps must be a whole number from 1 to 5000"),
        ("block8 steps=2.5", "whole number"),
        ("block8 strength=nan", "strength must be"),
        ("block8 octave=3", "did you mean octaves"),
        ("block8 steps=3 steps=4", "twice"),
        ("block8:112", "0 to 111"),
        ("block8:top0", "block8:top5"),
        ("block8*0", "other than 0"),
        ("block8+", "can't read"),
        ("puppyslug serpents", "both presets"),
        ("keep=colr block8", "color"),
        ("", "Name what to dream of"),
        ("foo", "I can't dream of “foo”"),
        ("a red dragon", "“red dragon”: .* a preset, such as puppyslug, serpents or journey, or a layer"),
        ("oxtrich", "did you mean ostrich"),
        ("class:oxtrich", "did you mean ostrich"),
        ("crane", "crane_bird or crane_machine"),
        ("class:crane*2", "crane_bird or crane_machine"),
        ("class", "class:ostrich"),
        ("conv10", "conv10:ostrich"),
        ("class:top0", "class:top5"),
        ("class:top33", "at most 32 classes"),
        ("class:1000", "0 to 999"),
        ("block8:ostrich", "numbers"),
        ("ostrich*0", "other than 0"),
        ("a pupyslug", "did you mean puppyslug"),
        ("block8 steps 20", "write steps= and a whole number"),
        ("puppyslug serpents", "or write puppyslug > serpents"),
        ("<@&1>", "can't read “<@&1>”"),
        ("serpents >", "on both sides of each >"),
        ("> serpents", "on both sides of each >"),
        ("serpents > strength=0.02", "on both sides of each >"),
        ("serpents > corl", "did you mean"),
        ("serpents seed=1 > block8 seed=2", "seed is given twice"),
        ("serpents > block8 still", "can't be a still"),
        ("serpents > block8 tile=both", "name one recipe, without >"),
        (" > ".join(["block8"] * 7), "at most 6 recipes"),
    ],
)
def test_errors_name_the_word_and_what_was_expected(typed, said):
    with pytest.raises(RecipeError, match=said):
        Recipe.parse(typed, PRESETS)


def test_text_without_a_layer_adjusts_the_default():
    assert (
        str(Recipe.parse("steps=20", default="block8+block11 octaves=3"))
        == "block8+block11 steps=20 octaves=3"
    )
    assert str(Recipe.parse("fire7 steps=20", default="block8+block11 octaves=3")) == "fire7 steps=20"
    assert str(Recipe.parse("", PRESETS, default="puppyslug")) == PRESETS["puppyslug"].replace(
        "octaves=3 steps=10", "steps=10 octaves=3"
    )


@given(recipes())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_settled_recipes_lack_nothing_and_keep_what_was_asked(recipe):
    settled = recipe.settled()
    for name in ("steps", "octaves", "scale", "strength", "blend", "smooth", "objective", "quality"):
        assert getattr(settled, name) is not None
        assert getattr(recipe, name) in (None, getattr(settled, name))


def test_every_layer_of_inception_has_a_stand_in_that_ships():
    inception = NETWORKS["inception_v3"]
    assert set(inception.stand_ins) == set(inception.layers)
    recipe = Recipe.parse("mixed3:5*2+mixed5:top3+fire7 steps=9")
    assert str(recipe.stand_in(["inception_v3"])) == "block7*2+block9:top3+fire7 steps=9"


def test_recipes_need_neither_numpy_nor_tensorflow():
    code = (
        "import sys, dream.recipe, dream.octaves, dream.backbone.catalog\n"
        "assert not {'numpy', 'PIL', 'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_spaces_and_line_ends_are_as_good_as_one_space():
    assert str(Recipe.parse("block8" + " " * 900 + "- block3" + "\n" * 900 + "steps = 4")) == (
        "block8-block3 steps=4"
    )


def test_a_longer_text_than_any_recipe_needs_is_refused_in_one_sentence():
    with pytest.raises(RecipeError, match="6016 characters; please write one of at most 2000"):
        Recipe.parse("block8 steps=4  " + "x" * 6000)


@pytest.mark.parametrize(
    "grown",
    [
        lambda n: "a" * n + "!",
        lambda n: "block8*" + "1" * n + "!",
        lambda n: "block8*1." + "1" * n + "!",
        lambda n: "block8:" + "1," * (n // 2) + "!",
        lambda n: "block8:top" + "1" * n + "!",
        lambda n: "block8" + " " * n + "!",
        lambda n: "block8 - " * (n // 9) + "!",
        lambda n: "octave" * (n // 6) + "=3",
        lambda n: "block8 steps=" + "9" * n,
        lambda n: "block8" * (n // 6),
        lambda n: "block8+" * (n // 7) + "!",
        lambda n: ("block8:" + "1,2," * 7 + "3+") * (n // 37),
    ],
)
def test_reading_takes_time_in_proportion_to_the_text(grown, monkeypatch):
    """Time at four times the length is at most eight times as long; sixteen would be quadratic."""
    monkeypatch.setattr("dream.recipe.MAX_LENGTH", 10**6, raising=False)

    def seconds(text):
        took = []
        for _ in range(3):
            began = time.process_time()
            with contextlib.suppress(RecipeError):
                Recipe.parse(text, PRESETS)
            took.append(time.process_time() - began)
        return min(took)

    assert seconds(grown(16_000)) < 8 * seconds(grown(4000)) + 0.03


def test_a_morph_moves_from_one_recipe_to_the_next():
    morph = Recipe.parse("block8 strength=0.01 > block9 strength=0.03 > ostrich seed=7").settled()
    assert [morph.shares(position) for position in (0, 0.5, 1)] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert sum(morph.shares(0.3)) == pytest.approx(1)
    assert [morph.at(position).strength for position in (0, 0.25, 0.5)] == [0.01, 0.02, 0.03]
    assert morph.networks == ("efficientnet_lite0", "squeezenet")
    assert str(morph.stages[1]).startswith("block9 ")
    assert all(stage.seed == 7 for stage in morph.stages)


def test_a_loop_takes_longer_than_a_film():
    recipe = Recipe.parse("block8")
    film, loop = (clip_work(recipe, 512, 288, 60, format) for format in ("mp4", "gif"))
    assert loop > film * 1.3  # sixteen of its frames are dreamt twice, and it is written twice


def test_a_morph_makes_a_film_of_any_picture():
    morph = Recipe.parse("block8 > block9")
    assert morph.dreams_clip(1) and morph.dreams_clip(100) and not morph.is_video
    assert frames(morph) == 72
    assert frames(Recipe.parse("block8 > block9 > fire7 seconds=2")) == 48
    assert clip_work(morph, 512, 512, 1) == clip_work(morph, 512, 512, 72)
    falling = Recipe.parse("block8 > block9 zoom=1.02")
    assert falling.is_video and not falling.dreams_clip(1)
    assert work(falling, 512, 512) > work(Recipe.parse("block8 zoom=1.02 seconds=3"), 512, 512)
