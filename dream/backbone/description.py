"""What is known of a network before it is loaded: its layers, and what a dream of it takes.

    python -m dream.backbone.description FILE.keras

prints that of a file as JSON: loading a model takes TensorFlow, which the bot's own process never imports.
What was found out is kept in this user's cache until the file changes.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from dream.backbone.catalog import BETWEEN, BUILT_IN, BYTES_PER_PIXEL, Network
from dream.backbone.errors import WeightsError
from dream.backbone.preprocessing import PREPROCESSINGS
from dream.backbone.sources import ModelFile, Source
from dream.suggestions import did_you_mean
from dream.texts import CountedText, Text

FORMAT = 1
"""Raised whenever what is described changes."""

SECONDS = 300
"""For how long a file may take to be described."""

_FIXED_PACE, _PACE = 0.45e-6, 4e-11
"""Seconds of two CPU cores for each pixel of a step, and for each multiply-add of that; the bundled networks
and InceptionV3 take as long."""

_FLOATS = 140
"""The activations of EfficientNet-Lite0 for each pixel, which take at most `BYTES_PER_PIXEL`."""


@dataclass(frozen=True, slots=True)
class Description:
    """The layers of a network, shallow to deep, with their channels; `floats` and `multiplications` are the
    activations, and the multiply-adds, for each pixel of a picture."""

    layers: Mapping[str, int]
    floats: float
    multiplications: float

    @classmethod
    def of(cls, model: Any, *, renumbered: bool = False) -> "Description":
        """Of a Keras model. Raises WeightsError where it has no layer to dream of."""
        from dream.backbone.graph import Graph

        measured = Graph(model, renumbered=renumbered).measured()
        if not measured.layers:
            raise WeightsError(
                f"The model {model.name} has no layer to dream of, whose activations grow with the picture, "
                "such as a convolution."
            )
        return cls(measured.layers, round(measured.floats, 1), round(measured.multiplications))

    def network(
        self,
        name: str,
        source: Source,
        preprocessing: Callable[[Any], Any] = PREPROCESSINGS["tf"],
        *,
        title: str = "",
        description: Text | str = "",
        only: Iterable[str] = (),
    ) -> Network:
        """The network `name`, with all layers or those in `only`. Raises WeightsError if there is no such."""
        chosen = list(only)
        for layer in chosen:
            if layer not in self.layers:
                hint = did_you_mean(layer, self.layers) or f"some are {', '.join(list(self.layers)[-4:])}."
                raise WeightsError(f"{name} has no layer called “{layer[:40]}”; {hint}")
        count = len(self.layers)
        return Network(
            name,
            title or name,
            {
                f"{name}{BETWEEN}{layer}": channels
                for layer, channels in self.layers.items()
                if layer in chosen or not chosen
            },
            source,
            preprocessing,
            description=description or _own(count),
            pace=_FIXED_PACE + _PACE * self.multiplications,
            bytes_per_pixel=round(BYTES_PER_PIXEL * max(1.0, self.floats / _FLOATS)),
        )


def _own(count: int) -> Text:
    return CountedText(
        "A network that this bot's operator added, with {count} layer.",
        "A network that this bot's operator added, with {count} layers.",
        count,
    )


def check_name(name: str) -> None:
    """Raise WeightsError where a network cannot be added by this name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
        raise WeightsError(
            f"“{name[:40]}” is no network's name: write up to 32 small letters, digits and underscores, with "
            "a letter first."
        )
    if name in (network.name for network in BUILT_IN):
        raise WeightsError(f"{name} comes with Dreambot; choose another name for a network of your own.")


def description_of(file: Path, setting: str) -> Description:
    """The description of an operator's model, found out in a process of its own. Raises WeightsError."""
    state = ModelFile(file, setting).state
    if not state.is_ready:
        raise WeightsError(f"{state.detail}.")
    stat = file.stat()
    key = f"{FORMAT} {file.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    folder = platformdirs.user_cache_path("dreambot", appauthor=False) / "networks"
    kept = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    try:
        return Description(**json.loads(kept.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        text = _described(file, setting)
    found = Description(**json.loads(text))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_text(text, "utf-8")
    except OSError:
        pass  # then it is found out again the next time
    return found


def _described(file: Path, setting: str) -> str:
    command = [sys.executable, "-m", "dream.backbone.description", str(file), setting]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise WeightsError(f"{setting}: {file} took more than {SECONDS} s to load.") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or [f"it ended with status {run.returncode}"]
        raise WeightsError(lines[-1] if run.returncode == 1 else f"{setting}: {file}: {lines[-1]}")
    return run.stdout.strip().splitlines()[-1]


def main() -> None:
    """Describe the file named on the command line."""
    from dream.backbone import runtime

    runtime.start()
    try:
        found = Description.of(ModelFile(Path(sys.argv[1]), sys.argv[2]).build())
    except WeightsError as error:
        sys.exit(" ".join(str(error).split()))
    except Exception as error:  # whatever a layer of somebody's own raises
        sys.exit(f"{sys.argv[2]}: {sys.argv[1]} cannot be dreamt of: {' '.join(str(error).split())}")
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
