"""An operator's own network, a small one trained here on shapes, from the command line and in chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.sandbox.server import SAMPLES, Sandbox
from bot.settings.scopes import operator_values
from config.loading import load_config
from config.schema import Config
from dream import atlas
from dream.backbone.catalog import BUILT_IN, NETWORKS, add, remove
from tests.support.pictures import CAT
from tests.support.world import World


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The operator's file, which names the network; another of keras.applications has no weights yet."""
    from tests.support.shapes import shape_model

    folder = tmp_path_factory.mktemp("shapes")
    shape_model().save(folder / "shapes.keras")
    file = folder / "dreambot.toml"
    file.write_text(
        f'data = "{folder}"\n'
        f'[networks.shapes]\nfile = "{folder / "shapes.keras"}"\npreprocessing = "unit"\n'
        'title = "Shapes"\ndescription = "Circles, squares and stripes."\n'
        '[networks.vgg16]\napplication = "VGG16"\n'
    )
    yield file
    for name in list(NETWORKS):
        remove(name)
    add(*BUILT_IN)


def dreambot(config: Path, *words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--config", str(config)])


def test_the_command_line_lists_and_dreams_its_layers(config: Path, tmp_path: Path) -> None:
    listed = dreambot(config, "layers", "shapes").stdout
    assert "shapes/conv3" in listed and "24" in listed and "block8" not in listed
    photo, out = SAMPLES / "chelsea.jpg", tmp_path / "dream.png"
    said = dreambot(config, "dream", photo, "conv3:1,2+block3*0.2 size=96 steps=2", "-o", out, "--json")
    report = json.loads(said.stdout)
    assert (report["model"], report["fallback"]) == ("shapes+efficientnet_lite0", None)
    assert report["weights"].startswith(str(config.parent / "shapes.keras"))
    assert report["recipe"].startswith("shapes/conv3:1,2+block3*0.2 ")
    assert out.stat().st_size > 1000

    model = ("--model", config.parent / "shapes.keras", "--preprocessing", "unit")
    said = dreambot(config, "dream", photo, "conv2 size=96 steps=2", "-o", out, "--json", *model)
    assert json.loads(said.stdout)["recipe"].startswith("model/conv2 ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("layers", "shaps"), "did you mean shapes"),
        (("atlas", "vgg16"), "VGG16's weights are missing"),
        (("dream", SAMPLES / "chelsea.jpg", "conv3", "--model", "no.keras"), "--model names no file"),
        (("dream", SAMPLES / "chelsea.jpg", "shapes/conv33"), "did you mean shapes/conv3"),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[object, ...], sentence: str, config: Path) -> None:
    said = dreambot(config, *words)
    assert said.exit_code and sentence in said.stderr and len(said.stderr.splitlines()) == 1


def test_an_atlas_is_made_where_members_see_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas, "MOST", 2)
    said = dreambot(config, "atlas", "shapes")
    page = config.parent / "layers" / "shapes.jpg"
    assert said.stdout.strip() == str(page)
    assert page.stat().st_size > 1000


@pytest.fixture
def operator(config: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The settings of the operator who added these networks."""
    loaded = load_config(config)
    monkeypatch.setattr(sandbox.app.settings, "operator", operator_values(loaded))
    return loaded


async def test_members_dream_of_it(real_world: World, operator: Config) -> None:
    await real_world.alice.says("!dream conv3:3 steps=2 octaves=1", picture=CAT)
    dream = await real_world.newest_dream()
    assert "120 × 80" in dream.content and dream.attachments
    report = (await real_world.newest_job()).dream_report
    assert (report.model, report.weights) == ("shapes", str(operator.networks["shapes"].file))

    await real_world.alice.says("!dream shapes/conv2*0.5+fire5+tabby steps=2 octaves=1", picture=CAT)
    await real_world.newest_dream()
    assert (await real_world.newest_job()).dream_report.model == "shapes+squeezenet+efficientnet_lite0"


async def test_members_are_told_of_it(real_world: World, operator: Config) -> None:
    await real_world.alice.says("!layers shapes")
    (embed,) = real_world.answers[-1].embeds
    assert embed.fields[0].name == "Shapes · `shapes/conv1` … `shapes/conv3`"
    assert embed.fields[0].value == "Circles, squares and stripes."
    await real_world.alice.says("!layers")
    assert {"Shapes", "VGG16"} <= {
        (f.name or "").partition(" ·")[0] for f in real_world.answers[-1].embeds[0].fields
    }
    assert "did you mean" in await real_world.alice.says("!dream shapes/conv33", picture=CAT)


async def test_a_preset_and_a_setting_name_its_layers(real_world: World, operator: Config) -> None:
    await real_world.admin.says("!presets save rings shapes/conv3:1 steps=2 octaves=1")
    await real_world.alice.says("!dream rings", picture=CAT)
    await real_world.newest_dream()
    assert (await real_world.newest_job()).recipe.startswith("shapes/conv3:1 ")
    await real_world.admin.says("!settings set layers conv3 block9 block11")
    here = await real_world.app.bot.settings.effective(real_world.guild.id)
    assert here.layers == ("shapes/conv3", "block9", "block11")
    await real_world.admin.says("!settings reset layers")
    assert "rings" in await real_world.admin.says("!presets delete rings")


async def test_one_without_weights_is_dreamt_by_another_that_says_so(
    real_world: World, operator: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await real_world.alice.says("!dream block5_conv1 steps=2 octaves=1", picture=CAT)
    dream = await real_world.newest_dream()
    assert "VGG16's weights aren't here yet" in dream.content
    assert "vgg16/block5_conv1" in dream.content
