"""What a dream maximises, as a value that adds and scales like a number.

    layer("block8") + 0.5 * classes("ostrich") - layer("block3", channels=[1, 2])

is an `Objective`, and a recipe's first word is its text: `block8+class:ostrich*0.5-block3:1,2`. Terms may be
of any networks. `layer("block8", function=...)` takes any function of activations as one's own objective.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from dream.backbone import classes as imagenet
from dream.backbone.catalog import (
    CLASS,
    CLASSIFIERS,
    LAYERS,
    NETWORKS,
    Network,
    NetworkName,
    is_layer,
    layers_called,
)
from dream.suggestions import did_you_mean, either, nearest
from dream.texts import Text, _

MAX_TERMS = 8
MAX_CHANNELS = 32
SIMILAR = 0.6
"""How much a known word resembles an unknown one, at least, to be what was meant: foo is not loom."""

SIMILAR_CLASS = 0.75
"""The same for the thousand classes, of which one would always resemble a little."""

Function = Callable[[Any], Any]
"""From a layer's activations, a tensor of shape (1, rows, columns, channels), to a tensor of any shape, whose
mean is maximised."""


class RecipeError(ValueError):
    """A recipe that cannot be dreamt. Its text is one friendly sentence saying what to write instead."""


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an objective: `weight` times a statistic of `channels` of `layer`.

    No `channels` means all of them; `top` means that many, the most active ones in the picture. A negative
    weight minimises the term. Layers of classes (`class` of all networks that know them, or one network's
    own) have a channel for each class. `function` replaces the recipe's statistic; it has no text.
    """

    layer: str
    weight: float = 1.0
    channels: tuple[int, ...] = ()
    top: int = 0
    function: Function | None = None

    def __post_init__(self) -> None:
        if self.layer not in LAYERS and self.layer != CLASS:
            object.__setattr__(self, "layer", layer_named(self.layer))
        count = imagenet.COUNT if self.is_classes else self.networks[0].layers[self.layer]
        weight = round(float(self.weight), 4)
        if not 0 < abs(weight) <= 100:
            raise RecipeError(
                Text(
                    "The weight of {layer} must be a number other than 0, from -100 to 100.", layer=self.layer
                )
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "channels", tuple(sorted(set(self.channels))))
        if any(not 0 <= channel < count for channel in self.channels):
            raise RecipeError(
                Text("{layer} has the channels 0 to {count}.", layer=self.layer, count=count - 1)
            )
        if len(self.channels) > MAX_CHANNELS:
            raise RecipeError(
                Text(
                    "Name at most {most} channels of {layer}, or all by naming none.",
                    most=MAX_CHANNELS,
                    layer=self.layer,
                )
            )
        if self.channels and self.top:
            raise RecipeError(Text("Give {layer} either channels or top, not both.", layer=self.layer))
        if not 0 <= self.top <= count:
            raise RecipeError(
                Text("{layer} has {count} channels: top can be 1 to {count}.", layer=self.layer, count=count)
            )
        if self.is_classes and not self.channels and not self.top:
            raise RecipeError(Text("Name a class to dream of, such as {layer}:ostrich.", layer=self.layer))
        if self.is_classes and self.top > MAX_CHANNELS:
            raise RecipeError(
                Text(
                    "Dream of at most {most} classes: write {layer}:top5.",
                    most=MAX_CHANNELS,
                    layer=self.layer,
                )
            )

    @property
    def is_classes(self) -> bool:
        """Whether the channels of its layer are ImageNet's classes."""
        return self.layer == CLASS or self.layer in CLASSIFIERS.values()

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that this term is computed by."""
        if self.layer == CLASS:
            return tuple(NETWORKS[name] for name in CLASSIFIERS)
        return (LAYERS[self.layer],)

    @property
    def label(self) -> str:
        """The term without its weight, such as "block8:12,40" or "class:ostrich"."""
        if self.top:
            chosen = f"top{self.top}"
        elif self.is_classes:
            chosen = ",".join(imagenet.names()[channel] for channel in self.channels)
        else:
            chosen = ",".join(map(str, self.channels))
        return f"{self.layer}:{chosen}" if chosen else self.layer

    def on(self, network: NetworkName) -> "Term | None":
        """This term as that network computes it, or None where it is no term of that network."""
        if self.layer == CLASS and network in CLASSIFIERS:
            weight = self.weight * NETWORKS[network].class_weight
            return replace(self, layer=CLASSIFIERS[network], weight=weight)
        return self if network in (one.name for one in self.networks) else None

    def __str__(self) -> str:
        weight = abs(self.weight)
        return self.label + ("" if weight == 1 else f"*{number_text(weight)}")


@dataclass(frozen=True, slots=True)
class Objective:
    """A weighted sum of terms. Objectives add and subtract, and scale by numbers; `str` writes their text."""

    terms: tuple[Term, ...]

    def __add__(self, other: "Objective") -> Self:
        if not isinstance(other, Objective):
            return NotImplemented
        return replace(self, terms=self.terms + other.terms)

    def __radd__(self, other: object) -> Self:
        return self if other == 0 else NotImplemented  # sum() begins with 0

    def __sub__(self, other: "Objective") -> Self:
        return self + -other

    def __neg__(self) -> Self:
        return self * -1

    def __mul__(self, factor: float) -> Self:
        return replace(self, terms=tuple(replace(term, weight=term.weight * factor) for term in self.terms))

    __rmul__ = __mul__

    def __str__(self) -> str:
        return "".join(("-" if t.weight < 0 else "+" if i else "") + str(t) for i, t in enumerate(self.terms))


def layer(
    name: str, *, channels: Iterable[int] = (), top: int = 0, function: Function | None = None
) -> Objective:
    """The objective of one layer: all its channels, some, or the `top` most active ones.

    With `function` it is the mean of what that returns for the layer's (or those channels') activations.
    Raises RecipeError.
    """
    return Objective((Term(name, channels=tuple(channels), top=top, function=function),))


def classes(*names: str, network: NetworkName | None = None) -> Objective:
    """The objective of ImageNet's classes of these names, as all networks that know them see them.

    Names are what people type, synonyms and plurals included. Raises RecipeError.
    """
    chosen = [number for name in names for number in class_numbers(name)]
    return Objective((Term(CLASSIFIERS[network] if network else CLASS, channels=tuple(chosen)),))


def class_numbers(phrase: str) -> tuple[int, ...]:
    """The classes that a word or phrase means. Raises RecipeError if that is none, or may be several."""
    known = imagenet.meanings()
    meanings = known.get(imagenet.normal(phrase), ())
    if len(meanings) == 1:
        return meanings[0]
    if not meanings:
        hint = did_you_mean(phrase, imagenet.singulars(), cutoff=SIMILAR) or _(
            "some are tabby, ostrich and volcano."
        )
        raise RecipeError(
            Text("I know no class called “{phrase}”; {hint}", phrase=shortened(phrase), hint=hint)
        )
    names = [",".join(imagenet.names()[number] for number in meaning) for meaning in meanings]
    raise RecipeError(
        Text("“{phrase}” can mean two things: write {names}.", phrase=shortened(phrase), names=either(names))
    )


def layer_named(name: str, first: NetworkName = "") -> str:
    """The layer that `name` means, as recipes write it; one of the network `first` goes before others.

    Raises RecipeError if that is none, or may be several.
    """
    found = layers_called(name, first)
    if len(found) == 1:
        return found[0]
    if found:
        raise RecipeError(
            Text(
                "Several networks have a layer called {name}: write {names}.",
                name=name,
                names=either(found[:3]),
            )
        )
    hint = _hint(name, LAYERS)
    raise RecipeError(Text("I know no layer called “{word}”; {hint}", word=shortened(name), hint=hint))


def unknown_option(word: str, known: Iterable[str]) -> Text:
    """One sentence about a word that is no option, with the nearest known ones."""
    return Text("I know no option called “{word}”; {hint}", word=shortened(word), hint=_hint(word, known))


def _hint(word: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(word, known, cutoff=SIMILAR) or _("some are {names}.", names=", ".join(known[:8]))


def unknown_thing(word: str, presets: Iterable[str]) -> Text:
    """One sentence about a word that is neither a layer, a preset nor a class."""
    if network := NETWORKS.get(word):
        middle = list(network.layers)[len(network.layers) // 2]
        return Text("{word} is a network: name one of its layers, such as {layer}.", word=word, layer=middle)
    near = nearest_things(word, presets)
    hint = (
        _("did you mean {words}?", words=either(near))
        if near
        else _("write a layer such as block8, or a thing such as ostrich.")
    )
    return Text("I know no layer, preset or class called “{word}”; {hint}", word=shortened(word), hint=hint)


def nearest_things(word: str, presets: Iterable[str]) -> list[str]:
    """At most three layers, presets and classes that resemble `word`."""
    near = nearest(word, [*LAYERS, *presets], cutoff=SIMILAR)
    return [*near, *nearest(word, imagenet.singulars(), cutoff=SIMILAR_CLASS)][:3]


def number_text(value: object) -> str:
    """A number with at most four decimals, without trailing zeros."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def shortened(value: object) -> str:
    """A quotation of at most 40 characters."""
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


