"""Contact sheets of what the layers of a network produce, starting from a grey sky.

    python -m dream.atlas [NETWORK ...]

writes one JPEG per network to dream/layers: every layer, and below it two of its channels. `dreambot atlas`
makes the page of an operator's network.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dream.backbone.catalog import NETWORKS, NetworkName, bare
from dream.clouds import sky
from dream.dreamer import dream
from dream.picture import Pixels, to_bytes

FOLDER = Path(__file__).parent / "layers"

CHANNELS: dict[str, tuple[int, int]] = {"block9": (102, 85), "block12": (27, 126)}
"""The two channels shown of a layer, chosen by eye; of others, those at a third and two thirds."""

_TILE = 192
_SMALL = _TILE // 2


MOST = 24
"""The layers on a page, at most; of more, so many are spread over the network."""


def picture(network: NetworkName, folder: Path = FOLDER) -> Path | None:
    """The atlas page of `network` in `folder`, or else the one that ships, or None if there is none."""
    pages = (one / f"{network}.jpg" for one in (folder, FOLDER))
    return next((page for page in pages if page.is_file()), None)


def page(network: NetworkName, on_layer: Callable[[str], None] = lambda layer: None) -> Image.Image:
    """Dream of the layers of `network`, each by itself, and of two of its channels.

    `on_layer` is called before each.
    """
    layers = {layer: NETWORKS[network].layers[layer] for layer in NETWORKS[network].spread(MOST)}
    columns = 4
    height = _TILE + _SMALL + 22
    rows = -(-len(layers) // columns)
    image = Image.new("RGB", (columns * (_TILE + 6) - 6, rows * (height + 6) - 6), "#101014")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    for i, (layer, count) in enumerate(layers.items()):
        x, y = i % columns * (_TILE + 6), i // columns * (height + 6)
        chosen = CHANNELS.get(layer, (count // 3, 2 * count // 3))
        on_layer(layer)
        draw.text(
            (x + 2, y + 2), f"{bare(layer)[-14:]}   :{chosen[0]}   :{chosen[1]}", fill="white", font=font
        )
        image.paste(_dreamt(layer, _TILE), (x, y + 22))
        for j, channel in enumerate(chosen):
            tile = _dreamt(f"{layer}:{channel} objective=mean", _SMALL)
            image.paste(tile, (x + j * _SMALL, y + 22 + _TILE))
    return image


def save(image: Image.Image, path: Path) -> None:
    """Write a page as a JPEG."""
    image.save(path, "JPEG", quality=80, optimize=True, progressive=True)


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
        save(page(network), FOLDER / f"{network}.jpg")


if __name__ == "__main__":
    main()
