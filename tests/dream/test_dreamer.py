import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dream import ascent
from dream.backbone.catalog import BYTES_PER_PIXEL
from dream.backbone.loading import bundled
from dream.clouds import sky
from dream.dreamer import Cancelled, Progress, dream, step_sizes
from dream.octaves import final_size, octaves
from dream.picture import PictureError, decode, recipe_in, resize
from dream.recipe import Recipe
from dream.render import Progress as RenderProgress
from dream.render import Work, render
from dream.tiles import GRID, OVERLAP, tiles
from tests.support.recipes import recipes

QUICK = "block4 octaves=2 steps=2 seed=5"


@pytest.fixture(scope="module")
def cat(samples):
    return np.clip(resize(decode(samples["chelsea"]), 240, 160), 0, 1)


def test_a_dream_of_a_photograph_is_plainly_dreamt_and_still_the_photograph(samples):
    result = dream(samples["chelsea"], "block8+block11 size=256 seed=1")
    before = resize(decode(samples["chelsea"]), 256, 170)
    report = result.report
    assert result.pixels.shape == (170, 256, 3)
    assert report.objective_after > 1.5 * report.objective_before
    assert 0.03 < np.abs(result.pixels - before).mean() < 0.2
    assert np.corrcoef(result.pixels.ravel(), before.ravel())[0, 1] > 0.7
    assert (report.model, report.weights) == ("efficientnet_lite0", "bundled")
    assert report.recipe == "block8+block11 size=256 seed=1"


@pytest.mark.parametrize("options", ["", "quality=rich", "objective=mean", "smooth=0", "size=300 scale=2"])
def test_the_same_seed_dreams_the_same_dream(cat, options):
    first, second = (dream(cat, f"{QUICK} {options}").pixels for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, dream(cat, f"{QUICK} {options}".replace("seed=5", "seed=6")).pixels)


def test_a_seed_is_chosen_and_told(cat):
    first = dream(cat, "block4 octaves=1 steps=1")
    assert "seed=" in first.report.recipe
    assert np.array_equal(first.pixels, dream(cat, first.report.recipe).pixels)


def test_progress_counts_every_step_and_shows_the_dream(cat):
    seen: list[Progress] = []
    result = dream(cat, "block4 octaves=3 steps=3 seed=1", on_progress=seen.append)
    plan = octaves(Recipe.parse("block4 octaves=3 steps=3"), 240, 160)
    assert [p.step for p in seen] == list(range(1, result.report.steps + 1))
    assert {p.steps for p in seen} == {sum(octave.steps for octave in plan)}
    assert [p.octave for p in seen] == [i for i, octave in enumerate(plan, 1) for _ in range(octave.steps)]
    pixel_steps = [octave.width * octave.height for octave in plan for _ in range(octave.steps)]
    assert [p.done for p in seen] == pytest.approx(np.cumsum(pixel_steps) / np.sum(pixel_steps))
    assert seen[-1].objective > seen[-plan[-1].steps].objective
    assert seen[-1].preview().shape == (160, 240, 3)


def test_a_cancel_stops_before_the_next_gradient(cat, monkeypatch):
    steps: list[Progress] = []
    with pytest.raises(Cancelled):
        dream(cat, "block4 steps=50", on_progress=steps.append, cancelled=lambda: len(steps) >= 3)
    assert len(steps) == 3
    monkeypatch.setattr(ascent, "LARGEST_TILE", 160)
    asked: list[int] = []

    def at_the_seventh() -> bool:
        asked.append(1)
        return len(asked) > 6

    with pytest.raises(Cancelled):  # and between two tiles of one step
        dream(
            cat,
            "block4 octaves=1",
            cancelled=at_the_seventh,
            on_progress=steps.append,
        )
    assert len(asked) == 7


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (32, 32), (1, 2000), (2000, 1), (75, 76), (33, 129), (200, 97)]
)
@pytest.mark.parametrize("recipe", ["block8", "fire7 quality=rich"])
def test_pictures_of_odd_sizes_come_through(size, recipe):
    width, height = size
    picture = sky(width, height, seed=2)
    result = dream(picture, f"{recipe} octaves=2 steps=1 seed=1")
    promised = final_size(Recipe.parse(recipe), width, height)
    assert (result.pixels.shape[1], result.pixels.shape[0]) == promised
    assert (result.report.width, result.report.height) == promised
    assert np.isfinite(result.pixels).all()
    assert 0 <= result.pixels.min() <= result.pixels.max() <= 1


