"""How far a clip has been dreamt, in a folder, so that one that was interrupted goes on from there."""

import dataclasses
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from dream.coherence import State
from dream.dreamer import Report
from dream.picture import Pixels

FILE = "checkpoint.npz"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """After `frames` frames: the dreams of the `first` and the `last`, the frame that its scene began with.

    `recipe` and `size` tell whether it is of the same dream; `files` and `seconds` are those of the master.
    """

    recipe: str
    size: tuple[int, int]
    frames: int
    files: int
    seconds: float
    steps: int
    report: Report
    first: State
    last: State
    scene: Pixels

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What was saved in `folder`, or None where there is nothing that can be read."""
        try:
            with np.load(folder / FILE) as saved:
                values: dict[str, Any] = json.loads(str(saved["values"]))
                values["report"] = Report(**values["report"])
                values["size"] = tuple(values["size"])
                for name in ("first", "last"):
                    values[name] = State(*(saved[f"{name}_{i}"] for i in range(3)))
                return cls(**values, scene=saved["scene"])
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None

    def save(self, folder: Path) -> None:
        """Save it, in place of an earlier one."""
        arrays: dict[str, Any] = {"scene": self.scene}
        for name in ("first", "last"):
            state = getattr(self, name)
            arrays |= {
                f"{name}_{i}": part for i, part in enumerate((state.frame, state.change, state.target))
            }
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("first", "last", "scene")
        }
        values["report"] = asdict(self.report)
        with (folder / "new").open("wb") as file:
            np.savez(file, values=np.array(json.dumps(values)), **arrays)
        (folder / "new").replace(folder / FILE)
