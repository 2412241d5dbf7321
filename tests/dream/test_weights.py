import hashlib
import http.server
import os
import threading
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dream.backbone.catalog import NETWORKS, add
from dream.backbone.errors import WeightsError
from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.fetching import fetched_in_background, missing
from dream.backbone.loading import statuses
from dream.backbone.sources import Application
from dream.clouds import sky
from dream.dreamer import dream
from dream.fallback import load_networks
from dream.recipe import Recipe
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch, only_built_in):
    """An empty cache of Keras', so that no test sees or touches the machine's own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


def change(**changed):
    """InceptionV3, from now on with another file of weights, or another place that it is fetched from."""
    network = NETWORKS["inception_v3"]
    source = network.source
    assert isinstance(source, Application)
    published = {name: changed.pop(name) for name in ("origin", "hash") if name in changed}
    source = replace(source, published=replace(source.published, **published), **changed)
    add(replace(network, source=source))
    return source


def state():
    return NETWORKS["inception_v3"].source.state


@pytest.fixture(scope="session")
def inception():
    """Keras' InceptionV3 with random weights whose BatchNorms are not trivial."""
    model = keras.applications.InceptionV3(include_top=False, weights=None)
    random = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(random.uniform(0.5, 2, layer.moving_variance.shape))
            layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
    return model


@pytest.fixture(scope="session")
def files(inception, tmp_path_factory):
    """The same weights as an operator may have them."""
    folder = tmp_path_factory.mktemp("weights")
    inception.save_weights(folder / "some.weights.h5")
    inception.save(folder / "some.keras")
    inception.save(folder / "some.h5")  # the older layout, which Keras' own file has
    whole = keras.applications.InceptionV3(include_top=True, weights=None)
    for layer, same in zip(whole.layers, inception.layers, strict=False):
        layer.set_weights(same.get_weights())
    whole.save_weights(folder / "whole.weights.h5")
    return folder


