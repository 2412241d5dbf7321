import io
from pathlib import Path

import pytest
from PIL import Image

from bench.presets import SHEET_BYTES, SHEETS, gallery, overview
from config.presets import OVERVIEW, load_presets
from dream import atlas
from dream.backbone.catalog import NETWORKS
from dream.recipe import Recipe

PRESETS = load_presets()
BUNDLED = [
    name
    for name, preset in PRESETS.items()
    if all(NETWORKS[network].ships for network in Recipe.parse(preset.recipe).networks)
]


def test_there_are_presets_for_every_network() -> None:
    networks = {network for preset in PRESETS.values() for network in Recipe.parse(preset.recipe).networks}
    assert networks == set(NETWORKS)
    assert len(BUNDLED) >= 12
    assert len({preset.recipe for preset in PRESETS.values()}) == len(PRESETS)


def test_no_preset_settles_what_is_the_askers() -> None:
    for name, preset in PRESETS.items():
        recipe = Recipe.parse(preset.recipe)
        assert (recipe.size, recipe.seed, recipe.is_video) == (None, None, False), name


def test_the_gallery_shows_the_presets_as_they_are() -> None:
    assert (SHEETS.parent / "gallery.md").read_text(encoding="utf-8") == gallery(PRESETS)


def test_the_picture_of_all_presets_is_small_and_as_the_sheets_are() -> None:
    assert len(OVERVIEW.read_bytes()) < 250_000
    with Image.open(OVERVIEW) as shipped, Image.open(io.BytesIO(overview(PRESETS))) as made:
        assert shipped.size == made.size


@pytest.mark.parametrize("name", BUNDLED)
def test_each_bundled_preset_has_a_small_contact_sheet(name: str) -> None:
    data = (SHEETS / f"{name}.jpg").read_bytes()
    assert len(data) <= SHEET_BYTES
    with Image.open(io.BytesIO(data)) as sheet:
        assert sheet.width > 800


def test_no_sheet_is_of_a_preset_that_is_gone() -> None:
    assert {path.stem for path in SHEETS.iterdir()} == set(BUNDLED)


@pytest.mark.parametrize("network", ["efficientnet_lite0", "squeezenet"])
def test_the_atlas_of_a_bundled_network_ships(network: str) -> None:
    page = atlas.picture(network)
    assert isinstance(page, Path)
    assert page.stat().st_size < 400_000
    with Image.open(page) as image:
        assert image.width > 700


def test_a_network_without_bundled_weights_has_no_page() -> None:
    assert atlas.picture("inception_v3") is None
