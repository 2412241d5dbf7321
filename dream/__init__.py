"""DeepDream as a library.

    from dream import dream
    result = dream(open("cat.jpg", "rb").read(), "block8+block11 octaves=5")

Everything is imported only when it is used: `dream.recipe` alone never loads TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dream.dreamer import Cancelled, Dream, Progress, Report, dream
    from dream.picture import Limits, PictureError, decode, encode
    from dream.recipe import Recipe, RecipeError
    from dream.sky import sky

__all__ = [
    "Cancelled",
    "Dream",
    "Limits",
    "PictureError",
    "Progress",
    "Recipe",
    "RecipeError",
    "Report",
    "decode",
    "dream",
    "encode",
    "sky",
]

_HOMES = {
    "dream.dreamer": ("Cancelled", "Dream", "Progress", "Report", "dream"),
    "dream.picture": ("Limits", "PictureError", "decode", "encode"),
    "dream.recipe": ("Recipe", "RecipeError"),
    "dream.sky": ("sky",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
