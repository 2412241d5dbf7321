"""What `from dream import …` gives."""

import subprocess
import sys

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
