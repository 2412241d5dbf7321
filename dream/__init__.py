"""DeepDream as a library.

    from dream import dream
    result = dream("cat.jpg", "block8+block11 octaves=5")
    result.pixels   # (height, width, 3), float32 in [0, 1]

Modules are imported when they are first used: `dream.recipe` alone never loads TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dream.backbone.loading import add_network
    from dream.clip import dream_clip
    from dream.clouds import sky
    from dream.dreamer import Cancelled, Dream, Progress, Report, dream
    from dream.objective import Objective, classes, layer
    from dream.picture import Limits, PictureError, decode, encode
    from dream.recipe import Recipe, RecipeError

__all__ = [
    "Cancelled",
    "Dream",
    "Limits",
    "Objective",
    "PictureError",
    "Progress",
    "Recipe",
    "RecipeError",
    "Report",
    "add_network",
    "classes",
    "decode",
    "dream",
    "dream_clip",
    "encode",
    "layer",
    "sky",
]

_MODULES = {
    "dream.backbone.loading": ("add_network",),
    "dream.clip": ("dream_clip",),
    "dream.clouds": ("sky",),
    "dream.dreamer": ("Cancelled", "Dream", "Progress", "Report", "dream"),
    "dream.objective": ("Objective", "classes", "layer"),
    "dream.picture": ("Limits", "PictureError", "decode", "encode"),
    "dream.recipe": ("Recipe", "RecipeError"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
