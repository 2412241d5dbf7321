"""Any recipe, for tests of properties."""

from hypothesis import strategies as st

from dream.backbone.catalog import CLASS, CLASSIFIERS, LAYERS
from dream.backbone.classes import meanings
from dream.objective import MAX_CHANNELS, Term
from dream.recipe import OPTIONS, Recipe

meanings()  # read once, before any draw is timed


@st.composite
def terms(draw):
    layer = draw(st.sampled_from([*LAYERS, CLASS]))
    is_classes = layer == CLASS or layer in CLASSIFIERS.values()
    count = 1000 if is_classes else LAYERS[layer].layers[layer]
    weight = draw(st.integers(1, 1_000_000).map(lambda n: n / 10_000)) * draw(st.sampled_from((-1, 1)))
    channels = draw(st.sets(st.integers(0, count - 1), max_size=5 if is_classes else MAX_CHANNELS))
    top = 0 if channels else draw(st.integers(1, MAX_CHANNELS) if is_classes else st.integers(0, count))
    return Term(layer, weight, tuple(channels), top)


@st.composite
def recipes(draw):
    chosen = draw(st.lists(terms(), min_size=1, max_size=8))
    options = {}
    for option in OPTIONS.values():
        if option.is_place:
            options[option.field] = draw(st.none() | st.sampled_from(("tabby", "ostrich,tabby", "picture")))
        elif option.choices:
            options[option.field] = draw(st.none() | st.sampled_from(option.choices))
        elif option.whole:
            options[option.field] = draw(st.none() | st.integers(int(option.low), int(option.high)))
        else:
            options[option.field] = draw(st.none() | st.floats(option.low, option.high))
    if options["only"] or options["except_"] or options["tile"]:
        options |= {"zoom": None, "rotate": None, "seconds": None}
    return Recipe(tuple(chosen), **options)


@st.composite
def morphs(draw):
    stages = st.lists(
        st.builds(
            lambda term, strength: Recipe((term,), strength=strength),
            terms(),
            st.none() | st.floats(OPTIONS["strength"].low, OPTIONS["strength"].high),
        ),
        min_size=1,
        max_size=3,
    )
    whole = draw(st.fixed_dictionaries({}, optional={"seed": st.integers(0, 99), "zoom": st.just(1.02)}))
    return Recipe((draw(terms()),), **whole, then=tuple(draw(stages)))
