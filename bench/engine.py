"""What the engine costs and gives, beside the loops that everyone knows.

    python -m bench.engine                     everything, ten minutes on two cores
    python -m bench.engine step loops          only some parts
    python -m bench.engine loops --samples chelsea coffee --curves curves.csv

step    one whole step of ours / the plain Keras gradient alone, and the share of the float32 peak reached
networks    a step of two networks at once / the sum of a step of each
loops   seconds until ours and the known loops reach the same objective of the untouched network, and what
        that took of the photograph; curves of it all go to a file of --curves
tiles   a step's seconds a megapixel from 0.5 to 16; tiled against untiled: likeness and seams
memory  the peak resident memory of a process that renders one dream, at four sizes
start   the first dream of a cold process, and the next

One line a measurement, ratios first. What is compared is measured side by side, in turns; of a loop's time
only the loop counts. InceptionV3 is measured with random weights, which take the same time.
"""

import argparse
import csv
import dataclasses
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from dream.backbone import runtime

runtime.start()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from PIL import Image  # noqa: E402

from bench import baselines  # noqa: E402
from bench.presets import SAMPLES, fine_share  # noqa: E402
from bench.table import row  # noqa: E402
from dream import ascent  # noqa: E402
from dream.ascent import Ascent  # noqa: E402
from dream.backbone.catalog import NETWORKS  # noqa: E402
from dream.backbone.loading import Backbone, bundled  # noqa: E402
from dream.dreamer import Dreamer, dream  # noqa: E402
from dream.picture import Pixels, decode, resize, to_bytes  # noqa: E402
from dream.recipe import Recipe  # noqa: E402
from dream.render import Work, render  # noqa: E402
from dream.statistics import network_objectives  # noqa: E402
from dream.tiles import GRID  # noqa: E402
from dream.tiles import tiles as tiled_by  # noqa: E402

SIZE = 512
LAYER = "block8"
RECIPE = f"{LAYER} size={SIZE} seed=1"


def in_turns(times: int, **calls: Callable[[], object]) -> dict[str, list[float]]:
    """The seconds that each of `calls` takes, `times` times, in turns."""
    for call in calls.values():
        call()
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(times):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - began)
    return took


def photograph(sample: str, size: int = SIZE) -> Pixels:
    """A sample with a longer side of `size` pixels."""
    pixels = decode(SAMPLES[sample])
    scale = size / max(pixels.shape[:2])
    return np.clip(resize(pixels, *(round(side * scale) for side in pixels.shape[1::-1])), 0, 1)


def random_inception() -> Backbone:
    """InceptionV3 as it is built, with random weights: only good for measuring time."""
    model = keras.applications.InceptionV3(include_top=False, weights=None)
    network = NETWORKS["inception_v3"]
    outputs = {layer: model.get_layer(layer).output for layer in network.layers}
    return Backbone(network, "random", keras.Model(model.input, outputs))


# One step


def step() -> None:
    peak = matmul_peak()
    row("float32 matrix multiplication at its best", peak / 1e9, "GFLOP/s")
    for backbone, layer in ((bundled("efficientnet_lite0"), LAYER), (random_inception(), "mixed5")):
        picture = photograph("astronaut")
        still = tf.constant(picture)
        ours = Ascent(network_objectives(Recipe.parse(layer), {backbone.name: backbone}, picture))
        random = np.random.default_rng(1)
        moved = picture.copy()
        _, gradient = baselines.plain(backbone.model, backbone.preprocess, [layer])
        took = in_turns(
            25,
            ours=partial(ours.step, moved, 0.01, random),
            plain=partial(lambda gradient, still: gradient(still).numpy(), gradient, still),
        )
        best, best_plain = min(took["ours"]), min(took["plain"])
        middle, middle_plain = statistics.median(took["ours"]), statistics.median(took["plain"])
        name = f"{backbone.name} {layer} at {SIZE}"
        row(f"{name}: a whole step / the plain gradient, best", best / best_plain, "", f"{best:.4f} s")
        row("  the same, in the middle", middle / middle_plain, "", f"{middle:.4f} s")
        done = operations(gradient, picture.shape)
        row("  share of the float32 peak: the step", done / best / peak, "", f"{done / 1e9:.2f} GFLOP")
        row("  share of the float32 peak: the plain gradient", done / best_plain / peak)


