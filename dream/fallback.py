"""The networks of a recipe, with bundled ones in place of those whose weights are missing."""

from dataclasses import dataclass

from dream.backbone.catalog import NETWORKS, NetworkName
from dream.backbone.loading import Backbone, load
from dream.recipe import Recipe


@dataclass(frozen=True, slots=True)
class LoadedNetworks:
    """What dreams a recipe: its networks by name, and the recipe that they can dream.

    `fallback` is None, or the layers asked for that bundled ones stand in for, such as "mixed3+mixed5".
    """

    backbones: dict[NetworkName, Backbone]
    recipe: Recipe
    fallback: str | None

    @property
    def weights(self) -> str:
        """Where the networks' weights came from."""
        return "+".join(dict.fromkeys(backbone.weights for backbone in self.backbones.values()))


def load_networks(recipe: Recipe) -> LoadedNetworks:
    """The networks for `recipe`.

    Where one's weights are missing, the nearest bundled layers are used instead, never random weights.
    """
    found = {name: load(NETWORKS[name]) for name in recipe.networks}
    missing = [name for name, backbone in found.items() if backbone is None]
    fallback = None
    if missing:
        fallback = "+".join(dict.fromkeys(t.layer for name in missing for t in recipe.on(name)))
        recipe = recipe.stand_in(missing)
        found = {name: found.get(name) or load(NETWORKS[name]) for name in recipe.networks}
    return LoadedNetworks({name: one for name, one in found.items() if one is not None}, recipe, fallback)
