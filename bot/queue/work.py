"""What the farm is given for a job."""

import dataclasses
from typing import Final

from bot.queue.request import Variant
from bot.store.jobs import Job, Kind
from config.schema import Config
from dream.backbone.catalog import NETWORKS
from dream.picture import Limits
from dream.recipe import Recipe
from dream.render import Work

PREVIEW_SIZE: Final = 320
MIN_DEADLINE: Final = 600.0
DEADLINE_FACTOR: Final = 20.0
"""How many times as long as expected a dream may take its worker, but `MIN_DEADLINE` seconds at least."""


def picture_limits(config: Config) -> Limits:
    """How large the pictures are that are read."""
    limits = config.picture
    return Limits(limits.max_bytes, limits.max_pixels, limits.max_frames, length=limits.max_seconds)


def work_for(job: Job, pictures: dict[str, bytes], config: Config) -> Work:
    """What the farm is to do for a job. Raises RecipeError where another version wrote its recipe."""
    recipe = Recipe.parse(job.recipe)
    variants = [Variant.stored(one) for one in job.variants or ()]
    networks = {name for one in (recipe, *(each.recipe for each in variants)) for name in one.networks}
    return Work(
        source=pictures.get("source"),
        recipe=recipe if job.kind is not Kind.DAILY else dataclasses.replace(recipe, as_="still"),
        guide=pictures.get("guide"),
        sheet=tuple((one.label, one.recipe) for one in variants),
        compare=str(job.kind) if job.kind.is_comparison else "",
        limits=picture_limits(config),
        networks=tuple(NETWORKS[name] for name in sorted(networks)),
        preview_size=PREVIEW_SIZE if job.previews and job.has_message else 0,
        max_bytes=job.max_bytes,
        key=job.id,
        deadline=max(MIN_DEADLINE, DEADLINE_FACTOR * job.cost),
    )
