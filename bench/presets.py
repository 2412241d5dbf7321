"""Every preset on every sample: does it keep its promises, and what does it look like?

    python -m bench.presets [NAME ...] [--sheets]

One line a preset and sample, worst first: the share of fine grain (no confetti: under 2 %, or 1.3 times the
photograph's own), how far the mean colour moved (with keep=color under 2 %), and how much changed. `--sheets`
also writes each preset's contact sheet to docs/presets, the page docs/gallery.md, and config/presets.jpg of
them all. Exits with 1 if a promise is broken. Presets that are named as crisp may be so.
"""

import argparse
import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from config.presets import OVERVIEW, Preset, load_presets
from dream import dream
from dream.backbone.catalog import NETWORKS
from dream.compare import laid_out
from dream.picture import Pixels, decode, resize, to_bytes
from dream.recipe import Recipe

ROOT = Path(__file__).parents[1]
SAMPLES = {path.stem: path.read_bytes() for path in sorted((ROOT / "dream/samples").glob("*.jpg"))}
SHEETS = ROOT / "docs/presets"
SIZE = 512
CELL = (300, 225)
TILE = (200, 150)
SHEET_BYTES = 60_000


def fine_share(picture: Pixels) -> float:
    """The share of a picture's spectral energy above a quarter of the sampling rate; grey, mean removed."""
    grey = picture.mean(axis=2)
    energy = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    rows, columns = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.fftfreq(grey.shape[1])[None]
    return float(energy[np.hypot(rows, columns) > 0.25].sum() / energy.sum())


@dataclasses.dataclass(frozen=True)
class Row:
    """What a preset did to a sample: shares of the energy, of the range, and the dream."""

    preset: str
    sample: str
    fine: float
    fine_before: float
    color: float
    change: float
    seconds: float
    dream: Pixels

    def broken(self, recipe: Recipe, crisp: bool) -> str:
        """Which promise it breaks, if any."""
        if not crisp and self.fine > max(0.02, 1.3 * self.fine_before):
            return "confetti"
        return "colour moved" if recipe.keep == "color" and self.color > 0.02 else ""


def tried(name: str, recipe: Recipe, sample: str) -> Row:
    """Dream a preset on a sample at no more than 512 pixels, always with the same seed."""
    photograph = decode(SAMPLES[sample])
    size = min(SIZE, max(photograph.shape[:2]))
    result = dream(SAMPLES[sample], dataclasses.replace(recipe, size=size, seed=1))
    height, width = result.pixels.shape[:2]
    before = resize(photograph, width, height)
    color = float(np.abs((result.pixels - before).mean(axis=(0, 1))).max())
    change = float(np.abs(result.pixels - before).mean())
    shares = fine_share(result.pixels), fine_share(before)
    return Row(name, sample, *shares, color, change, result.report.seconds, result.pixels)


def sheet(pictures: list[Pixels]) -> bytes:
    """Six pictures, three in a row, as one small JPEG."""
    cells = [
        ImageOps.fit(Image.fromarray(to_bytes(p)), CELL, Image.Resampling.LANCZOS, centering=(0.5, 0.1))
        for p in pictures
    ]
    image = Image.new("RGB", (3 * CELL[0] + 8, 2 * CELL[1] + 4), "white")
    for i, cell in enumerate(cells):
        image.paste(cell, (i % 3 * (CELL[0] + 4), i // 3 * (CELL[1] + 4)))
    for quality in range(85, 20, -5):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= SHEET_BYTES:
            break
    return file.getvalue()


def overview(presets: dict[str, Preset]) -> bytes:
    """Each preset on the cat, cut out of the contact sheets, with its name: what `!presets` shows."""
    sample = 1 + list(SAMPLES).index("chelsea")
    left, top = sample % 3 * (CELL[0] + 4), sample // 3 * (CELL[1] + 4)
    names = [name for name in presets if (SHEETS / f"{name}.jpg").is_file()]
    tiles = []
    for name in names:
        with Image.open(SHEETS / f"{name}.jpg") as image:
            cell = image.crop((left, top, left + CELL[0], top + CELL[1]))
            tiles.append(np.asarray(cell.resize(TILE, Image.Resampling.LANCZOS)))
    file = io.BytesIO()
    laid_out(tiles, names, 4).save(file, "JPEG", quality=80, optimize=True, progressive=True)
    return file.getvalue()


def gallery(presets: dict[str, Preset]) -> str:
    """The page that shows every preset, those of InceptionV3 in words alone."""
    lines = [
        "# Gallery",
        "",
        "Every preset on the five photographs that come with Dreambot, after the first of them as it is.",
        "Try one with `dreambot dream photo.jpg NAME -o dream.png`, or in Discord with `!dream NAME`; add",
        "options to change it. `python -m bench.presets --sheets` makes the pictures. InceptionV3 has",
        "none here, because its weights do not ship with Dreambot; without them a bundled layer stands in.",
        "",
    ]
    for name, preset in presets.items():
        lines += [f"## {preset.title}", "", preset.description, "", f"`{name}` is `{preset.recipe}`", ""]
        if all(NETWORKS[name].ships for name in Recipe.parse(preset.recipe).networks):
            lines += [f"![{preset.title} on five photographs](presets/{name}.jpg)", ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--sheets", action="store_true")
    arguments = parser.parse_args()
    presets = load_presets()
    broken = 0
    print(f"{'preset':<14}{'sample':<20}{'fine %':>8}{'was %':>8}{'colour %':>10}{'change %':>10}{'s':>7}")
    for name in arguments.names or presets:
        recipe = Recipe.parse(presets[name].recipe)
        if not all(NETWORKS[name].ships for name in recipe.networks):
            continue
        crisp = "crisp" in presets[name].description.lower()
        rows = [tried(name, recipe, sample) for sample in SAMPLES]
        for row in sorted(rows, key=lambda row: row.fine / row.fine_before, reverse=True):
            figures = (100 * row.fine, 100 * row.fine_before, 100 * row.color, 100 * row.change)
            fine, was, color, change = (f"{figure:.2f}" for figure in figures)
            complaint = row.broken(recipe, crisp)
            broken += bool(complaint)
            print(
                f"{name:<14}{row.sample:<20}{fine:>8}{was:>8}{color:>10}{change:>10}{row.seconds:>7.1f}"
                f"  {complaint}",
                flush=True,
            )
        if arguments.sheets:
            SHEETS.mkdir(parents=True, exist_ok=True)
            pictures = [decode(SAMPLES[rows[0].sample]), *(row.dream for row in rows)]
            (SHEETS / f"{name}.jpg").write_bytes(sheet(pictures))
    if arguments.sheets:
        (ROOT / "docs/gallery.md").write_text(gallery(presets), encoding="utf-8")
        OVERVIEW.write_bytes(overview(presets))
    print(f"{broken} promises broken" if broken else "every promise kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
