"""Where in a picture to dream: masks, (height, width), 1 where the dream is and 0 where nothing changes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dream.backbone import classes as imagenet
from dream.backbone.catalog import CLASSIFIERS, NetworkName
from dream.backbone.loading import Backbone, bundled
from dream.objective import RecipeError
from dream.picture import PictureError, Pixels, resize
from dream.recipe import SECOND_PICTURE, Recipe
from dream.suggestions import either
from dream.texts import Text

Mask = NDArray[np.float32]

SOFT = 0.015
"""How wide a mask's edge is, as a share of the picture's longer side."""

INSIDE, OUTSIDE = 0.35, 0.15
"""A thing is where the networks are at least this sure of it, relative to where they are surest, and is not
where they are less sure than that."""

SURE = 0.008
"""How sure the networks must be of a thing, averaged over the picture, for it to be a place."""


def mask(
    recipe: Recipe,
    picture: Pixels,
    opacity: Mask | None,
    second: Pixels | None,
    backbones: Mapping[NetworkName, Backbone],
) -> Mask | None:
    """Where `recipe` dreams on `picture`, or None for everywhere.

    `opacity` is the picture's own: where it is transparent, the dream is. `second` is a second picture.
    Raises RecipeError or PictureError where nothing would be dreamt.
    """
    parts = [1 - opacity] if opacity is not None else []
    if recipe.only:
        parts.append(_place(recipe.only, picture, second, backbones))
    if recipe.except_:
        parts.append(1 - _place(recipe.except_, picture, second, backbones))
    if not parts:
        return None
    result = _softened(np.asarray(np.prod(parts, axis=0), np.float32))
    if not result.any():
        raise PictureError(Text("Nothing of this picture is left to dream on; please choose another place."))
    return result


def scaled(mask: Mask, width: int, height: int) -> Mask:
    """`mask` at another size, still exactly 0 where it is not."""
    result = np.clip(resize(mask[..., None], width, height)[..., 0], 0, 1)
    result[result < 1 / 128] = 0
    return result


def _place(
    place: str, picture: Pixels, second: Pixels | None, backbones: Mapping[NetworkName, Backbone]
) -> Mask:
    height, width = picture.shape[:2]
    if place == SECOND_PICTURE:
        if second is None:
            raise RecipeError(Text("There is no second picture: add one whose bright parts say where."))
        return np.asarray(np.clip(resize(second, width, height).mean(axis=2), 0, 1), np.float32)
    from dream.seeing import class_map

    numbers = [imagenet.numbers()[name] for name in place.split(",")]
    seers = {name: backbones.get(name) or bundled(name) for name in CLASSIFIERS}
    found, sure = class_map(picture, numbers, seers)
    if sure < SURE:
        names = either([imagenet.titles()[number] for number in numbers])
        raise RecipeError(
            Text("I see no {names} in this picture; please name something that is there.", names=names)
        )
    return np.asarray(np.clip((found - OUTSIDE) / (INSIDE - OUTSIDE), 0, 1), np.float32)


def _softened(mask: Mask) -> Mask:
    """`mask` with a soft edge that lies inside it."""
    radius = SOFT * max(mask.shape)
    image = Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    soft = np.clip(np.asarray(image, np.float32) / 127.5 - 1, 0, 1)
    return np.asarray(np.minimum(soft, mask), np.float32)