def networks() -> None:
    """A step of two networks at once beside a step of each; of classes, whose pictures are rescaled, too."""
    picture = photograph("astronaut")
    for parts in (("block8", "fire7"), ("classifier:ostrich", "conv10:ostrich")):
        random = np.random.default_rng(1)
        calls = {}
        for recipe in (*parts, "+".join(parts)):
            climber = Dreamer(picture, f"{recipe} size={SIZE} seed=1").ascent
            calls[recipe] = partial(climber.step, picture.copy(), 0.001, random)
        *each, both = (statistics.median(took) for took in in_turns(15, **calls).values())
        row(f"a step of {'+'.join(parts)} / the sum of steps of each", both / sum(each), "", f"{both:.3f} s")


def matmul_peak() -> float:
    """The most float32 operations a second that matrix multiplication reaches here."""
    a = tf.random.normal((2048, 2048))
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
    return 2 * 2048**3 / min(in_turns(20, multiply=lambda: multiply().numpy())["multiply"])


def operations(gradient: Any, shape: tuple[int, ...]) -> float:
    """The floating-point operations of the convolutions in a gradient: two a weight and place."""
    graph = (
        tf.function(gradient.python_function, autograph=False)
        .get_concrete_function(tf.TensorSpec(shape))
        .graph
    )
    total = 0
    for operation in graph.get_operations():
        if operation.type in ("Conv2D", "DepthwiseConv2dNative"):
            places, kernel = operation.outputs[0].shape, operation.inputs[1].shape
        elif operation.type in ("Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput"):
            places, kernel = operation.inputs[2].shape, operation.inputs[1].shape
        else:
            continue
        inward = 1 if operation.type.startswith("Depthwise") else kernel[2]
        total += 2 * places.num_elements() * kernel[0] * kernel[1] * inward
    return float(total)


# The loops


@dataclasses.dataclass(frozen=True)
class Look:
    """What a dream was after `seconds`, brought to the photograph's size: the objective, and shares."""

    seconds: float
    objective: float
    change: float
    fine: float


class Trail:
    """The pictures of a dream as it goes on, and the seconds until each; looking at them takes none."""

    def __init__(self, every: int = 1) -> None:
        self.seen: list[tuple[float, Pixels]] = []
        self._every, self._count, self._spent = every, 0, 0.0
        self._resumed = time.perf_counter()

    def __call__(self, picture: Any) -> None:
        self._spent += time.perf_counter() - self._resumed
        self._count += 1
        if self._count % self._every == 0:
            self.seen.append((self._spent, np.array(picture)))
        self._resumed = time.perf_counter()

    def looks(self, photograph: Pixels, value: Any) -> list[Look]:
        """Every picture of the trail, measured on the untouched network at the photograph's size."""
        height, width = photograph.shape[:2]
        looks = []
        for seconds, picture in self.seen:
            picture = np.clip(resize(picture, width, height), 0, 1)
            change = float(np.abs(picture - photograph).mean())
            looks.append(Look(seconds, float(value(tf.constant(picture))), change, fine_share(picture)))
        return looks


def ours(photograph: Pixels, recipe: str = RECIPE) -> Trail:
    """Our dream: everything counts, from the recipe's text to the finished picture.

    It is dreamt four times, which gives the same: three times for the times, undisturbed, of which the middle
    ones count because it is so short, and once for the pictures.
    """
    runs = []
    for _ in range(3):
        times: list[float] = []
        began = time.perf_counter()
        Dreamer(photograph, recipe).dream(lambda progress: times.append(time.perf_counter() - began))  # noqa: B023
        runs.append([*times, time.perf_counter() - began])
    times = sorted(runs, key=lambda run: run[-1])[1]
    pictures: list[Pixels] = []
    dreamer = Dreamer(photograph, recipe)
    result = dreamer.dream(lambda progress: pictures.append(dreamer.finished(progress.preview())))
    trail = Trail()
    trail.seen = list(zip(times, [*pictures, result.pixels], strict=True))
    return trail


def run(
    loop: Callable[..., Any], gradient: Any, photograph: Pixels, every: int = 1, **settings: Any
) -> Trail:
    """A known loop on `photograph`, the same at every call."""
    tf.random.set_seed(1)
    trail = Trail(every)
    loop(gradient, tf.constant(photograph), watch=trail, **settings)
    return trail


def first(looks: Iterable[Look], target: float) -> Look | None:
    """The first look at which the objective is at least `target`."""
    return next((look for look in looks if look.objective >= target), None)


SWEEP: list[dict[str, Any]] = [
    {"octaves": tuple(range(1 - count, 1)), "steps": steps, "step": step}
    for count, steps, step in itertools.product((1, 2, 3, 4), (10, 14, 18, 24), (0.005, 0.01))
]
"""Settings of the tutorial's loop that never go above the final size."""


