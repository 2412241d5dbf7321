"""The operator's file: every setting documented, every mistake named."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bot.settings.values import Values
from config.document import document
from config.loading import load_config
from config.presets import load_presets
from config.problems import ConfigError
from config.schema import Commands, Config, Dream, Limits, OwnNetwork, Section
from config.toml import FOLDER
from dream.backbone.catalog import NETWORKS
from dream.octaves import DEFAULT_SIZE


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The caller's own settings stay out of these tests."""
    import os

    for name in [name for name in os.environ if name.startswith("DREAMBOT_") or name == "DISCORD_TOKEN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DREAMBOT_DATA", str(tmp_path / "data"))


def problem(tmp_path: Path, text: str) -> str:
    """Load a file with this text and return what the loader says against it."""
    file = tmp_path / "dreambot.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(file) in str(caught.value) or "DREAMBOT_" in str(caught.value)
    return str(caught.value)


def test_the_shipped_file_is_written_from_the_models() -> None:
    assert (FOLDER / "dreambot.toml").read_text("utf-8") == document(), "run: python -m config.document"


def test_the_shipped_file_sets_everything_to_its_default() -> None:
    shipped = tomllib.loads((FOLDER / "dreambot.toml").read_text("utf-8"))
    defaults = Config.model_construct().model_dump(mode="json", exclude={"networks"})
    assert shipped.keys() == defaults.keys()
    for section, values in shipped.items():
        if isinstance(values, dict):
            assert values.keys() == defaults[section].keys()
    loaded = load_config()
    assert loaded.model_dump(mode="json", exclude={"data", "networks"}) == {
        name: value for name, value in defaults.items() if name != "data"
    }


def test_every_setting_says_what_it_is_for() -> None:
    for name, section in Config.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {name: section})
        for key, field in fields.items():
            assert field.description and field.description.endswith("."), f"[{name}] {key}"


def test_an_unknown_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    said = problem(tmp_path, "[queue]\nmember_secnds = 5\n")
    assert "[queue] member_secnds" in said and "did you mean member_seconds?" in said


def test_a_key_in_the_wrong_section_is_sent_home(tmp_path: Path) -> None:
    assert "it belongs in [privacy]" in problem(tmp_path, "[queue]\nretention_days = 5\n")


def test_an_unknown_section_is_answered_with_the_nearest(tmp_path: Path) -> None:
    said = problem(tmp_path, "[qeue]\ngrace = 5\n")
    assert "[qeue]" in said and "did you mean queue?" in said


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[dream]\nsize = 12\n", "[dream] size"),
        ("[dream]\nsize = 'big'\n", "[dream] size: should be a whole number from 0 to 4096"),
        ("[dream]\nsize = true\n", "[dream] size: should be a whole number from 0 to 4096"),
        ("[dream]\nsize = 30\n", "[dream] size: should be 0, or at least 64"),
        ("[dream]\nspoiler = 3\n", "[dream] spoiler: should be true or false"),
        (
            "[dream]\nnetworks = 'squeezenet'\n",
            "[dream] networks: should be a list of efficientnet",
        ),
        ("[dream]\nsize = 4000\nmax_size = 512\n", "[dream] size"),
        ("[dream]\nnetworks = ['vgg16']\n", "[dream] networks"),
        ("[dream]\nnetworks = []\n", "[dream] networks"),
        ("[dream]\nrecipe = 'blok8'\n", "[dream] recipe"),
        ("[dream]\nnetworks = ['squeezenet']\n", "[dream] recipe"),
        ("[farm]\nscheduler = '10.0.0.5'\n", "[farm] scheduler"),
        ("[farm]\nmemory_limit = 'lots'\n", "[farm] memory_limit: should be text: Memory at which"),
        ("[store]\nurl = 'mysql://host/db'\n", "[store] url"),
        ("[privacy]\nterms_url = 'example.org'\n", "[privacy] terms_url"),
        ("[discord]\nprefix = 'a b'\n", "[discord] prefix"),
        ("[discord]\nshards = [0, 1]\n", "[discord] shards"),
        ("queue = 3\n", "[queue]"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, text: str, name: str) -> None:
    assert name in problem(tmp_path, text)


WRONG_TEXT = {
    "prefix": "a b",
    "api": "nowhere",
    "recipe": "blok8",
    "application": "VGG166",
    "hash": "abc",
    "scheduler": "10.0.0.5",
    "memory_limit": "1.2.3GB",
    "url": "mysql://host/db",
    "terms_url": "example.org",
    "policy_url": "example.org",
    "host": "",
}
"""What these texts cannot be; any text will do for the others, and for paths."""
FREE_TEXT = {"title", "description"}