LAYERS = st.sampled_from(
    ["block2*-1", "block5:top3", "block3-block1*0.5", "fire4:1,2,30", "fire3+block1*0.5", "class:9-fire2"]
)


@given(
    LAYERS,
    st.integers(1, 150),
    st.integers(1, 150),
    st.fixed_dictionaries(
        {},
        optional={
            "size": st.integers(16, 150),
            "strength": st.floats(0.001, 0.1),
            "smooth": st.floats(0, 4),
            "scale": st.floats(1.1, 2),
            "blend": st.floats(0, 1),
            "keep": st.just("color"),
            "quality": st.sampled_from(["quick", "rich"]),
        },
    ),
    st.integers(0, 1000),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate]
)
def test_any_recipe_dreams_a_finite_picture_of_the_promised_size(layers, width, height, options, seed):
    recipe = Recipe.parse(" ".join([layers, *(f"{k}={v}" for k, v in options.items()), "octaves=2 steps=1"]))
    picture = np.random.default_rng(seed).random((height, width, 3), np.float32)
    result = dream(picture, recipe)
    assert (result.pixels.shape[1], result.pixels.shape[0]) == final_size(recipe, width, height)
    assert np.isfinite(result.pixels).all()
    assert 0 <= result.pixels.min() <= result.pixels.max() <= 1


@given(recipes(), st.integers(1, 200), st.integers(1, 200), st.integers(0, 1000))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_any_recipe_at_all_dreams_once_its_time_is_bounded(recipe, width, height, seed):
    """InceptionV3's recipes too: without its weights a bundled layer dreams, and says so."""
    bounds = {"steps": 1, "octaves": 2, "size": min(recipe.size or 99, 160)}
    places = {"only": None, "except_": None}  # noise shows nothing
    recipe = dataclasses.replace(recipe, **bounds, **places, zoom=None, rotate=None, seconds=None)
    result = dream(np.random.default_rng(seed).random((height, width, 3), np.float32), str(recipe))
    assert (result.pixels.shape[1], result.pixels.shape[0]) == final_size(recipe, width, height)
    assert np.isfinite(result.pixels).all()
    assert (result.report.fallback is None) == ("inception_v3" not in recipe.networks)


@pytest.mark.parametrize("picture", [np.zeros((64, 64, 3), np.float32), np.ones((64, 64, 3), np.float32)])
def test_pictures_without_anything_to_see_come_through(picture):
    assert np.isfinite(dream(picture, QUICK).pixels).all()


def test_colours_are_kept_where_asked(cat):
    kept = dream(cat, "block8 keep=color steps=6 seed=1 strength=0.03").pixels
    assert np.abs(kept.mean(axis=(0, 1)) - cat.mean(axis=(0, 1))).max() < 0.02
    chroma = kept - kept.mean(axis=2, keepdims=True)
    inside = ((kept > 0.01) & (kept < 0.99)).all(axis=2)
    assert np.abs(chroma - (cat - cat.mean(axis=2, keepdims=True)))[inside].mean() < 0.02
    assert np.abs(kept - cat).mean() > 0.03


def test_blend_mixes_the_photograph_back_in(cat):
    whole, half, none = (dream(cat, f"{QUICK} blend={share}").pixels for share in (1, 0.5, 0))
    assert np.abs(none - cat).max() < 1e-6
    assert np.abs(half - (whole + cat) / 2).max() < 1e-6


def test_each_quality_takes_its_time(cat):
    work = [
        sum(o.width * o.height * o.steps for o in octaves(Recipe.parse(f"block8 quality={q}"), 512, 384))
        for q in ("quick", "normal", "rich")
    ]
    assert work[0] < work[1] < work[2]


def test_objectives_maximise_what_they_name(cat):
    """Each recipe's own objective rises, and a term with a negative weight falls."""
    for recipe in ("block8", "block8:top4", "block8:3,17", "block8 objective=mean", "block8*3+block4"):
        report = dream(cat, f"{recipe} octaves=1 steps=4 seed=1").report
        assert report.objective_after > report.objective_before
    towards = dream(cat, "block4 octaves=1 steps=4 seed=1").report
    away = dream(cat, "block4*-1 octaves=1 steps=4 seed=1").report
    assert away.objective_before == pytest.approx(-towards.objective_before)
    assert away.objective_after > away.objective_before
    assert -away.objective_after < towards.objective_before


