"""Where in a picture to dream, and pictures that tile."""

import io

import numpy as np
import pytest
from PIL import Image

from dream import RecipeError, dream
from dream.backbone.catalog import CLASSIFIERS
from dream.backbone.loading import bundled
from dream.picture import PictureError, decode, resize, to_bytes
from dream.recipe import Recipe
from dream.seamless import seamless
from dream.seeing import class_map
from dream.tiles import cut, paste, tiles

QUICK = "octaves=2 steps=2 seed=5"


@pytest.fixture(scope="module")
def cat(samples):
    return np.clip(resize(decode(samples["chelsea"]), 240, 160), 0, 1)


def png(pixels, opacity=None):
    file = io.BytesIO()
    image = Image.fromarray(to_bytes(pixels))
    if opacity is not None:
        image.putalpha(Image.fromarray((opacity * 255).astype(np.uint8)))
    image.save(file, "PNG")
    return file.getvalue()


def left_half(shape):
    mask = np.zeros(shape[:2], np.float32)
    mask[:, : shape[1] // 2] = 1
    return mask


def assert_only_the_left_is_dreamt(result, before):
    changed = (to_bytes(result) != to_bytes(before)).any(axis=2)
    width = changed.shape[1]
    assert not changed[:, width // 2 :].any()
    assert changed[:, : width // 3].mean() > 0.3


def test_the_transparent_parts_of_a_file_are_dreamt_and_the_rest_is_untouched(cat):
    """Also through octaves, and after a result of another size than the file's."""
    data = png(cat, 1 - left_half(cat.shape))
    before = decode(data)
    assert_only_the_left_is_dreamt(dream(data, f"block4 {QUICK}").pixels, before)
    larger = dream(data, f"block4+fire3 quality=rich size=300 {QUICK}").pixels
    assert_only_the_left_is_dreamt(larger, resize(before, 300, 200))
    opaque = png(cat, np.ones(cat.shape[:2]))
    assert np.array_equal(dream(opaque, f"block4 {QUICK}").pixels, dream(png(cat), f"block4 {QUICK}").pixels)


def test_a_second_picture_says_where_and_guides_nothing(cat):
    white = np.repeat(left_half((80, 120))[..., None], 3, axis=2)
    only = dream(cat, f"block4 {QUICK} only=picture", guide=white)
    assert_only_the_left_is_dreamt(only.pixels, cat)
    beyond = dream(cat, f"block4 {QUICK} except=picture", guide=1 - white).pixels
    assert np.array_equal(beyond, only.pixels)
    with pytest.raises(RecipeError, match="no second picture"):
        dream(cat, f"block4 {QUICK} only=picture")
    with pytest.raises(PictureError, match="left to dream on"):
        dream(cat, f"block4 {QUICK} only=picture", guide=np.zeros((8, 8, 3), np.float32))


def test_a_mask_has_a_soft_edge(cat):
    white = np.repeat(left_half(cat.shape)[..., None], 3, axis=2)
    change = np.abs(dream(cat, "block4 octaves=1 steps=4 seed=1 only=picture", guide=white).pixels - cat)
    by_column = change.mean(axis=(0, 2))
    edge, inside = by_column[114:120].mean(), by_column[60:100].mean()
    assert 0 < edge < 0.8 * inside


def test_only_the_cat_or_everything_else(samples):
    photograph = resize(decode(samples["chelsea"]), 320, 213)
    backbones = {name: bundled(name) for name in CLASSIFIERS}
    cats = [281, 282, 285]
    found, sure = class_map(photograph, cats, backbones)
    assert sure > 0.1
    assert found.shape == (213, 320)
    only, beside = (dream(photograph, f"block4 {QUICK} {w}=cat").pixels for w in ("only", "except"))
    where, elsewhere = (np.abs(result - photograph).mean(axis=2) > 1e-3 for result in (only, beside))
    assert found[where].mean() > 2 * found[~where].mean()
    assert 0.05 < where.mean() < 0.95
    assert (where & elsewhere).mean() < 0.3
    with pytest.raises(RecipeError, match="I see no volcano in this picture"):
        dream(photograph, f"block4 {QUICK} only=volcano")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("block8 only=oxtrich", "did you mean ostrich"),
        ("block8 except=crane", "crane_bird or crane_machine"),
        ("block8 tile=sideways", "both, across or down"),
        ("block8 tile=both zoom=1.02", "for pictures"),
        ("block8 only=tabby seconds=3", "for pictures"),
    ],
)
def test_wrong_places_are_one_sentence(text, said):
    with pytest.raises(RecipeError, match=said):
        Recipe.parse(text)


def test_places_have_one_canonical_form():
    recipe = Recipe.parse("tabby only=great white shark except=Cats tile=both")
    cats = "tabby,tiger_cat,persian_cat,siamese_cat,egyptian_cat"
    assert str(recipe) == f"class:tabby only=great_white_shark except={cats} tile=both"


def seam(pixels, axis):
    """The mean jump from the last row or column to the first, and the largest and mean jumps inside."""
    jumps = np.abs(np.diff(pixels, axis=axis)).mean(axis=(1 - axis, 2))
    last = np.abs(pixels.take(0, axis) - pixels.take(-1, axis)).mean()
    return last, jumps.max(), jumps.mean()


@pytest.mark.parametrize("recipe", ["block8", "fire7+block4 quality=rich", "block8 keep=color"])
def test_the_seams_of_a_wallpaper_are_no_larger_than_what_is_inside(samples, recipe):
    result = dream(samples["coffee"], f"{recipe} octaves=3 steps=3 seed=1 size=200 tile=both").pixels
    assert result.shape == (133, 200, 3)
    for axis in (0, 1):
        jump, largest, mean = seam(result, axis)
        assert jump < largest
        assert jump < 1.5 * mean
    across = dream(samples["coffee"], "block8 octaves=2 steps=2 seed=1 size=200 tile=across").pixels
    jump, _, mean = seam(across, 1)
    assert jump < 1.5 * mean
    jump, _, mean = seam(across, 0)
    assert jump > 1.5 * mean


def test_resizing_with_wrap_is_resizing_the_tiled_plane():
    pixels = np.random.default_rng(1).random((30, 40, 3), np.float32)
    nine = np.tile(pixels, (3, 3, 1))
    for width, height in ((64, 45), (20, 15)):
        whole = resize(nine, 3 * width, 3 * height)[height : 2 * height, width : 2 * width]
        assert np.abs(resize(pixels, width, height, wrap=(True, True)) - whole).max() < 1e-4


def test_seamless_pictures_keep_their_middle(cat):
    result = seamless(cat, down=True, across=False)
    assert result.shape == cat.shape
    jump, largest, _ = seam(result, 0)
    assert jump < largest


@pytest.mark.parametrize("shape", [(90, 130), (400, 300), (33, 500)])
def test_wrapped_tiles_cover_every_pixel_once_with_what_is_around_it(shape):
    picture = np.random.default_rng(2).random((*shape, 3), np.float32)
    planes = np.full((3, *shape), np.nan, np.float32)
    for rows, columns in tiles(*shape, 260**2, (True, True)):
        if rows.length and columns.length:
            tile = cut(picture, rows, columns, (7, 300))
            assert tile.shape[0] == rows.size and tile.shape[1] == columns.size
            paste(tile.transpose(2, 0, 1), planes, rows, columns, (7, 300))
    assert np.array_equal(planes, picture.transpose(2, 0, 1))
