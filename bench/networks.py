"""Does every network of keras.applications dream?

    python -m bench.networks [NAME ...]

Each is built with random weights, which are written to a file, loaded from it as an operator's are, and
dreamt with. One line for each: the seconds until it is loaded, and of a dream of 224 pixels without its
compiling; those of the cost model's first guess; and whether its table entry is what this Keras says.
"""

import argparse
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

SIZE = 224


def dreamt(called: str, folder: Path) -> None:
    path = folder / "some.weights.h5"
    without_weights(called).save_weights(path)
    network = application("own", called, file=path, setting="file")
    add(network)
    recipe = Recipe.parse(f"{list(network.layers)[-1]} seed=1")
    began = time.perf_counter()
    first = dream(sky(SIZE, SIZE), recipe).report
    assert (first.model, first.weights) == ("own", str(path))
    assert first.objective_after > first.objective_before, f"{called} climbs nothing"
    cold, began = time.perf_counter() - began, time.perf_counter()
    dream(sky(SIZE, SIZE), recipe)
    warm = time.perf_counter() - began
    expected = network.pace * work(recipe, SIZE, SIZE)
    same = "as in the table" if entry(called) == stored(called) else "NOT as in the table"
    row(
        f"{called}: a dream after the first",
        warm,
        "s",
        f"{cold:.1f} s cold, {expected:.1f} s guessed, {same}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=APPLICATIONS, metavar="NAME")
    for called in parser.parse_args().names:
        with TemporaryDirectory() as folder:
            dreamt(called, Path(folder))


if __name__ == "__main__":
    main()
