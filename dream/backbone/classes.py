"""The 1000 ImageNet classes by name: synonyms, plurals, and everyday words for several of them.

A class is known by its number in `imagenet_classes.txt` and by one canonical name of small letters, digits
and underscores, such as `great_white_shark`. Pure data: no network is loaded.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

COUNT = 1000

_OWN_NAMES: Mapping[int, str] = {
    134: "crane bird",
    264: "cardigan corgi",
    474: "cardigan sweater",
    517: "crane machine",
    638: "one-piece maillot",
}
"""Names of our own for classes whose names in the file all mean another class, too."""

EVERYDAY: Mapping[str, tuple[int, ...]] = {
    "airplane": (404,),
    "ape": (365, 366, 367, 368, 369),
    "apple": (948,),
    "beach": (978,),
    "bear": (294, 295, 296, 297),
    "beetle": (300, 301, 302, 303, 306, 307),
    "bicycle": (444, 671),
    "big cat": (288, 289, 290, 291, 292),
    "bike": (444, 671),
    "bird": (10, 13, 14, 15, 16, 17, 92, 94),
    "boat": (472, 554, 625, 814),
    "bottle": (440, 720, 737, 898, 907),
    "bread": (930, 931, 932),
    "bridge": (718, 821, 839),
    "burger": (933,),
    "bus": (654, 779, 874),
    "butterfly": (321, 322, 323, 324, 325, 326),
    "camel": (354,),
    "camera": (732, 759),
    "car": (436, 511, 627, 656, 717, 751, 817),
    "cat": (281, 282, 283, 284, 285),
    "chair": (423, 559, 765),
    "chicken": (7, 8),
    "clock": (409, 530, 892),
    "coffee": (504, 967),
    "computer": (527, 620),
    "corgi": (263, 264),
    "cow": (345,),
    "crab": (118, 119, 120, 121, 125),
    "crocodile": (49, 50),
    "deer": (351, 352, 353),
    "dinosaur": (51,),
    "dog": (151, 207, 208, 232, 235, 248, 254, 258),
    "duck": (97, 98),
    "eagle": (22,),
    "elephant": (385, 386),
    "fish": (0, 1, 390, 391, 392, 393, 394, 395, 396),
    "flower": (985, 986),
    "fox": (277, 278, 279, 280),
    "frog": (30, 31, 32),
    "fruit": (948, 949, 950, 951, 952, 953, 954, 957),
    "goat": (350,),
    "guitar": (402, 546),
    "gun": (763, 764),
    "hat": (515, 808),
    "horse": (339,),
    "insect": (300, 301, 302, 306, 307, 309, 310, 311),
    "jellyfish": (107,),
    "keyboard": (508,),
    "lizard": (40, 41, 42, 43, 44, 45, 46, 47, 48),
    "lobster": (122,),
    "monkey": (371, 373, 374, 376, 378, 379, 381, 382),
    "motorbike": (665, 670),
    "mountain": (970, 980),
    "owl": (24,),
    "parrot": (87, 88, 89, 90),
    "penguin": (145,),
    "phone": (487, 528, 707),
    "piano": (579, 881),
    "pumpkin": (607,),
    "rabbit": (330, 331, 332),
    "rocket": (657,),
    "rooster": (7,),
    "sea": (978,),
    "seal": (150,),
    "shark": (2, 3, 4),
    "sheep": (348, 349),
    "ship": (403, 510, 628, 724, 780, 871, 913),
    "shoe": (514, 630, 770),
    "snake": (54, 56, 61, 62, 63, 64, 65, 66, 67, 68),
    "spaceship": (812,),
    "spider": (72, 73, 74, 75, 76, 77),
    "squirrel": (335,),
    "swan": (100,),
    "temple": (668, 832),
    "tower": (437, 900),
    "train": (466, 547, 820),
    "truck": (569, 717, 864, 867),
    "turtle": (33, 34, 35, 36, 37),
    "whale": (147, 148),
    "wolf": (269, 270, 271),
}
"""What people call several classes at once, or one by another name than the file's: by their numbers."""

_IRREGULAR: Mapping[str, str] = {
    "goose": "geese",
    "mouse": "mice",
    "ox": "oxen",
    "fish": "fishes",
    "man": "men",
    "volcano": "volcanoes",
    "buffalo": "buffaloes",
    "potato": "potatoes",
}

PHRASE_WORDS = 6
"""The most words of a name."""


def normal(phrase: str) -> str:
    """A phrase in the form of a canonical name: "Jack-o'-lantern" is "jack_o_lantern"."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"['’.]", "", phrase.lower())).strip("_")


@functools.cache
def _lines() -> tuple[tuple[str, ...], ...]:
    """The names of each class, as the file has them."""
    text = Path(__file__).with_name("imagenet_classes.txt").read_text("utf-8")
    return tuple(tuple(name.strip() for name in line.split(",")) for line in text.splitlines())


@functools.cache
def _first_names() -> Mapping[str, tuple[int, ...]]:
    """The classes whose first name each phrase is: more than one of a few."""
    found: dict[str, tuple[int, ...]] = {}
    for number, names in enumerate(_lines()):
        phrase = normal(names[0])
        found[phrase] = (*found.get(phrase, ()), number)
    return found


@functools.cache
def titles() -> tuple[str, ...]:
    """Each class's name for people, such as "jack-o'-lantern"."""
    first = _first_names()
    return tuple(
        _OWN_NAMES.get(number)
        or next((n for n in names if first.get(normal(n), (number,)) == (number,)), names[0])
        for number, names in enumerate(_lines())
    )


@functools.cache
def names() -> tuple[str, ...]:
    """Each class's canonical name, by number."""
    return tuple(normal(title) for title in titles())


@functools.cache
def numbers() -> Mapping[str, int]:
    """Each canonical name's class."""
    return MappingProxyType({name: number for number, name in enumerate(names())})


@functools.cache
def meanings() -> Mapping[str, tuple[tuple[int, ...], ...]]:
    """Every phrase that names classes, normal: its meanings, each a tuple of classes dreamt of together.

    A canonical name goes before a first name, that before an everyday word, then synonyms, then plurals.
    """
    synonyms: dict[str, set[int]] = {}
    for number, listed in enumerate(_lines()):
        for name in listed:
            synonyms.setdefault(normal(name), set()).add(number)
    found: dict[str, tuple[tuple[int, ...], ...]] = {
        phrase: tuple((number,) for number in sorted(several)) for phrase, several in synonyms.items()
    }
    found |= {normal(phrase): (several,) for phrase, several in EVERYDAY.items()}
    found |= {phrase: tuple((number,) for number in several) for phrase, several in _first_names().items()}
    found |= {name: ((number,),) for name, number in numbers().items()}
    plurals = {_plural(phrase): several for phrase, several in found.items()}
    return MappingProxyType(plurals | found)


@functools.cache
def singulars() -> tuple[str, ...]:
    """The canonical names and the everyday words: what is offered to people."""
    return (*names(), *map(normal, EVERYDAY))


def _plural(phrase: str) -> str:
    start, underscore, word = phrase.rpartition("_")
    if word in _IRREGULAR:
        word = _IRREGULAR[word]
    elif re.search(r"[^aeiou]y$", word):
        word = word[:-1] + "ies"
    elif re.search(r"(s|x|ch|sh)$", word):
        word += "es"
    elif word.endswith(("lf", "af")):
        word = word[:-1] + "ves"
    else:
        word += "s"
    return start + underscore + word
