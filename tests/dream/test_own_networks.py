"""Networks of one's own: a model trained on shapes is dreamt of, and so are those of keras.applications."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dream import RecipeError, add_network, dream, layer
from dream.backbone.applications import application
from dream.backbone.catalog import LAYERS, NETWORKS, add, layers_called
from dream.backbone.description import Description, description_of
from dream.backbone.errors import WeightsError
from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.graph import Graph
from dream.backbone.sources import Application, without_weights
from dream.clouds import sky
from dream.objective import Objective
from dream.recipe import Recipe
from tests.support.shapes import shape_model, shapes

pytestmark = pytest.mark.usefixtures("only_built_in")

SMALL = "octaves=1 steps=2 seed=3"


@pytest.fixture(scope="module")
def model():
    return shape_model()


def test_the_model_has_learnt_shapes(model):
    pictures, kinds = shapes(90, seed=9)
    assert (model.predict(pictures, verbose=0).argmax(axis=1) == kinds).mean() > 0.85


def test_a_model_is_dreamt_of_by_its_layers(model):
    picture = sky(120, 96)
    result = dream(picture, f"conv3+conv2:1,2*0.5 {SMALL}", model=model, preprocess=lambda rgb: rgb / 255)
    report = result.report
    assert (report.model, report.weights, report.fallback) == ("model", "memory", None)
    assert report.recipe.startswith("model/conv3+model/conv2:1,2*0.5")
    assert report.objective_after > report.objective_before
    assert result.pixels.shape == (96, 120, 3)
    assert np.abs(result.pixels - picture).mean() > 0.003


def test_a_dream_of_a_model_climbs_its_class(model):
    """What is dreamt is the model's own: more of the shape that a channel of its last layer means."""
    circle = tf.constant(shapes(1, seed=1, kind=0)[0])
    best = int(np.argmax(means(model, "conv3", circle)))
    picture = np.full((96, 96, 3), 0.5, np.float32) + sky(96, 96) * 0.1
    dreamt = dream(
        picture, f"conv3:{best} octaves=1 steps=12", model=model, preprocess=lambda rgb: rgb / 255
    ).pixels
    before, after = (means(model, "conv3", tf.constant(p[None]))[best] for p in (picture, dreamt))
    assert after > 2 * before


def means(model, name, picture):
    """The mean activation of each channel of a layer."""
    return FeatureExtractor(model, [name])(picture)[0].numpy().mean(axis=(0, 1, 2))


def test_layers_of_a_model_go_before_those_of_the_same_name(model):
    named = keras.Model(model.inputs, {"mixed5": model.get_layer("conv3").output})
    assert dream(sky(96, 96), f"mixed5 {SMALL}", model=named).report.layers == ("model/mixed5",)
    assert Recipe.parse("mixed5").layers == ("mixed5",)


def test_an_added_model_mixes_with_other_networks_presets_and_objectives(model):
    network = add_network("shapes", model, lambda rgb: rgb / 255)
    assert list(network.layers)[-1] == "shapes/conv3"
    assert str(Recipe.parse("conv3+block8*0.3")) == "shapes/conv3+block8*0.3"
    assert str(Objective(layer("conv3").terms)) == "shapes/conv3"
    presets = {"round": "shapes/conv3:0 steps=3"}
    recipe = Recipe.parse("round octaves=1 seed=1", presets)
    assert dream(sky(96, 96), recipe).report.model == "shapes"
    both = dream(sky(96, 96), f"conv3+fire5+ostrich*0.2 {SMALL}").report
    assert both.model == "shapes+squeezenet+efficientnet_lite0"
    assert dream(sky(96, 96), f"conv3:top2 only=picture tile=both {SMALL}", guide=sky(96, 96)).report


def test_tiles_of_a_model_change_little(model, monkeypatch):
    add_network("shapes", model, lambda rgb: rgb / 255)
    from dream import ascent

    whole = dream(sky(400, 320), f"conv3 {SMALL} size=400").pixels
    monkeypatch.setattr(ascent, "LARGEST_TILE", 256)
    tiled = dream(sky(400, 320), f"conv3 {SMALL} size=400").pixels
    assert np.abs(whole - tiled).mean() < 0.01


def test_greedy_models_get_small_tiles():
    from dream.ascent import LARGEST_TILE, largest_tile

    vgg = application("vgg16", "VGG16")
    assert largest_tile(None, vgg.bytes_per_pixel) ** 2 * vgg.bytes_per_pixel <= LARGEST_TILE**2 * 1000
    assert vgg.pace > NETWORKS["inception_v3"].pace


def test_models_within_models_and_shared_layers_are_one_graph():
    inner = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, name="inside")])
    shared = keras.layers.Conv2D(3, 1, name="shared")
    inputs = keras.Input((64, 64, 3))
    x = shared(shared(inputs) * 0.5)
    x = keras.layers.Conv2D(8, 3, name="Last-One")(inner(x))
    flat = keras.layers.Dense(2, name="scores")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, flat)
    found = Description.of(model).layers
    assert {name: found.get(name) for name in ("inside", "shared", "shared_2", "last_one")} == {
        "inside": 4,
        "shared": 3,
        "shared_2": 3,
        "last_one": 8,
    }
    assert "scores" not in found and "flatten" not in found
    assert dream(sky(120, 96), f"inside+last_one {SMALL}", model=model).report.objective_after