def tutorial_at_its_best(gradient: Any, value: Any, photograph: Pixels, published: Look) -> dict[str, Any]:
    """The settings that soonest reach the published ones' objective, with no more change and fine grain."""
    reached = []
    for settings in SWEEP:
        look = first(
            run(baselines.tile_loop, gradient, photograph, **settings).looks(photograph, value),
            published.objective,
        )
        if look and look.change <= published.change and look.fine <= published.fine:
            reached.append((look.seconds, settings))
    return min(reached, key=lambda pair: pair[0])[1]


def loops(samples: Iterable[str], curves: Path | None = None) -> None:
    backbone = bundled("efficientnet_lite0")
    value, gradient = baselines.plain(backbone.model, backbone.preprocess, [LAYER])
    lines = []
    best: dict[str, Any] = {}
    for sample in samples:
        picture = photograph(sample)
        gradient(tf.constant(picture))
        dream(picture, f"{RECIPE} steps=1")
        trails = {
            "tutorial's tiles": run(baselines.tile_loop, gradient, picture, every=10).looks(picture, value)
        }
        target = trails["tutorial's tiles"][-1]
        best = best or tutorial_at_its_best(gradient, value, picture, target)
        trails |= {
            "tutorial's octaves": run(baselines.octave_loop, gradient, picture, every=10).looks(
                picture, value
            ),
            "notebook": run(baselines.notebook, gradient, picture).looks(picture, value),
            "tutorial at its best": run(baselines.tile_loop, gradient, picture, **best).looks(picture, value),
            "ours": ours(picture).looks(picture, value),
        }
        here = first(trails["ours"], target.objective)
        row(
            f"{sample}: the tutorial's seconds / ours, to its objective of {target.objective:.1f}",
            target.seconds / here.seconds if here else float("nan"),
            "",
            "" if here else f"ours ends at {trails['ours'][-1].objective:.1f}",
        )
        for name, looks in trails.items():
            passed = first(looks, target.objective)
            for what, look in (("reaches it", passed), ("ends", looks[-1])):
                if look:
                    row(
                        f"  {name} {what}",
                        look.seconds,
                        "s",
                        f"objective {look.objective:5.1f}  change {look.change:.4f}  fine {look.fine:.4f}",
                    )
            lines += [(sample, name, *dataclasses.astuple(look)) for look in looks]
    print(f"the tutorial at its best: {best}")
    if curves:
        with curves.open("w", newline="") as file:
            csv.writer(file).writerows([("sample", "loop", "seconds", "objective", "change", "fine"), *lines])


# Tiles


def tiles() -> None:
    backbone = bundled("efficientnet_lite0")
    random = np.random.default_rng(1)
    calls = {}
    for megapixels in (0.5, 1, 2, 4, 8, 16):
        side = round((megapixels * 1e6) ** 0.5)
        picture = photograph("astronaut", side)
        climber = Ascent(network_objectives(Recipe.parse(LAYER), {backbone.name: backbone}, picture))
        calls[f"{megapixels}"] = lambda picture=picture, climber=climber: climber.step(picture, 0.001, random)
    took = {float(name): min(seconds) / float(name) for name, seconds in in_turns(8, **calls).items()}
    mean = statistics.mean(took.values())
    furthest = max(abs(seconds / mean - 1) for seconds in took.values())
    row("a step's seconds a megapixel, 0.5 to 16: furthest from their mean", furthest)
    row("  most / least", max(took.values()) / min(took.values()))
    tiled = [seconds for name, seconds in took.items() if name > 1.5]
    row("  most / least of those that are tiled", max(tiled) / min(tiled))
    for megapixels, seconds in took.items():
        row(f"  at {megapixels:g} megapixels", seconds, "s")
    seams()


