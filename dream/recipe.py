"""What to dream, as a value and as the text people type.

The same text is a chat command, a preset, a PNG's metadata and a command line's arguments:

    block8+block11
    mixed3*0.5+mixed5 steps=10 octaves=4 scale=1.4 strength=0.02 size=1024 seed=7 keep=color blend=0.8
    block8:12,40-block3*0.5      only two channels of block8, and away from what block3 sees
    puppyslug octaves=6          a preset, with one option of its own
    ostrich+block8*0.3           things by name, as all networks see them, and layers of any network
    serpents > coral > ostrich   a morph, from one recipe to the next

Words may come in any order. `Recipe.parse` reads the text, `str` writes it back in one canonical form, and
every Recipe that exists is valid: whatever is wrong is refused when it is made.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, NamedTuple, Self

from dream.backbone import classes as imagenet
from dream.backbone.catalog import BETWEEN, CLASS, LAYERS, NETWORKS, NetworkName, layers_called
from dream.objective import (
    MAX_TERMS,
    SIMILAR,
    Objective,
    class_numbers,
    nearest_things,
    number_text,
    read_terms,
    shortened,
    unknown_option,
    unknown_thing,
)
from dream.objective import RecipeError as RecipeError
from dream.objective import Term as Term
from dream.suggestions import either, nearest
from dream.texts import Text, _

MAX_LENGTH = 2000
"""The most characters of a recipe's text: room for every valid recipe, and for any Discord message."""

QUALITIES = ("quick", "normal", "rich")
OBJECTIVES = ("square", "mean")
KEEPS = ("color",)
ASCENTS = ("usual", "plain")
TILES = ("both", "across", "down")
OUTPUTS = ("mp4", "gif", "webp", "still")

NO_MORPH = Text("name one recipe, without >.")

AUTO, AUTO_CLASSES = "auto", 3
"""What asks for the classes that the networks see most in the picture itself, and how many these are."""

MAX_STAGES = 6
"""The most recipes that a morph moves through."""

STAGE_OPTIONS = ("strength", "smooth", "objective")
"""The options that each recipe of a morph has for itself; all others are the whole dream's."""

SECOND_PICTURE = "picture"
"""What names a second picture as a place: its bright parts."""


