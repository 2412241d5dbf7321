"""What to dream, as a value and as the text people type.

The same text is a chat command, a preset, a PNG's metadata and a command line's arguments:

    block8+block11
    mixed3*0.5+mixed5 steps=10 octaves=4 scale=1.4 strength=0.02 size=1024 seed=7 keep=color blend=0.8
    block8:12,40-block3*0.5      only two channels of block8, and away from what block3 sees
    puppyslug octaves=6          a preset, with one option of its own

Words may come in any order. `Recipe.parse` reads the text, `str` writes it back in one canonical form, and
every Recipe that exists is valid: whatever is wrong is refused when it is made.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from dream.backbone.catalog import LAYERS, STAND_INS, Network, NetworkName
from dream.suggestions import did_you_mean, either, nearest

MAX_LENGTH = 2000
"""The most characters of a recipe's text: room for every valid recipe, and for any Discord message."""

MAX_TERMS = 8
MAX_CHANNELS = 32
QUALITIES = ("quick", "normal", "rich")
OBJECTIVES = ("square", "mean")
KEEPS = ("color",)
SIMILAR = 0.6
"""How much a known word resembles an unknown one, at least, to be what was meant: foo is not loom."""


class RecipeError(ValueError):
    """A recipe that cannot be dreamt. Its text is one friendly sentence saying what to write instead."""


@dataclass(frozen=True, slots=True)
class Option:
    """One `name=value` word of a recipe: a number from `low` to `high`, or one of `choices`."""

    name: str
    meaning: str
    low: float = 0
    high: float = 0
    whole: bool = False
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What may be written after the equals sign, in words."""
        if self.choices:
            return either(self.choices)
        return f"a {'whole ' if self.whole else ''}number from {_number(self.low)} to {_number(self.high)}"

    def read(self, value: object) -> Any:
        """`value`, text or not, as this option's value. Raises RecipeError."""
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
        raise RecipeError(f"{self.name} must be {self.expected}, not “{_short(value)}”.")


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option("steps", "gradient steps on each octave, on average", 1, 200, whole=True),
        Option("octaves", "how many sizes the dream grows through", 1, 12, whole=True),
        Option("scale", "how much larger each octave is than the one before", 1.1, 2),
        Option(
            "strength", "how far a step moves the picture: 0.007 gentle, 0.014 normal, 0.03 wild", 0.001, 0.1
        ),
        Option("size", "the result's longer side in pixels", 16, 4096, whole=True),
        Option("seed", "the same seed dreams the same dream again", 0, 2**32 - 1, whole=True),
        Option("keep", "what stays as in the photograph", choices=KEEPS),
        Option("blend", "how much of the result is dream, the rest is the photograph", 0, 1),
        Option("smooth", "how soft the dream's lines are: 0 crisp, 1 normal, 2 soft", 0, 4),
        Option(
            "objective",
            "what grows: square, what is strongest in the picture; mean, all that the layers see",
            choices=OBJECTIVES,
        ),
        Option("quality", "how much time to take", choices=QUALITIES),
        Option("zoom", "a video, so much larger at each frame; 1 shows how the dream comes about", 1, 1.2),
        Option("rotate", "how many degrees a video turns from frame to frame", -10, 10),
        Option("seconds", "how long a video is", 1, 60),
    )
}


