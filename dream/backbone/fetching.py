"""InceptionV3's weights, fetched beside whatever this process does."""

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator

from dream.backbone.inception_v3 import imagenet_file

log = logging.getLogger(__name__)

FETCH = """
from dream.backbone.errors import WeightsError
from dream.backbone.inception_v3 import fetch
try:
    fetch()
except WeightsError as error:
    raise SystemExit(str(error))
"""


@contextlib.asynccontextmanager
async def fetched_in_background() -> AsyncIterator[None]:
    """Fetch the weights while the block runs, if they are not here, in a process of its own.

    Nobody waits for it: dreams of InceptionV3 are dreamt by their stand-ins until the file is there. A fetch
    that fails is logged and tried again at the next start.
    """
    if imagenet_file() is not None:
        yield
        return
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", FETCH, stdout=DEVNULL, stderr=PIPE)
    telling = asyncio.create_task(_tell(process))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await telling


async def _tell(process: asyncio.subprocess.Process) -> None:
    _, told = await process.communicate()
    if process.returncode == 0:
        log.info("InceptionV3's weights have arrived")
    elif process.returncode == 1:
        log.warning("%s; mixed layers dream with bundled ones", told.decode().strip().splitlines()[-1])