@dataclass(frozen=True, slots=True)
class Option:
    """One `name=value` word of a recipe: a number from `low` to `high`, one of `choices`, or a place.

    A place is where in the picture to dream: names of classes, joined by commas, or "picture".
    """

    name: str
    meaning: Text
    low: float = 0
    high: float = 0
    whole: bool = False
    choices: tuple[str, ...] = ()
    is_place: bool = False

    @property
    def field(self) -> str:
        """The field of a recipe that holds it: its name, unless Python keeps that for itself."""
        return f"{self.name}_" if iskeyword(self.name) else self.name

    @property
    def expected(self) -> str:
        """What may be written after the equals sign, in words."""
        if self.is_place:
            return _(
                "a thing, such as tabby, or {picture}, for the bright parts of a second one",
                picture=SECOND_PICTURE,
            )
        if self.choices:
            return either(self.choices)
        low, high = number_text(self.low), number_text(self.high)
        if self.whole:
            return _("a whole number from {low} to {high}", low=low, high=high)
        return _("a number from {low} to {high}", low=low, high=high)

    def read(self, value: object) -> Any:
        """`value`, text or not, as this option's value. Raises RecipeError."""
        if self.is_place:
            return value if value == SECOND_PICTURE else ",".join(_class_names(str(value)))
        if self.choices:
            if value in self.choices:
                return value
        else:
            try:
                number = float(value)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                number = float("nan")
            if self.low <= number <= self.high and not (self.whole and number % 1):
                return int(number) if self.whole else round(number, 4)
        raise RecipeError(
            Text(
                "{name} must be {expected}, not “{typed}”.",
                name=self.name,
                expected=self.expected,
                typed=shortened(value),
            )
        )


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option("steps", Text("gradient steps on each octave, on average"), 1, 5000, whole=True),
        Option("octaves", Text("how many sizes the dream grows through"), 1, 12, whole=True),
        Option("scale", Text("how much larger each octave is than the one before"), 1.1, 2),
        Option(
            "strength",
            Text("how far a step moves the picture: 0.007 gentle, 0.014 normal, 0.03 wild"),
            0.0001,
            0.1,
        ),
        Option("size", Text("the result's longer side in pixels"), 16, 4096, whole=True),
        Option("seed", Text("the same seed dreams the same dream again"), 0, 2**32 - 1, whole=True),
        Option("keep", Text("what stays as in the photograph"), choices=KEEPS),
        Option("blend", Text("how much of the result is dream, the rest is the photograph"), 0, 1),
        Option("smooth", Text("how soft the dream's lines are: 0 crisp, 1 normal, 2 soft"), 0, 4),
        Option(
            "objective",
            Text("what grows: square, what is strongest in the picture; mean, all that the layers see"),
            choices=OBJECTIVES,
        ),
        Option("only", Text("dream only where this is"), is_place=True),
        Option("except", Text("dream everywhere but where this is"), is_place=True),
        Option(
            "tile", Text("a wallpaper: the dream goes on at the other side without a seam"), choices=TILES
        ),
        Option(
            "ascent",
            Text("usual, steps with all that makes them quick and clean; plain, the bare gradient's"),
            choices=ASCENTS,
        ),
        Option("quality", Text("how much time to take"), choices=QUALITIES),
        Option(
            "zoom", Text("a video, so much larger at each frame; 1 shows how the dream comes about"), 1, 1.2
        ),
        Option("rotate", Text("how many degrees a video turns from frame to frame"), -10, 10),
        Option("seconds", Text("how long a video is, or a morph of a picture"), 1, 60),
        Option(
            "as",
            Text("what a moving picture or a video becomes; still dreams its first frame"),
            choices=OUTPUTS,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to dream. An option that is None was not asked for and takes the engine's default.

    A morph begins with the terms and ends with the last recipe in `then`, whose recipes have no other options
    than those of `STAGE_OPTIONS`.
    """

    terms: tuple[Term, ...]
    steps: int | None = None
    octaves: int | None = None
    scale: float | None = None
    strength: float | None = None
    size: int | None = None
    seed: int | None = None
    keep: str | None = None
    blend: float | None = None
    smooth: float | None = None
    objective: str | None = None
    only: str | None = None
    except_: str | None = None
    tile: str | None = None
    ascent: str | None = None
    quality: str | None = None
    zoom: float | None = None
    rotate: float | None = None
    seconds: float | None = None
    as_: str | None = None
    then: "tuple[Recipe, ...]" = ()

    def __post_init__(self) -> None:
        if not self.terms:
            raise RecipeError(
                Text("Name what to dream of: a layer such as block8, a preset, or a thing such as ostrich.")
            )
        if len(self.terms) > MAX_TERMS:
            raise RecipeError(Text("A dream can be of at most {most} layers at once.", most=MAX_TERMS))
        for option in OPTIONS.values():
            value = getattr(self, option.field)
            if value is not None:
                object.__setattr__(self, option.field, option.read(value))
        is_place = self.only or self.except_ or self.tile
        if self.is_video and is_place:
            raise RecipeError(
                Text("only, except and tile are for pictures; leave out zoom, rotate and seconds.")
            )
        if self.then:
            self._check_morph(bool(is_place))

    def _check_morph(self, is_place: bool) -> None:
        if len(self.then) >= MAX_STAGES:
            raise RecipeError(
                Text(
                    "A morph goes through at most {most} recipes; please leave some out.",
                    most=MAX_STAGES,
                )
            )
        if is_place:
            raise RecipeError(Text("only, except and tile are for pictures; {hint}", hint=NO_MORPH))
        if self.as_ == "still":
            raise RecipeError(
                Text("A morph moves, so it can't be a still; leave out still, or {hint}", hint=NO_MORPH)
            )
        for stage in self.then:
            if others := [name for name in stage.given if name not in STAGE_OPTIONS]:
                raise RecipeError(
                    Text("{option} is for a whole morph: give it with its first recipe.", option=others[0])
                )
            if stage.then:
                raise RecipeError(Text("A morph is no part of another; name its recipes one by one."))
        if len(str(self)) > MAX_LENGTH:
            raise RecipeError(
                Text(
                    "That morph takes {count} characters to write; please make it one of at most {most}.",
                    count=len(str(self)),
                    most=MAX_LENGTH,
                )
            )

    @classmethod
    def parse(
        cls,
        text: str,
        presets: Mapping[str, str] | None = None,
        default: str = "",
        network: NetworkName = "",
        options: Mapping[str, Option] = OPTIONS,
    ) -> Self:
        """Read a recipe from what somebody typed.

        `presets` maps names to recipe texts, which may be named in `text` and overridden option by option.
        `default` is the recipe that `text` only adjusts when it names neither a layer nor a preset. Layers of
        `network` go before others of the same name. `options` are those of `OPTIONS`, with narrower ranges
        where less is allowed. Raises RecipeError.
        """
        if len(text) > MAX_LENGTH:
            raise RecipeError(
                Text(
                    "That recipe has {count} characters; please write one of at most {most}.",
                    count=len(text),
                    most=MAX_LENGTH,
                )
            )
        presets = presets or {}
        text = text.lower()
        stages = [text] if "<" in text else _ARROW.split(text)  # <#12> is a mention, and no morph
        parts = [_read(stage, presets, network, options) for stage in stages]
        if len(parts) == 1:
            return cls._completed(parts[0], presets, default, network)
        if not all(part.terms or part.preset for part in parts):
            raise RecipeError(
                Text("A morph needs a recipe on both sides of each >: write serpents > coral, for instance.")
            )
        return cls._morph(parts, [cls._completed(part, presets, "", network) for part in parts])

    @classmethod
    def _completed(
        cls, words: "_Words", presets: Mapping[str, str], default: str, network: NetworkName
    ) -> Self:
        """The recipe that words adjust: their preset's, or `default` where they name nothing to dream of."""
        base = presets[words.preset] if words.preset else "" if words.terms else default
        if not base:
            return cls(words.terms, **words.options)
        start = cls.parse(base, {} if words.preset else presets, network=network)
        if words.terms:
            start = dataclasses.replace(start, terms=words.terms, then=())
        return start.adjusted(**words.options)

    @classmethod
    def _morph(cls, parts: "Iterable[_Words]", recipes: Iterable[Self]) -> Self:
        """The morph through `recipes`, which were written as `parts`.

        Options of the whole are those written anywhere, then those of the first preset that has them.
        """
        stages = [stage for recipe in recipes for stage in recipe.stages]
        whole: dict[str, Any] = {}
        for part in parts:
            for name in part.options.keys() - STAGE_OPTIONS:
                if name in whole:
                    raise RecipeError(Text("{name} is given twice; give it once.", name=name.rstrip("_")))
                whole[name] = part.options[name]
        for stage in stages:
            for name, value in stage.given.items():
                if name not in STAGE_OPTIONS:
                    whole.setdefault(OPTIONS[name].field, value)
        first, *others = (
            cls(stage.terms, **{name: getattr(stage, name) for name in STAGE_OPTIONS}) for stage in stages
        )
        return dataclasses.replace(first, **whole, then=tuple(others))

    def adjusted(self, **options: Any) -> Self:
        """The same with other options, in a morph those of `STAGE_OPTIONS` in each of its recipes."""
        each = {name: value for name, value in options.items() if name in STAGE_OPTIONS}
        then = tuple(dataclasses.replace(stage, **each) for stage in self.then)
        return dataclasses.replace(self, **options, then=then)

    def __str__(self) -> str:
        given = (f"{name}={number_text(value)}" for name, value in self.given.items())
        first = " ".join([str(Objective(self.terms)), *given])
        return " > ".join([first, *map(str, self.then)])

    @property
    def given(self) -> dict[str, Any]:
        """The options that were asked for, by the names they are written with."""
        values = {name: getattr(self, option.field) for name, option in OPTIONS.items()}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def is_morph(self) -> bool:
        """Whether this moves from one recipe to another."""
        return bool(self.then)

    @property
    def returns(self) -> bool:
        """Whether a morph ends with what it began with, so that its film can be shown again and again."""
        return self.stages[0] == self.stages[-1]

    @property
    def stages(self) -> tuple[Self, ...]:
        """The recipes that a morph moves through, each with all its options; of another itself alone."""
        return (
            dataclasses.replace(self, then=()),
            *(
                dataclasses.replace(
                    self,
                    terms=stage.terms,
                    then=(),
                    **{name: getattr(stage, name) for name in STAGE_OPTIONS},
                )
                for stage in self.then
            ),
        )

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """The terms of all of a morph's recipes, one after the other."""
        return (*self.terms, *(term for stage in self.then for term in stage.terms))

    @property
    def networks(self) -> tuple[NetworkName, ...]:
        """The names of the networks that dream this, each once, in the order of the terms."""
        return tuple(dict.fromkeys(network.name for term in self.all_terms for network in term.networks))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers dreamt of, each once, in the order given."""
        return tuple(dict.fromkeys(term.layer for term in self.all_terms))

    @property
    def things(self) -> tuple[str, ...]:
        """The same, classes by name: such as "block8" and "class:ostrich"."""
        terms = self.all_terms
        return tuple(dict.fromkeys(term.label if term.is_classes else term.layer for term in terms))

    @property
    def is_of_classes(self) -> bool:
        """Whether any of it is of classes, whose shapes take more and finer steps than textures do.

        What a morph begins with counts.
        """
        return any(term.is_classes for term in self.terms)

    def on(self, network: NetworkName) -> tuple[Term, ...]:
        """The terms that `network` computes, classes as the channels of its classifier."""
        return tuple(own for term in self.all_terms if (own := term.on(network)))

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the dream's rows and columns go on at the other side."""
        return self.tile in ("both", "down"), self.tile in ("both", "across")

    @property
    def is_video(self) -> bool:
        """Whether this dreams a video of a picture that does not move: any of a video's options makes it one.

        A morph takes frame after frame, of the picture itself, and is a video only where it zooms or turns.
        """
        if self.is_morph:
            return self.zoom not in (None, 1) or bool(self.rotate)
        return any(value is not None for value in (self.zoom, self.rotate, self.seconds))

    @property
    def moves(self) -> bool:
        """Whether its dream of any picture moves."""
        return self.is_video or self.is_morph

    def dreams_clip(self, frames: int) -> bool:
        """Whether this dreams frame after frame, of a source that has so many.

        A still, a video and a place take the first. A morph repeats the only frame of a picture.
        """
        is_place = bool(self.only or self.except_ or self.tile)
        is_moving = frames > 1 or self.is_morph
        return is_moving and not (self.is_video or is_place) and self.as_ != "still"

    def shares(self, position: float) -> tuple[float, ...]:
        """How much of each of its recipes a morph is at `position`, from 0 at its beginning to 1 at its end.

        It rests a little at each: the shares move as a cosine does.
        """
        at = min(max(position, 0.0), 1.0) * len(self.then)
        return tuple(
            (1 + math.cos(math.pi * min(abs(at - number), 1))) / 2 for number in range(len(self.then) + 1)
        )

    def at(self, position: float) -> Self:
        """A settled morph with the strength and smoothness that it has at `position`."""
        shares = self.shares(position)
        mixed = {
            name: sum(share * getattr(one, name) for share, one in zip(shares, self.stages, strict=True))
            for name in ("strength", "smooth")
        }
        return dataclasses.replace(self, **mixed)

    def settled(self) -> Self:
        """The same recipe with the engine's default for every option of the dream that was not asked for.

        `size` and `seed` stay as they are: the picture decides the one, chance the other. So does `keep`, and
        in a still all of a video's options, which are off when not asked for.
        """
        by_quality = _OF_CLASSES if self.is_of_classes else _BY_QUALITY
        defaults = _DEFAULTS | by_quality[self.quality or "normal"] | (_OF_VIDEO if self.is_video else {})
        if self.is_morph:
            defaults["seconds"] = min(MORPH_SECONDS * len(self.then), OPTIONS["seconds"].high)
        given = {name: getattr(self, name) for name in defaults}
        missing = {name: value for name, value in defaults.items() if given[name] is None}
        return dataclasses.replace(self, **missing, then=tuple(map(_settled_stage, self.stages[1:])))

    def stand_in(self, missing: Collection[NetworkName]) -> Self:
        """This recipe with bundled layers in place of those of the networks that are `missing`.

        Channels are left out, because a channel's number means nothing in another network.
        """

        def stood_in(term: Term) -> Term:
            (network, *_) = term.networks
            if network.name not in missing:
                return term
            return Term(network.stand_in(term.layer), term.weight, top=min(term.top, 16))

        return self.with_terms(stood_in)

    def with_terms(self, change: Callable[[Term], Term]) -> Self:
        """The same with each term changed."""
        then = tuple(stage.with_terms(change) for stage in self.then)
        return dataclasses.replace(self, terms=tuple(map(change, self.terms)), then=then)


def _settled_stage(stage: Recipe) -> Recipe:
    """One of a morph's recipes with the engine's defaults for the options that it has for itself."""
    settled = stage.settled()
    return Recipe(stage.terms, **{name: getattr(settled, name) for name in STAGE_OPTIONS})


class _Words(NamedTuple):
    """What was typed: what to dream of, options by their fields, and the preset named."""

    terms: tuple[Term, ...]
    options: dict[str, Any]
    preset: str | None


def _read(
    text: str, presets: Mapping[str, str], network: NetworkName, options: Mapping[str, Option]
) -> _Words:
    """Read one recipe of a morph, or all of another. Raises RecipeError."""
    terms: list[Term] = []
    given: dict[str, Any] = {}
    named: str | None = None
    spaced = with_classes(" ".join(text.split()), presets, network)
    joined = re.sub(r" ?([+*=:,]) ?|(?<=\w) (-) (?=[a-z])", r"\1\2", spaced)
    _check_words([word for word in joined.split() if not _is_layer(word, network)], presets, options)
    for word in joined.split():
        name, equals, value = ("as=still" if word == "still" else word).partition("=")
        if equals:
            option = options.get(name)
            if option is None:
                raise RecipeError(unknown_option(name, options))
            if option.field in given:
                raise RecipeError(Text("{name} is given twice; give it once.", name=name))
            given[option.field] = option.read({"colour": "color"}.get(value, value))
        elif word == AUTO and word not in presets:
            terms.append(Term(CLASS, top=AUTO_CLASSES))
        elif word in presets:
            if named:
                raise RecipeError(
                    Text(
                        "{first} and {word} are both presets; name one of them, or write {first} > {word}.",
                        first=named,
                        word=word,
                    )
                )
            named = word
        else:
            terms += read_terms(word, presets, network)
    return _Words(tuple(terms), given, named)


_DEFAULTS: dict[str, Any] = {"blend": 1.0, "smooth": 1.0, "objective": "square", "quality": "normal"}
_BY_QUALITY: dict[str, dict[str, Any]] = {
    "quick": {"steps": 4, "octaves": 4, "scale": 1.35, "strength": 0.022},
    "normal": {"steps": 8, "octaves": 4, "scale": 1.35, "strength": 0.014},
    "rich": {"steps": 10, "octaves": 5, "scale": 1.4, "strength": 0.015, "smooth": 1.3},
}

_OF_CLASSES: dict[str, dict[str, Any]] = {
    "quick": {"steps": 8, "octaves": 4, "scale": 1.35, "strength": 0.014},
    "normal": {"steps": 16, "octaves": 5, "scale": 1.3, "strength": 0.009},
    "rich": {"steps": 18, "octaves": 6, "scale": 1.3, "strength": 0.009, "smooth": 1.3},
}

_OF_VIDEO: dict[str, Any] = {"zoom": 1.02, "rotate": 0.0, "seconds": 10.0}

MORPH_SECONDS = 3.0
"""How long a morph of a picture takes from one recipe to the next, unless `seconds` says how long it is."""

_ARROW = re.compile(r"-?>|→")

_PLACES = tuple(f"{option.name}=" for option in OPTIONS.values() if option.is_place)
_LAYER_NAMES = re.compile(r"[a-z][a-z0-9_/]*+")
_WORDS = re.compile(r"[a-z0-9_/'’]++|.")
_ATOMS = re.compile(r"[a-z0-9'’]++|.")
_ARTICLES = ("a", "an", "of", "some", "the")
_JOINTS = (" ", "_", "-", ".")


def with_classes(text: str, presets: Iterable[str], network: NetworkName = "") -> str:
    """`text` with every name of classes in its canonical form: "an ostrich" as "class:ostrich".

    The longest name counts. Layers, presets, options and their values stay as they are, also where they name
    a class. Raises RecipeError for a name that may mean several classes.
    """
    kept = {*presets, *OPTIONS, CLASS, AUTO}
    known = imagenet.meanings()
    text = re.sub(r"(?<=[a-z])\. ", " ", text)
    layers = {word for word in _LAYER_NAMES.findall(text) if _is_layer(word, network)}
    kept |= layers
    atoms = [
        atom for word in _WORDS.findall(text) for atom in ([word] if word in layers else _ATOMS.findall(word))
    ]
    normal = [atom if atom in layers else imagenet.normal(atom) for atom in atoms]
    written: list[str] = []
    i = 0
    while i < len(atoms):
        phrase, end = normal[i], i + 1
        found = i + 1 if phrase in known and phrase not in kept else 0
        words = 1
        while end + 1 < len(atoms) and atoms[end] in _JOINTS and words < imagenet.PHRASE_WORDS:
            phrase = f"{phrase}_{normal[end + 1]}"
            end, words = end + 2, words + 1
            if phrase in known:
                found = end
        before = next((atom for atom in reversed(written[-2:]) if atom != " "), "")
        is_place = before == "=" and "".join(written[-3:]).replace(" ", "").endswith(_PLACES)
        if not found or (before == "=" and not is_place):
            written.append(atoms[i])
            i += 1
            continue
        numbers = class_numbers(" ".join(atoms[i:found]))
        names = ",".join(imagenet.names()[number] for number in numbers)
        written.append(names if before in (":", ",", "=") else f"{CLASS}:{names}")
        i = found
    plain = [word for word in "".join(written).split() if word not in _ARTICLES or word in kept]
    return re.sub(r"(?<=\S) and (?=\S)", "+", " ".join(plain))


def _is_layer(word: str, network: NetworkName) -> bool:
    """Whether `word` is a layer: one of `network`, or one whose short name is not that of a class."""
    called = layers_called(word, network)
    if called in ([word], [f"{network}{BETWEEN}{word}"]):
        return True
    return bool(called) and imagenet.normal(word) not in imagenet.meanings()


def _class_names(text: str) -> list[str]:
    """The canonical names of the classes in "tabby,tiger_cat". Raises RecipeError."""
    numbers = dict.fromkeys(number for name in text.split(",") for number in class_numbers(name))
    return [imagenet.names()[number] for number in sorted(numbers)]


def _check_words(words: Iterable[str], presets: Iterable[str], options: Mapping[str, Option]) -> None:
    """Refuse words that only a description has, such as "a red dragon". Raises RecipeError."""
    presets = list(presets)
    plain = [word for word in words if word.isalpha() and word not in (*presets, CLASS, AUTO, "still")]
    for word in plain[:MAX_TERMS]:
        if option := options.get(word):
            raise RecipeError(
                Text(
                    "{word} needs a value: write {word}= and {expected}, without a space.",
                    word=word,
                    expected=option.expected,
                )
            )
        near = (
            nearest_things(word, presets)
            if len(plain) == 1
            else nearest(word, [*LAYERS, *presets], cutoff=SIMILAR)
        )
        if near or word in NETWORKS:
            raise RecipeError(unknown_thing(word, presets))
    if plain:
        phrase = shortened(" ".join(plain))
        if not presets:
            raise RecipeError(
                Text(
                    "I can't dream of “{phrase}”: name a layer, such as block8, or one of a thousand things "
                    "that I know, such as tabby, ostrich or volcano.",
                    phrase=phrase,
                )
            )
        raise RecipeError(
            Text(
                "I can't dream of “{phrase}”: name a preset, such as {presets}, or a layer, such as block8, "
                "or one of a thousand things that I know, such as tabby, ostrich or volcano.",
                phrase=phrase,
                presets=either(presets[:3]),
            )
        )
