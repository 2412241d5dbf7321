"""Are dreams of classes recognised by a network that did not dream them?

    python -m bench.classes                            24 classes on two photographs
    python -m bench.classes --classes 100 --photographs chelsea coffee rocket
    python -m bench.classes --sheet FILE.jpg           also writes what was dreamt

One line for each dreamer and judge: of how many dreams the judge's first five classes, and its first one, are
the class dreamt of. Classes are spread evenly over the thousand, or named by --names. The judge sees the
whole dream with a shorter side of 256 pixels. The dreams have a longer side of --size pixels.
"""

import argparse
import time
from pathlib import Path

from dream.backbone import runtime

runtime.start()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from bench.presets import SAMPLES  # noqa: E402
from dream import Recipe, classes, dream  # noqa: E402
from dream.backbone.catalog import CLASSIFIERS, NetworkName  # noqa: E402
from dream.backbone.classes import COUNT, names  # noqa: E402
from dream.backbone.feature_extractor import FeatureExtractor  # noqa: E402
from dream.backbone.loading import bundled  # noqa: E402
from dream.objective import class_numbers  # noqa: E402
from dream.picture import Pixels, resize, to_bytes  # noqa: E402

JUDGED = 256


def rank(judge: NetworkName, picture: Pixels, number: int) -> int:
    """How many classes `judge` is surer of than of this one: 0 where it is its first guess."""
    backbone = bundled(judge)
    height, width = picture.shape[:2]
    scale = JUDGED / min(height, width)
    small = np.clip(resize(picture, round(width * scale), round(height * scale)), 0, 1)
    extract = FeatureExtractor(backbone.model, [CLASSIFIERS[judge]])
    (evidence,) = extract(backbone.preprocess(tf.constant(small[None])))
    means = evidence.numpy().mean(axis=(0, 1, 2))
    return int((means > means[number]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--classes", type=int, default=24, help="how many, spread over the thousand")
    parser.add_argument("--names", nargs="+", help="these classes instead")
    parser.add_argument("--photographs", nargs="+", default=["coffee", "rocket"], help="samples, or files")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--options", default="", help="a recipe's options, such as “steps=8 smooth=1”")
    parser.add_argument("--dreamers", nargs="+", default=["squeezenet", "efficientnet_lite0", "both"])
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    chosen = [class_numbers(name)[0] for name in arguments.names or ()] or [
        *np.linspace(0, COUNT - 1, arguments.classes).astype(int).tolist()
    ]
    sheets = []
    print(f"{'dreamer':<22}{'judge':<22}{'first five':>12}{'first':>8}{'s a dream':>11}")
    for dreamer in arguments.dreamers:
        judges = [name for name in CLASSIFIERS if name != dreamer]
        ranks: dict[str, list[int]] = {name: [] for name in judges}
        began = time.perf_counter()
        row = []
        for photograph in arguments.photographs:
            for number in chosen:
                (term,) = classes(names()[number], network=dreamer if dreamer in CLASSIFIERS else None).terms
                recipe = Recipe.parse(f"{term} size={arguments.size} seed=1 {arguments.options}")
                result = dream(SAMPLES.get(photograph, photograph), recipe).pixels
                row.append(result)
                for judge in judges:
                    ranks[judge].append(rank(judge, result, number))
        seconds = (time.perf_counter() - began) / len(row)
        for judge in judges:
            five, first = (np.mean([place < most for place in ranks[judge]]) for most in (5, 1))
            print(f"{dreamer:<22}{judge:<22}{five:>12.0%}{first:>8.0%}{seconds:>11.2f}", flush=True)
        sheets.append(row)
    if arguments.sheet:
        write(sheets, arguments.sheet, len(chosen))


def write(sheets: list[list[Pixels]], path: Path, columns: int) -> None:
    """Every dream, a row for each dreamer and photograph."""
    height, width = (max(picture.shape[i] for row in sheets for picture in row) for i in (0, 1))
    rows = [row[i : i + columns] for row in sheets for i in range(0, len(row), columns)]
    image = Image.new("RGB", (columns * width, len(rows) * height))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            image.paste(Image.fromarray(to_bytes(picture)), (x * width, y * height))
    image.save(path, quality=85)


if __name__ == "__main__":
    main()
