from pathlib import Path

import pytest

import dream
from dream.backbone.catalog import BUILT_IN, NETWORKS, add, remove

SAMPLES = Path(dream.__file__).parent / "samples"
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """The photographs that ship with the project, by name."""
    return {path.stem: path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))}


@pytest.fixture
def only_built_in():
    """Forgets, afterwards, the networks that a test adds or changes."""
    yield
    for name in list(NETWORKS):
        remove(name)
    add(*BUILT_IN)


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA
