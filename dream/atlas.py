"""Contact sheets of what each layer of a network produces, starting from a grey sky.

    python -m dream.atlas [NETWORK ...]

writes one JPEG per network to dream/layers: every layer, and below it two of its channels.
"""

import sys
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dream.backbone.catalog import NETWORKS, NetworkName
from dream.clouds import sky
from dream.dreamer import dream
from dream.picture import Pixels, to_bytes

FOLDER = Path(__file__).parent / "layers"

CHANNELS: dict[str, tuple[int, int]] = {"block9": (102, 85), "block12": (27, 126)}
"""The two channels shown of a layer, chosen by eye; of others, those at a third and two thirds."""

_TILE = 192
_SMALL = _TILE // 2


def picture(network: NetworkName) -> Path | None:
    """The atlas page of `network`, or None if there is none: its weights are not bundled."""
    page = FOLDER / f"{network}.jpg"
    return page if page.is_file() else None


def page(network: NetworkName) -> Image.Image:
    """Dream of every layer of `network` by itself, and of two of its channels."""
    layers = NETWORKS[network].layers
    columns = 4
    height = _TILE + _SMALL + 22
    rows = -(-len(layers) // columns)
    image = Image.new("RGB", (columns * (_TILE + 6) - 6, rows * (height + 6) - 6), "#101014")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    for i, (layer, count) in enumerate(layers.items()):
        x, y = i % columns * (_TILE + 6), i // columns * (height + 6)
        chosen = CHANNELS.get(layer, (count // 3, 2 * count // 3))
        draw.text((x + 2, y + 2), f"{layer}   :{chosen[0]}   :{chosen[1]}", fill="white", font=font)
        image.paste(_dreamt(layer, _TILE), (x, y + 22))
        for j, channel in enumerate(chosen):
            tile = _dreamt(f"{layer}:{channel} objective=mean", _SMALL)
            image.paste(tile, (x + j * _SMALL, y + 22 + _TILE))
    return image


def _dreamt(what: str, size: int) -> Image.Image:
    """A dream of `what` from a grey sky, `size` pixels wide and high."""
    options = "octaves=3 steps=14 strength=0.03 seed=1"
    pixels = dream(_grey_sky(max(size, 128)), f"{what} {options}").pixels
    return Image.fromarray(to_bytes(pixels)).resize((size, size), Image.Resampling.LANCZOS)


def _grey_sky(size: int) -> Pixels:
    grey = sky(size, size, seed=1).mean(axis=2, keepdims=True)
    return np.repeat(0.5 + (grey - grey.mean()) * 0.5, 3, axis=2)


def main() -> None:
    """Make the pages of the networks named, or of all bundled ones."""
    FOLDER.mkdir(exist_ok=True)
    for network in sys.argv[1:] or ("efficientnet_lite0", "squeezenet"):
        page(cast(NetworkName, network)).save(
            FOLDER / f"{network}.jpg", quality=80, optimize=True, progressive=True
        )


if __name__ == "__main__":
    main()
