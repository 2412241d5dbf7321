"""The classes that are pickled between bot and workers, and a hash of them to detect version mismatches."""

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from dream.backbone.preprocessing import Preprocessing
from dream.backbone.sources import Application, Bundled, ModelFile
from dream.picture import Limits, PictureError, Probe
from dream.recipe import Recipe, RecipeError
from dream.render import Progress, Rendered, Sights, Work

SENT: tuple[type, ...] = (
    *(Work, Limits, Recipe, Progress, Rendered, Sights, Probe, PictureError, RecipeError),
    *(Application, Bundled, ModelFile, Preprocessing),
)
"""The classes whose objects are pickled."""


def describe(*sent: type) -> str:
    """Name the classes with their fields and types, and whatever dataclasses these are made of."""
    return "\n".join(sorted(set(_lines(set(), *sent))))


def _lines(seen: set[type], *sent: Any) -> Iterator[str]:
    for kind in sent:
        if get_args(kind):
            yield from _lines(seen, *get_args(kind))
        elif isinstance(kind, type) and kind not in seen:
            seen.add(kind)
            name = f"{kind.__module__}.{kind.__qualname__}"
            if dataclasses.is_dataclass(kind):
                types = get_type_hints(kind)
                fields = {field.name: types[field.name] for field in dataclasses.fields(kind)}
                yield f"{name}({', '.join(f'{field}: {type_}' for field, type_ in fields.items())})"
                yield from _lines(seen, *fields.values())
            elif kind.__module__.startswith("dream."):
                yield name


WIRE_FORMAT = hashlib.sha256(describe(*SENT).encode()).hexdigest()[:12]
"""Has to be equal on all machines of a farm; `dream.cluster.check_scheduler` compares it."""