def every_setting() -> Iterator[tuple[str, str, FieldInfo]]:
    """Section, key and field of each."""
    for name, field in Config.model_fields.items():
        if isinstance(field.default, Section):
            yield from ((name, key, each) for key, each in type(field.default).model_fields.items())
        elif name == "networks":
            yield from (("networks.mine", key, each) for key, each in OwnNetwork.model_fields.items())
        else:
            yield "", name, field


@pytest.mark.parametrize(
    ("section", "key", "field"), [pytest.param(*each, id=f"{each[0]}.{each[1]}") for each in every_setting()]
)
def test_a_wrong_value_of_any_setting_is_named_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, key: str, field: FieldInfo
) -> None:
    """In the file and, where a text can be wrong, in the environment."""
    monkeypatch.delenv("DREAMBOT_DATA")
    table, name = (f"[{section}]\n", f"[{section}] {key}: ") if section else ("", f"{key}: ")
    other = 3 if field.annotation is str or "Path" in str(field.annotation) else "5, many"
    for wrong in (repr(other), str(2**70), "[[]]"):
        said = problem(tmp_path, f"{table}{key} = {wrong}\n")
        assert said.startswith(f"{tmp_path}/dreambot.toml: {name}should be "), said
        assert len(said.splitlines()) == 1 and len(said.partition("should be ")[2]) > 3
    if "Path" in str(field.annotation) or key in FREE_TEXT:
        return
    if field.annotation is str:
        problem(tmp_path, f"{table}{key} = {WRONG_TEXT[key]!r}\n")
    variable = f"DREAMBOT_{section.replace('.', '__')}__{key}".upper()
    monkeypatch.setenv(variable, WRONG_TEXT[key] if field.annotation is str else "5, many")
    said = problem(tmp_path, "")
    assert said.startswith((f"{variable}: {name}", f"{variable}: [{section}]: {key}")), said
    assert len(said.splitlines()) == 1 and "EnvSettingsSource" not in said


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    said = problem(tmp_path, "[dream]\nsize = 1\n[farm]\nworkrs = 1\n")
    assert "[dream] size" in said and "[farm] workrs" in said


