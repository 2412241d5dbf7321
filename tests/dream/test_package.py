"""What `from dream import …` gives."""

import subprocess
import sys
from pathlib import Path

import pytest

import dream


@pytest.mark.parametrize(
    "before", ["", "import dream.dreamer, dream.clouds, dream.zoom, dream.recipe", "import dream.atlas"]
)
def test_functions_are_functions_whatever_was_imported_before(before):
    code = f"{before}\nfrom dream import dream, sky\nassert callable(dream) and callable(sky), (dream, sky)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_everything_named_is_there():
    assert {name: getattr(dream, name) for name in dream.__all__}.keys() == set(dir(dream))
    with pytest.raises(AttributeError, match="nightmare"):
        dream.nightmare  # noqa: B018


OF_THE_BOT = (
    "aiohttp aiolimiter aiosqlite alembic apscheduler asyncpg cryptography dask discord distributed "
    "prometheus_client simcord sqlalchemy tenacity tornado"
)
WITHOUT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in "{OF_THE_BOT}".split():
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def alone(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code where nothing is installed but what the engine alone needs."""
    script = WITHOUT + code
    return subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)


def test_the_engine_needs_nothing_of_the_bots():
    done = alone(
        "import dream.dreamer, dream.zoom, dream.clouds, dream.picture, dream.farm, dream.atlas\n"
        "import bot.cli, config.loading; config.loading.load_config()"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["run"], "bot"), (["scheduler"], "farm"), (["backup", "x.tar"], "bot"), (["doctor"], "bot")],
)
def test_a_command_of_the_bot_says_which_extra_it_needs(words: list[str], extra: str):
    done = alone("from bot.cli import main; main()", *words)
    assert done.returncode == 1 and f"dreambot[{extra}]" in done.stderr and "Traceback" not in done.stderr


def test_it_is_typed():
    assert (Path(dream.__file__).parent / "py.typed").exists()