@pytest.fixture
def served(tmp_path):
    """A web server of one folder on this machine: the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_served_file_with_the_right_hash_is_fetched_once(served, keras_home):
    folder, address = served
    content = os.urandom(300_000)
    (folder / "weights.h5").write_bytes(content)
    for hash in (hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()):
        published = change(origin=f"{address}/weights.h5", hash=hash).published
        published.path.unlink(missing_ok=True)
        assert not state().is_ready
        assert published.fetch() == published.path == published.find()
        assert published.path.read_bytes() == content
        assert state().is_ready
    (folder / "weights.h5").unlink()
    assert published.fetch() == published.path
    assert list((keras_home / "models").iterdir()) == [published.path]


def test_a_served_file_with_a_wrong_hash_is_not_kept(served, keras_home):
    folder, address = served
    (folder / "weights.h5").write_bytes(b"something else")
    published = change(origin=f"{address}/weights.h5").published
    with pytest.raises(WeightsError, match=address):
        published.fetch()
    assert published.find() is None
    assert not list((keras_home / "models").iterdir())


def test_no_network_is_one_sentence(keras_home):
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1"):
        change(origin="http://127.0.0.1:1/weights.h5").published.fetch()
    assert not list((keras_home / "models").iterdir())


def test_what_has_no_hash_is_never_fetched(served, keras_home):
    folder, address = served
    (folder / "weights.h5").write_bytes(b"anything")
    published = change(origin=f"{address}/weights.h5", hash="").published
    with pytest.raises(WeightsError, match="hash"):
        published.fetch()
    assert state().is_fault
    assert NETWORKS["inception_v3"] not in missing()


async def test_missing_weights_are_fetched_in_the_background(served, caplog):
    folder, address = served
    content = os.urandom(1000)
    (folder / "weights.h5").write_bytes(content)
    add(replace(NETWORKS["inception_v3"], name="gone", title="Gone", layers={"gone/x": 1}))
    published = change(origin=f"{address}/weights.h5", hash=hashlib.md5(content).hexdigest()).published
    gone = NETWORKS["gone"]
    assert isinstance(gone.source, Application)
    source = replace(gone.source, published=replace(gone.source.published, name="gone.h5", origin=address))
    add(replace(gone, source=source))
    with caplog.at_level("INFO"):
        async with fetched_in_background():
            await until(lambda: "for those of Gone" in caplog.text, 60)
    assert published.path.read_bytes() == content
    assert "InceptionV3's weights have arrived" in caplog.text


def test_a_half_fetched_or_damaged_file_in_the_cache_counts_as_absent(keras_home):
    path = change().published.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a file")
    assert path.parent == keras_home / "models"
    assert not state().is_ready


@pytest.mark.parametrize("name", ["some.weights.h5", "some.keras", "some.h5", "whole.weights.h5"])
def test_an_operators_file_is_what_dreams(name, files, inception):
    change(file=files / name)
    loaded = load_networks(Recipe.parse("mixed3+mixed5"))
    backbone = loaded.backbones["inception_v3"]
    assert (backbone.name, loaded.weights) == ("inception_v3", str(files / name))
    assert (str(loaded.recipe), loaded.fallback) == ("mixed3+mixed5", None)
    x = np.random.default_rng(2).uniform(-1, 1, (1, 139, 150, 3)).astype(np.float32)
    plain = keras.Model(inception.input, [inception.get_layer(n).output for n in ("mixed3", "mixed5")])
    for ours, theirs in zip(FeatureExtractor(backbone.graph, ["mixed3", "mixed5"])(x), plain(x), strict=True):
        assert np.corrcoef(np.ravel(ours), np.ravel(theirs))[0, 1] > 0.99999


def test_folding_batchnorm_changes_no_gradient(files, inception):
    change(file=files / "some.weights.h5")
    backbone = load_networks(Recipe.parse("mixed5")).backbones["inception_v3"]
    plain = keras.Model(inception.input, inception.get_layer("mixed5").output)
    x = tf.constant(np.random.default_rng(2).uniform(-1, 1, (1, 139, 150, 3)).astype(np.float32))
    gradients = []
    for see in (
        lambda x: FeatureExtractor(backbone.graph, ["mixed5"])(x)[0],
        lambda x: plain(x, training=False),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_mean(tf.square(see(x)))
        gradients.append(tape.gradient(value, x).numpy().ravel())
    assert np.corrcoef(*gradients)[0, 1] > 0.9999


def test_a_dream_with_an_operators_file_says_so(files):
    path = files / "some.weights.h5"
    change(file=path)
    report = dream(sky(96, 96), "mixed5 octaves=1 steps=1").report
    assert (report.model, report.weights, report.layers) == ("inception_v3", str(path), ("mixed5",))
    assert (report.fallback, report.note) == (None, None)


@pytest.mark.parametrize("content", [None, b"", b"no weights at all"])
@pytest.mark.parametrize("name", ["bad.h5", "bad.keras"])
def test_a_file_that_holds_no_weights_is_named_and_not_dreamt_with(content, name, tmp_path, caplog):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        change(file=path).build()
    loaded = load_networks(Recipe.parse("mixed5+fire7"))
    assert list(loaded.backbones) == ["efficientnet_lite0", "squeezenet"]
    assert (str(loaded.recipe), loaded.fallback) == ("block9+fire7", "mixed5")
    assert "weights.inception_v3" in caplog.text


def test_without_weights_the_nearest_layer_dreams_and_says_so():
    report = dream(sky(96, 96), "mixed3*2+mixed5 octaves=1 steps=1 seed=3").report
    assert (report.model, report.weights) == ("efficientnet_lite0", "bundled")
    assert (report.layers, report.fallback) == (("block7", "block9"), "mixed3+mixed5")
    assert report.recipe == "mixed3*2+mixed5 steps=1 octaves=1 seed=3"
    assert "block7+block9" in report.note
    assert "mixed3+mixed5" in report.note


def test_the_cached_imagenet_file_is_what_dreams(files):
    content = (files / "some.h5").read_bytes()
    path = change(hash=hashlib.md5(content).hexdigest()).published.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    loaded = load_networks(Recipe.parse("mixed5"))
    assert (list(loaded.backbones), loaded.weights, loaded.fallback) == (["inception_v3"], "imagenet", None)
    assert all(state.is_ready for _, state in statuses())


def test_states_say_what_is_missing(tmp_path):
    (_, bundled), _, (_, missing) = statuses()
    assert (bundled.is_ready, bundled.weights) == (True, "bundled")
    assert not missing.is_ready and "weights fetch" in missing.detail
    change(file=tmp_path / "nowhere.h5")
    assert not state().is_ready and state().is_fault
    (tmp_path / "notes.h5").write_text("milk, eggs")
    change(file=tmp_path / "notes.h5")
    assert not state().is_ready and "holds no weights" in state().detail
