"""The names of the thousand classes."""

import re
from pathlib import Path

import pytest

from dream.backbone import classes
from dream.backbone.catalog import LAYERS
from dream.objective import RecipeError, class_numbers
from dream.recipe import Recipe

FILE = Path(classes.__file__).with_name("imagenet_classes.txt")


def test_every_class_has_one_name_which_reads_back():
    names = classes.names()
    assert len(names) == len(set(names)) == classes.COUNT
    assert not {*names} & {*LAYERS}
    for number, name in enumerate(names):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        (term,) = Recipe.parse(f"class:{name}").terms
        assert term.channels == (number,)


def test_every_word_of_the_file_means_its_class_or_offers_it():
    for number, listed in enumerate(line.split(", ") for line in FILE.read_text("utf-8").splitlines()):
        for phrase in (listed[0], listed[0].upper(), listed[0].replace(" ", "_")):
            try:
                assert class_numbers(phrase) == (number,)
            except RecipeError as error:
                assert classes.names()[number] in str(error)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ostriches", ["ostrich"]),
        ("Great White Sharks", ["great white shark"]),
        ("cats", ["tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"]),
        ("daisies", ["daisy"]),
        ("volcanoes", ["volcano"]),
        ("wolves", ["timber wolf", "white wolf", "red wolf"]),
        ("apple", ["Granny Smith"]),
        ("sunglasses", ["sunglasses"]),
        ("sports cars", ["sports car"]),
    ],
)
def test_people_say_plurals_synonyms_and_everyday_words(said, meant):
    assert [classes.titles()[number] for number in class_numbers(said)] == meant


def test_everyday_words_hide_no_class():
    named = {classes.normal(name) for name in classes.titles()}
    assert not named & {classes.normal(word) for word in classes.EVERYDAY}