_TERM = re.compile(  # possessive quantifiers (++, *+) never backtrack: matching takes linear time
    r"(?P<sign>[+-]?)(?P<layer>[a-z][a-z0-9_]*+(?:/[a-z0-9_]++)?+)"
    r"(?::(?P<chosen>[a-z0-9_]++(?:,[a-z0-9_]++)*+))?+"
    r"(?:\*(?P<weight>-?(?:\d++\.?\d*+|\.\d++)))?+"
    r"(?=[+-]|$)"
)


def read_terms(word: str, presets: Iterable[str], network: NetworkName = "") -> list[Term]:
    """Read `layer[:channels][*weight]` joined by + and -. Raises RecipeError.

    `presets` are words that may be suggested besides layers. Layers of `network` go before others.
    """
    terms: list[Term] = []
    position = 0
    while position < len(word):
        match = _TERM.match(word, position)
        if match is None:
            named = re.match(r"[+-]?([a-z0-9_/]+)", word[position:])
            if named and not is_layer(named[1]) and named[1] != CLASS:
                raise RecipeError(unknown_thing(named[1], presets))
            raise RecipeError(
                Text(
                    "I can't read “{word}”: write layers like block8, block8*0.5, block8:12,40 or "
                    "block8+block11.",
                    word=shortened(word),
                )
            )
        name, chosen = match["layer"], match["chosen"] or ""
        if name != CLASS:
            if not layers_called(name, network):
                raise RecipeError(unknown_thing(name, presets))
            name = layer_named(name, network)
        sign = -1 if match["sign"] == "-" else 1
        channels, top = _channels(name, chosen)
        terms.append(Term(name, sign * float(match["weight"] or 1), channels, top))
        position = match.end()
    return terms


def _channels(layer: str, chosen: str) -> tuple[tuple[int, ...], int]:
    """The channels in "12,40" or "ostrich,tabby", and the number in "top5". Raises RecipeError."""
    if top := re.fullmatch(r"top(\d+)", chosen):
        if not int(top[1][:9]):
            raise RecipeError(Text("top needs at least one channel: write {layer}:top5.", layer=layer))
        return (), int(top[1][:9])
    of_classes = layer == CLASS or layer in CLASSIFIERS.values()
    channels: list[int] = []
    for one in filter(None, chosen.split(",")):
        if one.isdecimal():
            channels.append(int(one[:9]))
        elif of_classes:
            channels += class_numbers(one)
        else:
            raise RecipeError(
                Text("Channels of {layer} are numbers: write {layer}:12,40 or {layer}:top5.", layer=layer)
            )
    return tuple(channels), 0