def seams() -> None:
    """Tiled against untiled at 1024, and the tiles' borders against everywhere else.

    A dream is chaotic: what differs at all grows from step to step. So a likeness is told after one step and
    after all, and beside it that of an untiled dream of the same photograph with noise as small as a rounding
    error.
    """
    picture = photograph("astronaut", 1024)
    recipe = f"{LAYER} size=1024 seed=1"
    largest = ascent.LARGEST_TILE
    noise = np.random.default_rng(1).normal(0, 1e-7, picture.shape).astype(np.float32)
    noisy = np.clip(picture + noise, 0, 1)
    short = f"{recipe} octaves=1 steps=1"
    whole, once = dream(picture, recipe).pixels, dream(picture, short).pixels
    row("noise of a ten-millionth: likeness after a step", similarity(once, dream(noisy, short).pixels))
    row("  after the dream", similarity(whole, dream(noisy, recipe).pixels))
    ascent.LARGEST_TILE = 512
    tiled = dream(picture, recipe).pixels
    row("tiles of 512 against none: likeness after a step", similarity(once, dream(picture, short).pixels))
    dreamer = Dreamer(picture, recipe)
    ascent.LARGEST_TILE = largest
    row("  after the dream", similarity(whole, tiled))
    random = np.random.default_rng(1)
    shifts = [random.integers(GRID, size=2) for _ in range(dreamer.steps)][-dreamer.plan[-1].steps :]
    ratios = {}
    cut = tiled_by(1024, 1024, 512**2)
    for name, pixels in (("tiled", tiled), ("whole", whole)):
        found = []
        for axis in (0, 1):
            jumps = np.abs(np.diff(pixels, axis=axis)).mean(axis=(1 - axis, 2))
            ends = {tile[axis].kept.stop - 1 for tile in cut} - {1023}
            at = {(end - shift[axis]) % 1024 for end in ends for shift in shifts} - {1023}
            found.append(jumps[sorted(at)].mean() / np.delete(jumps, sorted(at)).mean())
        ratios[name] = float(np.mean(found))
    row("  the mean jump across the borders / elsewhere", ratios["tiled"])
    row("  the same places in the untiled dream", ratios["whole"])


def similarity(a: Pixels, b: Pixels) -> float:
    """Structural similarity (Wang et al., 2004) of brightness: Gaussian windows of deviation 1.5."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()

    def blurred(x: NDArray[np.float64]) -> NDArray[np.float64]:
        for axis in (0, 1):
            windows = np.lib.stride_tricks.sliding_window_view(x, 11, axis=axis)
            x = windows @ weights
        return x

    grey_a, grey_b = a.mean(axis=2, dtype=np.float64), b.mean(axis=2, dtype=np.float64)
    mean_a, mean_b = blurred(grey_a), blurred(grey_b)
    variance_a, variance_b = blurred(grey_a * grey_a) - mean_a**2, blurred(grey_b * grey_b) - mean_b**2
    covariance = blurred(grey_a * grey_b) - mean_a * mean_b
    one, two = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + one) * (2 * covariance + two)
    return float(np.mean(top / ((mean_a**2 + mean_b**2 + one) * (variance_a + variance_b + two))))


# Processes


def memory() -> None:
    peaks = {}
    for size in (512, 1024, 2048, 4096):
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            Image.fromarray(to_bytes(photograph("astronaut", size))).save(file.name, quality=92)
            peaks[size] = float(alone("_memory", file.name)) / 2**20
        row(f"peak resident memory of a dream at {size} × {size}", peaks[size], "MiB")
    for what, pictures in (("the photograph's pixels", 1), ("those and the dream's", 2)):
        beyond = {size: peaks[size] - pictures * size**2 * 3 * 4 / 2**20 for size in peaks}
        row(f"beyond {what}: 4096 / 2048", beyond[4096] / beyond[2048])


def start() -> None:
    cold, warm = (float(word) for word in alone("_start", f"{time.time()}").split())
    row("a cold process' first dream / its next", cold / warm)
    row("  from its start to its first dream's end", cold, "s")
    row("  the next dream", warm, "s")


def alone(*words: str) -> str:
    """What a part of this bench prints in a process of its own."""
    command = [sys.executable, "-m", "bench.engine", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _memory(path: str) -> None:
    """Render the file's dream at its own size in a few steps; print this process' peak resident bytes."""
    with Image.open(path) as image:
        size = image.width
    recipe = Recipe.parse(f"{LAYER} size={size} steps=2 seed=1")
    render(Work(Path(path).read_bytes(), recipe))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) * 1024)


def _start(began: str) -> None:
    """Dream twice; print the seconds since `began`, and those of the second dream."""
    dream(SAMPLES["chelsea"], RECIPE)
    first = time.time() - float(began)
    again = time.perf_counter()
    dream(SAMPLES["chelsea"], RECIPE)
    print(first, time.perf_counter() - again)


def main() -> None:
    match sys.argv[1:]:
        case ["_memory", path]:
            return _memory(path)
        case ["_start", began]:
            return _start(began)
    parts: dict[str, Callable[..., None]] = {
        "step": step,
        "networks": networks,
        "loops": loops,
        "tiles": tiles,
        "memory": memory,
        "start": start,
    }
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(parts)}; all if none is named"
    )
    parser.add_argument("--samples", nargs="+", default=list(SAMPLES), help="the photographs of loops")
    parser.add_argument("--curves", type=Path, help="a CSV file for the curves of loops")
    arguments = parser.parse_args()
    for name in arguments.parts or parts:
        if name == "loops":
            loops(arguments.samples, arguments.curves)
        else:
            parts[name]()
    return None


if __name__ == "__main__":
    main()