def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path: Path) -> None:
    assert "line 2" in problem(tmp_path, "[dream]\nsize =\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load_config(tmp_path / "nowhere.toml")


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dreambot.toml"
    file.write_text("[farm]\nworkers = 1\nthreads = 3\n")
    monkeypatch.setenv("DREAMBOT_CONFIG", str(file))
    monkeypatch.setenv("DREAMBOT_FARM__WORKERS", "2")
    monkeypatch.setenv("DREAMBOT_MODERATION__DENY_SERVERS", "[5, 6]")
    config = load_config()
    assert (config.farm.workers, config.farm.threads) == (2, 3)
    assert config.moderation.deny_servers == (5, 6)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DREAMBOT_FARM__WORKERS", "many", "DREAMBOT_FARM__WORKERS: [farm] workers"),
        ("DREAMBOT_FARM__WORKRS", "2", "did you mean DREAMBOT_FARM__WORKERS?"),
        ("DREAMBOT_FRAM__WORKERS", "2", "did you mean DREAMBOT_FARM__WORKERS?"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert said in str(caught.value)


def test_a_key_of_an_earlier_version_is_noted_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "dreambot.toml"
    file.write_text("[daily]\nposts_per_second = 20\ngrace = 3\n")
    assert load_config(file).daily.grace == 3
    assert "daily.posts_per_second is not used any more" in caplog.text
    monkeypatch.setenv("DREAMBOT_DAILY__POSTS_PER_SECOND", "20")
    assert load_config(file).daily.grace == 3


def test_secrets_do_not_belong_in_the_file(tmp_path: Path) -> None:
    said = problem(
        tmp_path, "[discord]\ntoken = 's3cret'\n[store]\nurl = 'postgresql://me:hunter2@host/db'\n"
    )
    assert "DISCORD_TOKEN" in said and "password_file" in said
    assert "s3cret" not in said and "hunter2" not in said


def test_secrets_come_from_files_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    (tmp_path / "password").write_text("p@ss/word\n")
    file = tmp_path / "dreambot.toml"
    file.write_text(
        f"[discord]\ntoken_file = '{tmp_path}/token'\n"
        f"[store]\nurl = 'postgresql://me@host/db'\npassword_file = '{tmp_path}/password'\n"
    )
    config = load_config(file)
    assert config.token and config.token.get_secret_value() == "from-a-file"
    assert config.database_url == "postgresql://me:p%40ss%2Fword@host/db"
    assert "from-a-file" not in repr(config)
    monkeypatch.setenv("DISCORD_TOKEN", "from-the-environment")
    assert load_config(file).token.get_secret_value() == "from-the-environment"


def test_the_database_lies_in_the_data_folder(tmp_path: Path) -> None:
    config = load_config()
    assert config.database_url == f"sqlite:///{tmp_path}/data/dreambot.db"
    assert config.folder.is_dir()


def test_the_configuration_is_frozen() -> None:
    config = load_config()
    with pytest.raises(ValidationError):
        config.farm.workers = 5


def test_the_shipped_presets_are_complete() -> None:
    presets = load_presets()
    assert presets
    for name, preset in presets.items():
        assert name == name.lower() and preset.title and preset.description


def test_a_preset_of_an_unknown_layer_is_named(tmp_path: Path) -> None:
    (tmp_path / "presets.toml").write_text("[fog]\nrecipe = 'mixde5'\ntitle = 'Fog'\ndescription = 'Grey.'\n")
    with pytest.raises(ConfigError, match=r"\[fog\] recipe: .*mixed5"):
        load_presets(tmp_path / "presets.toml")


def test_a_preset_without_a_recipe_is_named(tmp_path: Path) -> None:
    (tmp_path / "presets.toml").write_text("[fog]\ntitle = 'Fog'\ndescription = 'Grey.'\n")
    with pytest.raises(ConfigError, match=r"\[fog\] recipe"):
        load_presets(tmp_path / "presets.toml")


def test_a_size_that_is_left_to_the_picture_says_how_large_it_gets() -> None:
    assert f"up to {DEFAULT_SIZE}" in (Dream.model_fields["size"].description or "").replace("\n", " ")


def test_what_servers_decide_too_has_one_default_and_range_and_meaning() -> None:
    """The settings of a server that the operator decides as well are the very same fields."""
    shared = [(section, name) for section in (Dream, Limits, Commands) for name in section.model_fields]
    assert len(shared) == 11
    for section, name in shared:
        assert name not in Values.__annotations__
        ours, theirs = Values.model_fields[name], section.model_fields[name]
        assert (ours.default, ours.metadata, ours.description, ours.title) == (
            theirs.default,
            theirs.metadata,
            theirs.description,
            theirs.title,
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[networks.mine]\n", ["[networks.mine]", 'application = "VGG16"']),
        ('[networks.mine]\napplication = "VGG166"\n', ["did you mean VGG16"]),
        ('[networks.mine]\napplication = "vgg16"\npreprocessing = "tf"\n', ["leave it out"]),
        ('[networks.mine]\napplication = "VGG16"\nlayers = ["block9"]\n', ["no layer called “block9”"]),
        ('[networks.mine]\napplication = "MobileNetV2"\n', ["no hash", "file"]),
        ('[networks.mine]\nfile = "/nowhere/mine.keras"\n', ["networks.mine.file names no file"]),
        ('[networks.squeezenet]\napplication = "VGG16"\n', ["choose another name"]),
        ('[networks."A B"]\napplication = "VGG16"\n', ["small letters"]),
        ('[networks.mine]\nfil = "x"\n', ["[networks.mine] fil", "did you mean file"]),
        (
            '[networks.mine]\npreprocessing = "imagenet"\n',
            ["[networks.mine] preprocessing", "one of", "caffe"],
        ),
        ("[networks]\nmine = 3\n", ["[networks.mine]", "section"]),
        ('[dream]\nnetworks = ["vgg16"]\n', ["[dream] networks", "“vgg16” is no network"]),
        ('[networks.vgg16]\napplication = "VGG16"\n[dream]\nrecipe = "block5_conv9"\n', ["block5_conv"]),
    ],
)
def test_a_network_that_cannot_be_added_is_one_sentence(tmp_path: Path, text: str, says: list[str]) -> None:
    said = problem(tmp_path, text)
    assert len(said.splitlines()) == 1
    assert all(part in said for part in says), said


def test_networks_that_are_added_may_dream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBOT_NETWORKS__MOBILE__APPLICATION", "mobilenetv2")
    monkeypatch.setenv("DREAMBOT_NETWORKS__MOBILE__HASH", "0" * 64)
    file = tmp_path / "dreambot.toml"
    file.write_text('[networks.vgg16]\napplication = "VGG16"\n[dream]\nrecipe = "block5_conv2"\n')
    config = load_config(file)
    assert set(config.may_dream) == {"efficientnet_lite0", "squeezenet", "inception_v3", "vgg16", "mobile"}
    assert NETWORKS["mobile"].source.published.hash == "0" * 64
    monkeypatch.undo()
    load_config()
    assert "vgg16" not in NETWORKS
