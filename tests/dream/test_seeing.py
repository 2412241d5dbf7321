"""What the networks see in a picture."""

import numpy as np

from dream.picture import decode, resize
from dream.seeing import see, sheet


def test_a_cat_is_seen_in_the_cat_and_coffee_in_the_cup(samples):
    cat, cup = (see(samples[name], most=3) for name in ("chelsea", "coffee"))
    assert cat[0].title in ("Egyptian cat", "tabby", "tiger cat")
    assert cup[0].title in ("espresso", "cup", "coffee mug")
    for seen in (cat, cup):
        assert [thing.share for thing in seen] == sorted((thing.share for thing in seen), reverse=True)
        assert all(thing.map.min() >= 0 and thing.map.max() == 1 for thing in seen)


def test_the_sheet_lights_each_thing_where_it_is(samples):
    pixels = np.clip(resize(decode(samples["chelsea"]), 240, 160), 0, 1)
    seen = see(pixels, most=2)
    shown = sheet(pixels, seen, width=120)
    assert shown.shape == (80, 240, 3)
    lit = resize(seen[0].map[..., None], 120, 80)[..., 0]
    share = shown[:, :120].mean(axis=2) / (resize(pixels, 120, 80).mean(axis=2) + 1e-3)
    assert share[lit > 0.9].mean() > 2 * share[lit < 0.1].mean()
