import keras
import numpy as np
import pytest
import tensorflow as tf

from dream.backbone.catalog import NETWORKS
from dream.backbone.feature_extractor import FeatureExtractor
from dream.backbone.loading import bundled
from dream.picture import decode, resize

CAT, COFFEE, TRIPOD = {281, 282, 285}, {967, 968}, {872}
"""ImageNet's numbers for tabby, tiger and Egyptian cat; espresso and cup; tripod."""


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


def gradient(function, x):
    """The output of `function` and its gradient with respect to the picture, for a fixed upstream."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        total = tf.reduce_sum(y * tf.cos(tf.cast(tf.reshape(tf.range(tf.size(y)), tf.shape(y)), tf.float32)))
    return y.numpy(), tape.gradient(total, x).numpy()


def test_efficientnet_sees_what_the_original_sees(data):
    check = np.load(data / "efficientnet_lite0_check.npz")
    blocks = [name for name in check.files if name != "input"]
    seen = bundled("efficientnet_lite0").model(check["input"])
    assert len(blocks) == 6
    for block in blocks:
        assert correlation(seen[block], check[block]) > 0.9999, block


def test_squeezenet_knows_what_is_in_photographs(samples, data):
    backbone = bundled("squeezenet")
    camera = (data / "camera.jpg").read_bytes()
    for photograph, right in ((samples["chelsea"], CAT), (samples["coffee"], COFFEE), (camera, TRIPOD)):
        pixels = decode(photograph)
        pixels = resize(pixels, round(256 * pixels.shape[1] / pixels.shape[0]), 256)
        evidence = backbone.model(backbone.preprocess(tf.constant(pixels[None])))["conv10"]
        assert int(np.argmax(np.mean(evidence, axis=(0, 1, 2)))) in right


@pytest.mark.parametrize("name", ["efficientnet_lite0", "squeezenet"])
def test_networks_have_the_layers_of_the_catalog(name):
    outputs = bundled(name).model.output
    for layer, channels in NETWORKS[name].layers.items():
        assert outputs[layer].shape[-1] == channels


@pytest.mark.parametrize(("name", "layer"), [("efficientnet_lite0", "block12"), ("squeezenet", "fire9")])
def test_a_feature_extractor_is_its_network_and_so_is_its_gradient(name, layer):
    model = bundled(name).model
    plain = keras.Model(model.input, model.output[layer])
    x = np.random.default_rng(1).uniform(-1, 1, (1, 97, 130, 3)).astype(np.float32)
    x = x * (1 if name == "efficientnet_lite0" else 100)
    for ours, theirs in zip(
        gradient(lambda x: FeatureExtractor(model, [layer])(x)[0], x),
        gradient(lambda x: plain(x, training=False), x),
        strict=True,
    ):
        assert ours.shape == theirs.shape
        assert correlation(ours, theirs) > 0.99999
        assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()


@pytest.mark.parametrize(("name", "layer"), [("efficientnet_lite0", "block12"), ("squeezenet", "fire9")])
def test_bfloat16_activations_and_gradients_agree_with_float32(samples, name, layer):
    backbone = bundled(name)
    x = backbone.preprocess(resize(decode(samples["chelsea"]), 160, 106)[None]).numpy()
    exact, fast = (FeatureExtractor(backbone.model, [layer], dtype) for dtype in (tf.float32, tf.bfloat16))
    for ours, theirs, least in zip(
        gradient(lambda x: fast(x)[0], x), gradient(lambda x: exact(x)[0], x), (0.999, 0.7), strict=True
    ):
        assert ours.dtype == theirs.dtype == np.float32
        assert correlation(ours, theirs) > least


def test_a_feature_extractor_gives_several_layers_in_the_order_asked():
    model = bundled("efficientnet_lite0").model
    x = np.zeros((1, 96, 96, 3), np.float32)
    deep, shallow, again = FeatureExtractor(model, ["block11", "block3", "block11"])(x)
    assert (deep.shape[-1], shallow.shape[-1]) == (192, 40)
    assert np.array_equal(deep, again)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_the_gradient_of_branches_of_residual_blocks_is_scaled(dtype):
    inputs = keras.Input((None, None, 3))
    before = keras.layers.Conv2D(4, 3, name="before")(inputs)
    branch = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(before)
    model = keras.Model(inputs, keras.layers.Add(name="sum")([branch, before]))
    x = np.random.default_rng(2).uniform(-1, 1, (1, 20, 30, 3)).astype(np.float32)
    whole, scaled, of_the_skip = (
        gradient(lambda x, extract=extract: extract(x)[0], x)
        for extract in (
            FeatureExtractor(model, ["sum"], dtype),
            FeatureExtractor(model, ["sum"], dtype, branch_gradient=0.1),
            FeatureExtractor(model, ["before"], dtype),
        )
    )
    assert np.array_equal(scaled[0], whole[0]), "the activations are the same"
    expected = of_the_skip[1] + 0.1 * (whole[1] - of_the_skip[1])
    assert correlation(scaled[1], expected) > (0.99999 if dtype == tf.float32 else 0.99)
    assert correlation(scaled[1], whole[1]) < 0.99


@keras.saving.register_keras_serializable("tests")
class Doubled(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x):
        return 2 * x


def test_a_feature_extractor_folds_only_what_may_be_folded():
    """BatchNorms of every kind, shared tensors, kept inner outputs, and layers it does not know."""
    layers = keras.layers
    inputs = keras.Input((None, None, 3))
    first = layers.Conv2D(8, 3, use_bias=False)(inputs)
    normal = layers.BatchNormalization(scale=False)(first)
    x = layers.Activation("relu")(normal)
    x = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(center=False)(x)
    x = layers.Activation("relu6")(x)
    shared = layers.Conv2D(8, (1, 7), padding="same")(x)
    x = layers.Add()([layers.BatchNormalization()(shared), layers.Activation("relu")(shared)])
    x = layers.Conv2D(8, 3, strides=2, activation="tanh")(Doubled()(x))
    x = layers.Conv2D(4, 3, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    outputs = {"last": x, "inner": normal}
    model = keras.Model(inputs, outputs)
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0.05, 0.2, weights.shape) for weights in model.get_weights()])
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(random.uniform(0.5, 2, layer.moving_variance.shape))
    x = random.uniform(-1, 1, (2, 33, 40, 3)).astype(np.float32)
    for name in outputs:
        plain = keras.Model(inputs, outputs[name])
        ours = gradient(lambda x, name=name: FeatureExtractor(model, [name])(x)[0], x)
        theirs = gradient(lambda x, plain=plain: plain(x, training=False), x)
        for a, b in zip(ours, theirs, strict=True):
            assert np.abs(a - b).max() < 1e-3 * np.abs(b).max()


def test_traced_functions_hold_no_copies_of_a_large_networks_weights():
    inputs = keras.Input((None, None, 3))
    wide = keras.layers.Conv2D(4000, 1, name="wide")(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(3000, 1, activation="relu", name="deep")(wide))
    extract = FeatureExtractor(model, ["deep"])
    traced = tf.function(lambda x: tf.reduce_sum(extract(x)[0])).get_concrete_function(
        tf.TensorSpec((1, None, None, 3))
    )
    assert traced.graph.as_graph_def().ByteSize() < 1_000_000
    x = np.random.default_rng(1).uniform(-1, 1, (1, 5, 6, 3)).astype(np.float32)
    (ours, slope), (theirs, true_slope) = gradient(lambda x: extract(x)[0], x), gradient(model, x)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(slope, true_slope, atol=1e-3)
