"""Dreams that are pictures, which members go on with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from bench.support import pretended_dreams
from dream.farm import Farm
from dream.picture import Limits
from tests.support import seen_dreams
from tests.support.pictures import CAT


@pytest_asyncio.fixture(scope="module")
async def farm() -> AsyncIterator[Farm]:
    """A worker that has loaded what a first picture needs."""
    async with Farm(workers=1, render=seen_dreams.render, warm=pretended_dreams.warm) as farm:
        await farm.probe(CAT, Limits())
        yield farm