def test_a_guide_leads_the_dream(cat, samples):
    """What is dreamt with a guide matches that guide better than what is dreamt with another."""
    guides = {name: samples[name] for name in ("coffee", "rocket")}
    recipe = "block8 octaves=1 steps=6 seed=1"
    dreams = {name: dream(cat, recipe, guide=guide) for name, guide in guides.items()}
    for name, guide in guides.items():
        (other,) = set(guides) - {name}
        before = {
            key: dream(d.pixels, "block8 octaves=1 steps=1", guide=guide).report for key, d in dreams.items()
        }
        assert dreams[name].report.objective_after > dreams[name].report.objective_before
        assert before[name].objective_before > before[other].objective_before


def test_layers_of_very_different_scale_add_as_equals(cat):
    """block15 is measured in hundreds of times block0's units, and neither drowns the other."""
    both = dream(cat, "block0+block8 octaves=1 steps=5 seed=1").pixels
    for recipe in ("block0", "block8"):
        alone = dream(cat, f"{recipe} octaves=1 steps=1 seed=2").report.objective_before
        assert dream(both, f"{recipe} octaves=1 steps=1 seed=2").report.objective_before > 1.1 * alone


def test_an_octaves_step_sizes_fall_and_have_mean_one():
    for steps in (1, 2, 13):
        found = step_sizes(steps)
        assert found == sorted(found, reverse=True)
        assert found[-1] > 0
        assert sum(found) == pytest.approx(len(found)) == steps


def similarity(a, b):
    """Structural similarity (Wang et al., 2004) of two pictures' brightness, over windows of 8 pixels."""

    def blocks(x):
        return np.lib.stride_tricks.sliding_window_view(x, (8, 8))[::4, ::4].reshape(-1, 64)

    a, b = (blocks(x.mean(axis=2)) for x in (a, b))
    mean_a, mean_b = a.mean(1), b.mean(1)
    covariance = (a * b).mean(1) - mean_a * mean_b
    one, two = 0.01**2, 0.03**2
    return np.mean(
        (2 * mean_a * mean_b + one)
        * (2 * covariance + two)
        / ((mean_a**2 + mean_b**2 + one) * (a.var(1) + b.var(1) + two))
    )


def test_tiles_make_the_same_dream(samples, monkeypatch):
    photograph = resize(decode(samples["coffee"]), 640, 427)
    recipe = "block8 octaves=1 steps=2 seed=3 size=640"
    whole = dream(photograph, recipe).pixels
    monkeypatch.setattr(ascent, "LARGEST_TILE", 416)
    tiled = dream(photograph, recipe).pixels
    assert np.array_equal(tiled, dream(photograph, recipe).pixels)
    assert similarity(whole, tiled) > 0.99
    assert np.corrcoef((whole - photograph).ravel(), (tiled - photograph).ravel())[0, 1] > 0.95


def test_no_seam_where_tiles_meet(samples, monkeypatch):
    """A step changes the picture no more abruptly at the borders of tiles than anywhere else."""
    monkeypatch.setattr(ascent, "LARGEST_TILE", 320)
    photograph = resize(decode(samples["astronaut"]), 576, 576)
    changed = dream(photograph, "block8 octaves=1 steps=1 seed=3 size=576").pixels - photograph
    jumps = np.abs(np.diff(changed, axis=1)).mean(axis=(0, 2))
    borders = sorted({columns.kept.stop for _, columns in tiles(576, 576, 320**2)})[:-1]
    _, right = np.random.default_rng(3).integers(GRID, size=2)
    assert len(borders) == 1
    at = (borders[0] - 1 - right) % 576
    assert jumps[at] < 1.1 * jumps[at - 20 : at + 20].max()


@pytest.mark.parametrize("too_much", ["evaluate", "differentiate"])
def test_out_of_memory_halves_the_tile_and_goes_on(cat, monkeypatch, caplog, too_much):
    cat = resize(cat, 400, 267)
    whole = dream(cat, QUICK).pixels
    real = ascent.compiled
    tried = []

    def small_machine(*args):
        functions = dict(zip(("evaluate", "differentiate"), real(*args), strict=True))
        enough = functions[too_much]

        def limited(tile, *rest):
            tried.append(tile.shape[1] * tile.shape[2])
            if tried[-1] > 60_000:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
            return enough(tile, *rest)

        functions[too_much] = limited
        return tuple(functions.values())

    monkeypatch.setattr(ascent, "compiled", small_machine)
    result = dream(cat, QUICK).pixels
    assert max(tried) == 400 * 267
    assert tried[-1] <= 60_000
    assert "Out of memory" in caplog.text
    assert similarity(whole, result) > 0.9


