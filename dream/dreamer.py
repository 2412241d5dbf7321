"""From a picture and a recipe to the dreamt picture.

Gradient ascent runs over octaves: at the smallest size first, then at each larger one on the source plus the
enlarged change so far, which brings back the source's detail (google/deepdream's notebook, 2015). TensorFlow
is imported when the first dream begins.
"""

import dataclasses
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dream.backbone import runtime
from dream.backbone.catalog import LAYERS
from dream.clouds import sky
from dream.objective import Objective
from dream.octaves import final_size, octaves
from dream.picture import (
    DEFAULT_LIMITS,
    Limits,
    PictureError,
    PictureFile,
    Pixels,
    Probe,
    contents,
    decode,
    load,
    resize,
)
from dream.recipe import NO_MORPH, SECOND_PICTURE, Recipe, RecipeError
from dream.seamless import seamless
from dream.suggestions import both
from dream.texts import Text, _

DECAY = 0.6
"""An octave's step sizes fall linearly from 1 + DECAY to 1 - DECAY times their mean."""


MOST_CHANGE = 0.5
"""The most that a dream of classes changes a pixel's colour, softly limited: more looks burnt in."""

Picture = PictureFile | NDArray[Any] | None
"""What to dream on: a file, pixels (float in [0, 1], or 8 bits) of shape (height, width, 3), or None."""


class Cancelled(Exception):  # noqa: N818
    """The dream was cancelled by its caller."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A step that was taken: `step` of `steps`, over all octaves, in `octave` of `octaves`.

    `objective` is its value before the step. `done` is the share of the work that is done, in [0, 1]: a step
    at a small octave is less of it. `preview()` returns the pixels after the step.
    """

    step: int
    steps: int
    octave: int
    octaves: int
    objective: float
    done: float
    preview: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class Report:
    """How a dream was computed.

    `recipe` is the full text, seed included. `model` is the network, or several joined by +. `layers` has
    each term without its weight: a layer, or "class:ostrich". `weights` is "imagenet" (Keras' own),
    "bundled", "memory" (a program's model) or the path of the operator's file. `fallback` is None, or the
    layers that were asked for and substituted, as their networks' weights are not here.
    `objective_before` and `objective_after` are its values on the picture and on the dream, at the dream's
    size. `frames` is the number of frames of a clip; `fitted` says what made its file small
    enough, as `dream.texts.Text` stores it.
    """

    recipe: str
    model: str
    layers: tuple[str, ...]
    weights: str
    fallback: str | None
    width: int
    height: int
    steps: int
    seconds: float
    objective_before: float
    objective_after: float
    frames: int = 1
    fitted: str | None = None

    @property
    def note(self) -> str | None:
        """What people should know: that another network was used than the one asked for, or a clip fitted."""
        fitted = None if self.fitted is None else str(Text.load(self.fitted))
        if self.fallback is None:
            return fitted
        missing = {layer: LAYERS[layer] for layer in self.fallback.split("+") if layer in LAYERS}
        stood_in = "+".join(network.stand_in(layer) for layer, network in missing.items())
        if missing:
            sentence = _(
                "{networks} weights aren't here yet, so {layers} of EfficientNet-Lite0 dreamt in place of "
                "{wanted}.",
                networks=both(
                    [f"{title}'s" for title in dict.fromkeys(one.title for one in missing.values())]
                ),
                layers=stood_in,
                wanted=self.fallback,
            )
        else:
            sentence = _(
                "Its weights aren't here yet, so another layer of EfficientNet-Lite0 dreamt in place "
                "of {wanted}.",
                wanted=self.fallback,
            )
        return f"{sentence} {fitted}" if fitted else sentence


@dataclass(frozen=True, slots=True)
class Dream:
    """The result: pixels of shape (height, width, 3) in [0, 1], and how they were computed."""

    pixels: Pixels
    report: Report


