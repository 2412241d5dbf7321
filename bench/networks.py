"""Does every network of keras.applications dream?

    python -m bench.networks [NAME ...]
    python -m bench.networks --table [NAME ...]      also compares the table with the Keras that is installed

Each is built with random weights, which are written to a file, loaded from it as an operator's are, and
dreamt with. One line for each: the seconds of a dream of two steps at 160 pixels once it is loaded, beside
those that the cost model first guesses, and the seconds until then. That is the deepest layer; a low one has
to climb, as random weights leave nothing of the picture in the deepest (1e-39 in MobileNet's).
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from dream.backbone import runtime

runtime.start()

from bench.table import row  # noqa: E402
from dream.backbone.applications import APPLICATIONS, application, entry, stored  # noqa: E402
from dream.backbone.catalog import add  # noqa: E402
from dream.backbone.sources import without_weights  # noqa: E402
from dream.clouds import sky  # noqa: E402
from dream.dreamer import dream  # noqa: E402
from dream.octaves import work  # noqa: E402
from dream.recipe import Recipe  # noqa: E402

SIZE = 160


def dreamt(called: str, folder: Path) -> tuple[float, float, float]:
    """The seconds until a network has dreamt for the first time, those of its next dream, and the guess."""
    path = folder / "some.weights.h5"
    without_weights(called).save_weights(path)
    network = application("own", called, file=path, setting="file")
    add(network)
    low = dream(sky(SIZE, SIZE), f"{network.spread(4)[0]} octaves=1 steps=4 seed=1").report
    assert (low.model, low.weights) == ("own", str(path))
    assert low.objective_after > low.objective_before, f"{called} climbs nothing"
    recipe = Recipe.parse(f"{list(network.layers)[-1]} octaves=1 steps=2 seed=1")
    began = time.perf_counter()
    dream(sky(SIZE, SIZE), recipe)
    first, began = time.perf_counter() - began, time.perf_counter()
    dream(sky(SIZE, SIZE), recipe)
    return first, time.perf_counter() - began, network.pace * work(recipe, SIZE, SIZE)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=APPLICATIONS, metavar="NAME")
    parser.add_argument("--table", action="store_true", help="compare the table with this Keras")
    arguments = parser.parse_args()
    if len(arguments.names) > 1:
        for called in arguments.names:  # each in a process of its own, which gives its memory back
            table = ["--table"] if arguments.table else []
            subprocess.run([sys.executable, "-m", "bench.networks", called, *table], check=True)
        return
    for called in arguments.names:
        with TemporaryDirectory() as folder:
            first, next_, guess = dreamt(called, Path(folder))
        more = f"guessed {guess:.2f} s; {first:.0f} s the first"
        if arguments.table:
            more += "; as in the table" if entry(called) == stored(called) else "; NOT as in the table"
        row(f"{called}: a small dream", next_, "s", more)


if __name__ == "__main__":
    main()