@dataclass(frozen=True, slots=True)
class Term:
    """One term of the objective: `weight` times a statistic of `channels` of `layer`.

    No `channels` means all of them; `top` means that many, the most active ones in the picture. A
    negative weight minimises the term.
    """

    layer: str
    weight: float = 1.0
    channels: tuple[int, ...] = ()
    top: int = 0

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise RecipeError(_unknown(self.layer, LAYERS, "layer"))
        count = self.network.layers[self.layer]
        weight = round(float(self.weight), 4)
        if not 0 < abs(weight) <= 100:
            raise RecipeError(f"The weight of {self.layer} must be a number other than 0, from -100 to 100.")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "channels", tuple(sorted(set(self.channels))))
        if any(not 0 <= channel < count for channel in self.channels):
            raise RecipeError(f"{self.layer} has the channels 0 to {count - 1}.")
        if len(self.channels) > MAX_CHANNELS:
            raise RecipeError(f"Name at most {MAX_CHANNELS} channels of {self.layer}, or all by naming none.")
        if self.channels and self.top:
            raise RecipeError(f"Give {self.layer} either channels or top, not both.")
        if not 0 <= self.top <= count:
            raise RecipeError(f"{self.layer} has {count} channels: top can be 1 to {count}.")

    @property
    def network(self) -> Network:
        """The network this term's layer belongs to."""
        return LAYERS[self.layer]

    def __str__(self) -> str:
        chosen = f"top{self.top}" if self.top else ",".join(map(str, self.channels))
        weight = abs(self.weight)
        return self.layer + (f":{chosen}" if chosen else "") + ("" if weight == 1 else f"*{_number(weight)}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to dream. An option that is None was not asked for and takes the engine's default."""

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
    quality: str | None = None
    zoom: float | None = None
    rotate: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.terms:
            raise RecipeError("Name a layer to dream of, such as block8 or mixed5, or a preset.")
        if len(self.terms) > MAX_TERMS:
            raise RecipeError(f"A dream can be of at most {MAX_TERMS} layers at once.")
        networks = {term.network.name: term for term in self.terms}
        if len(networks) > 1:
            first, second, *_ = (term.layer for term in networks.values())
            raise RecipeError(f"{first} and {second} belong to different networks; dream of one at a time.")
        for option in OPTIONS.values():
            value = getattr(self, option.name)
            if value is not None:
                object.__setattr__(self, option.name, option.read(value))

    @classmethod
    def parse(cls, text: str, presets: Mapping[str, str] | None = None, default: str = "") -> Self:
        """Read a recipe from what somebody typed.

        `presets` maps names to recipe texts, which may be named in `text` and overridden option by option.
        `default` is the recipe that `text` only adjusts when it names neither a layer nor a preset.
        Raises RecipeError.
        """
        if len(text) > MAX_LENGTH:
            raise RecipeError(
                f"That recipe has {len(text)} characters; please write one of at most {MAX_LENGTH}."
            )
        presets = presets or {}
        terms: list[Term] = []
        options: dict[str, Any] = {}
        named: str | None = None
        spaced = " ".join(text.lower().split())
        joined = re.sub(r" ?([+*=:,]) ?|(?<=\w) (-) (?=[a-z])", r"\1\2", spaced)
        _check_words(joined.split(), presets)
        for word in joined.split():
            name, equals, value = word.partition("=")
            if equals:
                option = OPTIONS.get(name)
                if option is None:
                    raise RecipeError(_unknown(name, OPTIONS, "option"))
                if name in options:
                    raise RecipeError(f"{name} is given twice; give it once.")
                options[name] = option.read({"colour": "color"}.get(value, value))
            elif word in presets:
                if named:
                    raise RecipeError(f"{named} and {word} are both presets; name one of them.")
                named = word
            else:
                terms += _terms(word, presets)
        base = presets[named] if named else "" if terms else default
        if base:
            start = cls.parse(base, {} if named else presets)
            return dataclasses.replace(start, terms=tuple(terms) or start.terms, **options)
        return cls(tuple(terms), **options)

    def __str__(self) -> str:
        terms = "".join(
            ("-" if t.weight < 0 else "+" if i else "") + str(t) for i, t in enumerate(self.terms)
        )
        given = ((name, getattr(self, name)) for name in OPTIONS)
        return " ".join([terms, *(f"{name}={_number(value)}" for name, value in given if value is not None)])

    @property
    def network(self) -> NetworkName:
        """The name of the network whose layers these are."""
        return self.terms[0].network.name

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers dreamt of, each once, in the order given."""
        return tuple(dict.fromkeys(term.layer for term in self.terms))

    @property
    def is_video(self) -> bool:
        """Whether this dreams a video: any of a video's options makes it one."""
        return any(value is not None for value in (self.zoom, self.rotate, self.seconds))

    def settled(self) -> Self:
        """The same recipe with the engine's default for every option of the dream that was not asked for.

        `size` and `seed` stay as they are: the picture decides the one, chance the other. So does `keep`, and
        in a still all of a video's options, which are off when not asked for.
        """
        defaults = _DEFAULTS | _BY_QUALITY[self.quality or "normal"] | (_OF_VIDEO if self.is_video else {})
        given = {name: getattr(self, name) for name in defaults}
        missing = {name: value for name, value in defaults.items() if given[name] is None}
        return dataclasses.replace(self, **missing)

    def stand_in(self) -> Self:
        """This recipe of InceptionV3's layers with the bundled layers that dream most like them.

        Channels are left out, because a channel's number means nothing in another network.
        """
        terms = tuple(Term(STAND_INS[t.layer], t.weight, top=min(t.top, 16)) for t in self.terms)
        return dataclasses.replace(self, terms=terms)


_DEFAULTS: dict[str, Any] = {"blend": 1.0, "smooth": 1.0, "objective": "square", "quality": "normal"}
_BY_QUALITY: dict[str, dict[str, Any]] = {
    "quick": {"steps": 4, "octaves": 4, "scale": 1.35, "strength": 0.022},
    "normal": {"steps": 8, "octaves": 4, "scale": 1.35, "strength": 0.014},
    "rich": {"steps": 10, "octaves": 5, "scale": 1.4, "strength": 0.015, "smooth": 1.3},
}

_OF_VIDEO: dict[str, Any] = {"zoom": 1.02, "rotate": 0.0, "seconds": 10.0}

_TERM = re.compile(  # possessive quantifiers (++, *+) never backtrack: matching takes linear time
    r"(?P<sign>[+-]?)(?P<layer>[a-z][a-z0-9_]*+)"
    r"(?::(?P<chosen>top\d++|\d++(?:,\d++)*+))?+"
    r"(?:\*(?P<weight>-?(?:\d++\.?\d*+|\.\d++)))?+"
    r"(?=[+-]|$)"
)


def _terms(word: str, presets: Iterable[str]) -> list[Term]:
    """Read `layer[:channels][*weight]` joined by + and -. Raises RecipeError."""
    terms: list[Term] = []
    position = 0
    while position < len(word):
        match = _TERM.match(word, position)
        if match is None:
            named = re.match(r"[+-]?([a-z0-9_]+)", word[position:])
            if named and named[1] not in LAYERS:
                raise RecipeError(_unknown(named[1], [*LAYERS, *presets], "layer or preset"))
            raise RecipeError(
                f"I can't read “{_short(word)}”: write layers like block8, block8*0.5, block8:12,40 or "
                "block8+block11."
            )
        layer, chosen = match["layer"], match["chosen"] or ""
        if layer not in LAYERS:
            raise RecipeError(_unknown(layer, [*LAYERS, *presets], "layer or preset"))
        sign = -1 if match["sign"] == "-" else 1
        top = int(chosen[3:][:9]) if chosen.startswith("top") else 0
        if chosen.startswith("top") and not top:
            raise RecipeError(f"top needs at least one channel: write {layer}:top5.")
        channels = () if top else tuple(int(number[:9]) for number in chosen.split(",") if number)
        terms.append(Term(layer, sign * float(match["weight"] or 1), channels, top))
        position = match.end()
    return terms


def _check_words(words: Iterable[str], presets: Iterable[str]) -> None:
    """Refuse words that only a description has, such as "a red dragon". Raises RecipeError."""
    presets = list(presets)
    plain = [word for word in words if word.isalpha() and word not in presets]
    for word in plain[:MAX_TERMS]:
        if option := OPTIONS.get(word):
            raise RecipeError(f"{word} needs a value: write {word}= and {option.expected}, without a space.")
        if nearest(word, [*LAYERS, *presets], cutoff=SIMILAR):
            raise RecipeError(_unknown(word, [*LAYERS, *presets], "layer or preset"))
    if plain:
        preset = f"a preset, such as {either(presets[:3])}, or " if presets else ""
        raise RecipeError(
            f"I can't dream of “{_short(' '.join(plain))}”: I bring out what a network sees in a picture by "
            f"itself; name {preset}a layer, such as block8."
        )


def _unknown(word: str, known: Iterable[str], kind: str) -> str:
    """One sentence about an unknown word, with the nearest known ones."""
    known = list(known)
    hint = did_you_mean(word, known, cutoff=SIMILAR) or f"some are {', '.join(known[:8])}."
    return f"I know no {kind} called “{_short(word)}”; {hint}"


def _number(value: object) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