def dream(
    picture: Picture,
    recipe: Recipe | Objective | str,
    *,
    guide: Picture = None,
    model: Any = None,
    preprocess: Callable[[Any], Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Dream:
    """Dream of `recipe` on `picture`: a file (path, contents or file object), pixels, or None for a sky.

    An objective is dreamt with the usual options; `Recipe(objective.terms, steps=20)` has others.
    `guide` is a second picture whose features are to appear, or whose bright parts say where to dream if the
    recipe has `only=picture` or `except=picture`; a file's transparent parts say where, too. `model` is a
    Keras model of one's own, whose layers the recipe's text names, and `preprocess` converts pixels for it:
    it is added as the network "model", see `add_network`. `on_progress` is called after every step, and
    `cancelled` asked before every gradient. The same picture, recipe, seed and weights give the same pixels
    on the same machine.

    Raises RecipeError, PictureError, Cancelled, and WeightsError for a model that cannot be dreamt of.
    """
    network = ""
    if model is not None:
        from dream.backbone.loading import add_network

        network = add_network("model", model, preprocess).name
    recipe = Recipe.parse(recipe, network=network) if isinstance(recipe, str) else recipe
    if isinstance(recipe, Recipe) and recipe.is_morph:
        raise RecipeError(Text("A morph becomes a film, see dream_clip; {hint}", hint=NO_MORPH))
    dreamer = Dreamer(picture, recipe, guide=guide, limits=limits, cancelled=cancelled)
    return dreamer.dream(on_progress)


class Dreamer:
    """One dream prepared: the network loaded, the picture decoded, the objective built.

    The arguments are those of `dream`. `asked` is the recipe asked for, with its seed, and `recipe` the one
    that will be dreamt, complete. `source` holds the picture's pixels, `size` is the result's (width,
    height), and `plan` the octaves, of `steps` steps in all.
    """

    def __init__(
        self,
        picture: Picture,
        recipe: Recipe | Objective | str,
        *,
        guide: Picture = None,
        limits: Limits = DEFAULT_LIMITS,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._started = time.perf_counter()
        runtime.start()
        from dream.ascent import IDENTITY, Ascent, color_transform
        from dream.fallback import load_networks
        from dream.masks import mask
        from dream.seeing import with_seen_classes
        from dream.statistics import network_objectives

        if isinstance(recipe, Objective):
            recipe = Recipe(recipe.terms)
        recipe = Recipe.parse(recipe) if isinstance(recipe, str) else recipe
        if recipe.seed is None:
            recipe = dataclasses.replace(recipe, seed=secrets.randbelow(2**32))
        self._loaded = load_networks(recipe)
        self.recipe = self._loaded.recipe.settled()
        self.source, given, opacity = source_pixels(picture, self.recipe, limits)
        self.recipe = with_seen_classes(self.recipe, self.source, self._loaded.backbones)
        self.size = final_size(self.recipe, *given)
        self.plan = octaves(self.recipe, *given)
        self.steps = sum(octave.steps for octave in self.plan)

        def stop_if_cancelled() -> None:
            if cancelled():
                raise Cancelled

        second = None
        if guide is not None:
            second = _checked(guide) if isinstance(guide, np.ndarray) else decode(contents(guide), limits)
        self._mask = mask(self.recipe, self.source, opacity, second, self._loaded.backbones)
        if any(self.recipe.wraps):
            down, across = self.recipe.wraps
            self.source = seamless(self.source, down=down, across=across)
        self._resize = partial(resize, wrap=self.recipe.wraps)
        guiding = None if SECOND_PICTURE in (self.recipe.only, self.recipe.except_) else second
        is_plain = self.recipe.ascent == "plain"
        self.ascent = Ascent(
            network_objectives(self.recipe, self._loaded.backbones, self.source, guiding),
            colors=IDENTITY if is_plain else color_transform(self.source),
            smooth=0 if is_plain else self.recipe.smooth or 0,
            plain=is_plain,
            of_classes=float(self.recipe.is_of_classes and not is_plain),
            wrap=self.recipe.wraps,
            before_tile=stop_if_cancelled,
        )
        self.asked = recipe
        self._morph = self.recipe
        if self._morph.is_morph:
            self.move_to(0)

    def move_to(self, position: float) -> None:
        """Dream from now on of what a morph is at `position`, from 0 at its beginning to 1 at its end."""
        morph = self._morph
        self.recipe, shares = morph.at(position), morph.shares(position)
        of_classes = (share for share, one in zip(shares, morph.stages, strict=True) if one.is_of_classes)
        is_plain = morph.ascent == "plain"
        self.ascent.mix(
            shares,
            smooth=0 if is_plain else self.recipe.smooth or 0,
            of_classes=0 if is_plain else sum(of_classes),
        )

    def dream(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> Dream:
        """Run gradient ascent over all octaves. Raises Cancelled."""
        from dream.masks import scaled

        assert self.recipe.strength
        before = self.ascent.evaluate(self._resize(self.source, *self.size))
        random = np.random.default_rng(self.recipe.seed)
        base = pixels = np.zeros((1, 1, 3), np.float32)
        done = work_done = 0
        work = sum(octave.work for octave in self.plan)
        for number, octave in enumerate(self.plan, 1):
            pixels -= base  # in place, here and below: large pictures are hundreds of megabytes
            base = self._resize(self.source, octave.width, octave.height)
            pixels = self._resize(pixels, octave.width, octave.height)
            mask = None if self._mask is None else scaled(self._mask, octave.width, octave.height)
            pixels += base
            np.clip(pixels, 0, 1, out=pixels)
            is_plain = self.recipe.ascent == "plain"
            velocity = self.ascent.velocity(octave.width, octave.height)
            for step_size in [1.0] * octave.steps if is_plain else step_sizes(octave.steps):
                strength = self.recipe.strength * step_size
                objective = self.ascent.step(pixels, strength, random, mask, velocity)
                done += 1
                work_done += octave.width * octave.height
                share = work_done / work
                on_progress(Progress(done, self.steps, number, len(self.plan), objective, share, pixels.copy))

        pixels = self.finished(pixels)
        return Dream(pixels, self.report(self.steps, before, self.ascent.evaluate(pixels)))

    def finished(self, pixels: Pixels) -> Pixels:
        """The pixels of any octave as a result: at the final size, with the recipe's `keep` and `blend`.

        `pixels` may be overwritten.
        """
        photograph = self._resize(self.source, *self.size)
        if pixels.shape != photograph.shape:
            source = self._resize(self.source, pixels.shape[1], pixels.shape[0])
            pixels = self._resize(pixels - source, *self.size)
            pixels += photograph
        pixels = _finished(pixels, photograph, self.recipe)
        if self._mask is not None:
            from dream.masks import scaled

            pixels = photograph + scaled(self._mask, *self.size)[..., None] * (pixels - photograph)
            np.clip(pixels, 0, 1, out=pixels)
        return pixels

    def report(self, steps: int, before: float, after: float) -> Report:
        """The report of this dream: the objective was `before` and is `after`."""
        width, height = self.size
        seconds = round(time.perf_counter() - self._started, 3)
        return Report(
            recipe=str(self.asked),
            model="+".join(self._loaded.backbones),
            layers=self.recipe.things,
            weights=self._loaded.weights,
            fallback=self._loaded.fallback,
            width=width,
            height=height,
            steps=steps,
            seconds=seconds,
            objective_before=before,
            objective_after=after,
        )


def step_sizes(steps: int) -> list[float]:
    """The step-size schedule of an octave: factors of the recipe's strength, falling linearly, with mean 1.

    Fewer steps thus reach the same objective as with equal ones, and the small last ones remove noise.
    """
    return [1 + DECAY * (1 - (2 * i + 1) / steps) for i in range(steps)]


def source_pixels(
    picture: Picture, recipe: Recipe, limits: Limits
) -> tuple[Pixels, tuple[int, int], NDArray[np.float32] | None]:
    """The picture's pixels, no larger than the largest octave, its original (width, height), its opacity."""
    if picture is None:
        longer = recipe.size or 640
        size = (longer, round(longer * 0.75))
        return sky(*size, seed=recipe.seed or 0), size, None
    if isinstance(picture, np.ndarray):
        pixels = _checked(picture)
        return pixels, (pixels.shape[1], pixels.shape[0]), None

    def largest_octave(probe: Probe) -> tuple[int, int]:
        largest = octaves(recipe, probe.width, probe.height)[-1]
        return largest.width, largest.height

    loaded = load(contents(picture), limits, largest_octave)
    return loaded.pixels, (loaded.probe.width, loaded.probe.height), loaded.opacity


def _checked(pixels: NDArray[Any]) -> Pixels:
    """An array of pixels as float32, converted from 8 bits if it has whole numbers. Raises PictureError."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PictureError("Pixels must be an array of shape (height, width, 3).")
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.float32) / np.float32(255)
    return np.asarray(pixels, np.float32)


def _finished(pixels: Pixels, photograph: Pixels, recipe: Recipe) -> Pixels:
    """Apply the recipe's `keep` and `blend` to `pixels`, which may be overwritten.

    Of classes, whose many steps go far from the photograph, the change is limited softly first.
    """
    if recipe.is_of_classes:
        pixels = photograph + MOST_CHANGE * np.tanh((pixels - photograph) / np.float32(MOST_CHANGE))
    return blended(pixels, photograph, recipe)


def blended(pixels: Pixels, photograph: Pixels, recipe: Recipe) -> Pixels:
    """Apply the recipe's `keep` and `blend` to `pixels`, which may be overwritten."""
    if recipe.keep == "color":
        pixels = photograph + np.asarray((pixels - photograph) @ _LUMA, np.float32)
        pixels += (photograph - pixels).mean(axis=(0, 1), dtype=np.float32)
    if recipe.blend is not None and recipe.blend < 1:
        pixels = photograph + (pixels - photograph) * np.float32(recipe.blend)
    return np.clip(pixels, 0, 1, out=pixels)


_LUMA = np.repeat(np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=1)
"""Maps a difference of RGB pixels to the grey of its luma (ITU-R BT.601), repeated in each colour."""