def test_what_cannot_be_dreamt_of_is_one_sentence():
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x):
            return x

    vectors = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    flat = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    for wrong, says in (
        (Own(), "keras.Input"),
        (keras.Sequential([keras.layers.Conv2D(2, 3)]), "keras.Input"),
        (vectors, "three colours"),
        (flat, "no layer to dream of"),
        ("mine.keras", "keras.Input"),
    ):
        with pytest.raises(WeightsError, match=says) as refused:
            add_network("mine", wrong)
        assert "\n" not in str(refused.value)
    for name in ("Mine", "squeezenet", "a b", "9"):
        with pytest.raises(WeightsError, match="name"):
            add_network(name, vectors)


def test_an_unknown_or_ambiguous_layer_says_what_to_write(model):
    add_network("shapes", model)
    add_network("forms", model)
    with pytest.raises(RecipeError, match="write shapes/conv3 or forms/conv3"):
        Recipe.parse("conv3")
    with pytest.raises(RecipeError, match=r"did you mean .*shapes/conv3"):
        Recipe.parse("shapes/conv33")
    with pytest.raises(RecipeError, match="channels 0 to"):
        Recipe.parse("shapes/conv3:999")
    with pytest.raises(RecipeError, match="one of its layers, such as shapes/"):
        Recipe.parse("shapes")
    with pytest.raises(RecipeError, match="one of its layers, such as fire"):
        Recipe.parse("squeezenet")
    assert layers_called("conv3", "forms") == ["forms/conv3"]


def test_words_for_classes_stay_classes_beside_a_layer_of_that_name():
    tiger = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, name="tiger")])
    add_network("zoo", tiger)
    assert str(Recipe.parse("tiger")) == "class:tiger"
    assert str(Recipe.parse("zoo/tiger+tiger*0.5")) == "zoo/tiger+class:tiger*0.5"
    assert str(Recipe.parse("tiger", network="zoo")) == "zoo/tiger"


def test_a_file_is_described_once_and_dreamt(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "shapes.keras"
    model.save(path)
    found = description_of(path, "networks.shapes.file")
    assert found.layers == Description.of(model).layers
    monkeypatch.setattr("dream.backbone.description._described", None)  # from here on, kept
    assert description_of(path, "networks.shapes.file") == found


@pytest.mark.parametrize("content", [None, b"no model at all", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_model_is_one_sentence(content, tmp_path):
    path = tmp_path / "bad.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"networks\.bad\.file") as refused:
        description_of(path, "networks.bad.file")
    assert "\n" not in str(refused.value)


def test_a_file_with_code_in_it_is_refused(tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs))
    model.save(tmp_path / "code.keras")
    with pytest.raises(WeightsError, match=r"networks\.code\.file"):
        description_of(tmp_path / "code.keras", "networks.code.file")


def test_an_application_loads_its_weights_and_dreams(tmp_path):
    """Built with random weights, it gives a file; `python -m bench.networks` does the same with all."""
    path = tmp_path / "some.weights.h5"
    without_weights("MobileNetV2").save_weights(path)
    network = application("own", "MobileNetV2", file=path, setting="networks.own.file")
    add(network)
    deepest = list(network.layers)[-1]
    report = dream(sky(96, 96), f"{network.spread(3)[0]}+{deepest} octaves=1 steps=1 seed=1").report
    assert (report.model, report.weights, report.fallback) == ("own", str(path), None)
    assert report.objective_after != report.objective_before


def test_an_application_without_weights_is_dreamt_by_the_layer_that_lies_as_deep(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    add(application("vgg16", "VGG16"))
    report = dream(sky(96, 96), f"block4_conv3:5 {SMALL}").report
    assert (report.model, report.fallback) == ("efficientnet_lite0", "vgg16/block4_conv3")
    assert report.note.startswith("VGG16's weights aren't here yet, so block")
    assert report.recipe.startswith("vgg16/block4_conv3:5")
    depths = [LAYERS[name].depth(name) for name in map(NETWORKS["vgg16"].stand_in, NETWORKS["vgg16"].layers)]
    assert depths == sorted(depths) and depths[-1] == 15


def test_layers_can_be_limited_and_wrong_ones_are_named():
    only = application("vgg16", "VGG16", only=["block4_conv3"])
    assert list(only.layers) == ["vgg16/block4_conv3"]
    with pytest.raises(WeightsError, match="did you mean block4_conv3"):
        application("vgg16", "VGG16", only=["block4_conv33"])


def test_preprocessing_is_what_keras_does():
    pixels = tf.constant(sky(8, 8)[None])
    for called, module in (
        ("VGG16", keras.applications.vgg16),
        ("DenseNet121", keras.applications.densenet),
        ("Xception", keras.applications.xception),
        ("EfficientNetB0", keras.applications.efficientnet),
    ):
        ours = application("own", called).preprocessing(pixels)
        theirs = module.preprocess_input(np.array(pixels) * 255)
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_table_of_applications_is_what_keras_says():
    """The cheapest of them; `python -m dream.backbone.applications` writes the whole table anew."""
    from dream.backbone.applications import published

    network = application("own", "VGG16")
    assert isinstance(network.source, Application)
    assert network.source.published == published("VGG16")
    graph = Graph(without_weights("VGG16"), renumbered=True)
    assert all(graph.channels(layer) == count for layer, count in network.layers.items())


def test_names_that_keras_numbers_do_not_depend_on_what_was_built_before():
    def built():
        inputs = keras.Input((None, None, 3))
        first = keras.layers.Conv2D(3, 1)(inputs)
        return keras.Model(inputs, keras.layers.Conv2D(2, 1)(first))

    built()
    assert list(Graph(built(), renumbered=True).outputs) == ["conv2d", "conv2d_1"]