def test_a_gpus_tiles_are_as_large_as_its_memory_allows():
    sides = [ascent.largest_tile(free) for free in (0, 2**30, 8 * 2**30, 80 * 2**30)]
    assert sides == sorted(sides)
    assert all(
        side**2 * BYTES_PER_PIXEL < free
        for side, free in zip(sides[1:], (2**30, 8 * 2**30, 80 * 2**30), strict=True)
    )
    assert sides[0] > 2 * OVERLAP
    assert ascent.largest_tile(None) == ascent.LARGEST_TILE


def test_the_network_is_traced_once_for_every_picture_and_recipe_of_its_layers():
    ascent.compiled.cache_clear()
    for size, recipe in (
        ((100, 80), "block3"),
        ((130, 200), "block3*2 strength=0.03"),
        ((90, 90), "block3:top3"),
    ):
        dream(sky(*size), f"{recipe} octaves=2 steps=1")
    assert ascent.compiled.cache_info().misses == 1
    _, differentiate = ascent.compiled(bundled("efficientnet_lite0"), ("block3",), ("square",))
    assert differentiate.experimental_get_tracing_count() == 1


def test_a_dream_from_nothing_is_a_dreamt_sky():
    result = dream(None, "block4 octaves=1 steps=1 size=160 seed=9")
    assert result.pixels.shape == (120, 160, 3)
    assert not np.array_equal(result.pixels, dream(None, "block4 octaves=1 steps=1 size=160 seed=8").pixels)


def test_a_picture_may_be_a_path_a_file_or_its_contents(samples, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(samples["rocket"])
    recipe = "block4 octaves=1 steps=1 size=120 seed=9"
    expected = dream(samples["rocket"], recipe, guide=samples["coffee"]).pixels
    guide = tmp_path / "guide.jpg"
    guide.write_bytes(samples["coffee"])
    with path.open("rb") as file, guide.open("rb") as guide_file:
        for picture, other in ((str(path), str(guide)), (path, guide), (file, guide_file)):
            assert np.array_equal(dream(picture, recipe, guide=other).pixels, expected)


def test_pixels_may_be_8_bits(cat):
    rounded = np.round(cat * 255)
    expected = dream((rounded / np.float32(255)).astype(np.float32), QUICK).pixels
    assert np.array_equal(dream(rounded.astype(np.uint8), QUICK).pixels, expected)


@pytest.mark.parametrize("role", ["picture", "guide"])
def test_a_picture_that_cannot_be_read_is_named(cat, tmp_path, role):
    (tmp_path / "notes.txt").write_text("milk, eggs")
    with (tmp_path / "notes.txt").open() as text:
        for source, said in (
            ("nowhere.jpg", "There is no file nowhere.jpg."),
            (tmp_path, f"{tmp_path} can't be read: is a directory."),
            (text, "binary mode"),
            (np.zeros((8, 8)), "(height, width, 3)"),
        ):
            with pytest.raises(PictureError, match=re.escape(said)):
                dream(**{"picture": cat, role: source}, recipe=QUICK)


def test_a_bad_picture_is_refused():
    with pytest.raises(PictureError):
        dream(b"no picture", "block8")


def test_a_worker_gets_bytes_and_gives_bytes(samples, monkeypatch):
    monkeypatch.setattr("dream.render.PREVIEW_SECONDS", 0)
    seen: list[RenderProgress] = []
    recipe = Recipe.parse("block4 steps=2 octaves=1 size=200 seed=3")
    work = Work(samples["rocket"], recipe, preview_size=64)
    rendered = render(work, seen.append)
    assert rendered.filename == "dream.png"
    assert recipe_in(rendered.data) == rendered.report.recipe == str(recipe)
    assert decode(rendered.data).shape == (133, 200, 3)
    assert [p.done for p in seen] == [0.5, 1]
    assert decode(seen[-1].preview).shape == (43, 64, 3)
    small = render(Work(samples["rocket"], recipe, max_bytes=9000))
    assert small.filename == "dream.jpg"
    assert len(small.data) <= 9000
