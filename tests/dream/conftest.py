from pathlib import Path

import pytest

import dream

SAMPLES = Path(dream.__file__).parent / "samples"
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """The photographs that ship with the project, by name."""
    return {path.stem: path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))}


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA
