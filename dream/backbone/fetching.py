"""Fetching InceptionV3's weights in a background process."""

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator

from dream.backbone.inception_v3 import imagenet_file

log = logging.getLogger(__name__)

_FETCH_SCRIPT = """
from dream.backbone.errors import WeightsError
from dream.backbone.inception_v3 import fetch
try:
    fetch()
except WeightsError as error:
    raise SystemExit(str(error))
"""


@contextlib.asynccontextmanager
async def fetched_in_background() -> AsyncIterator[None]:
    """Fetch the weights in a child process while the block runs, if they are missing.

    Until they have arrived, recipes of InceptionV3 are dreamt with bundled layers. A failed fetch is logged
    and tried again at the next start.
    """
    if imagenet_file() is not None:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _FETCH_SCRIPT, stdout=DEVNULL, stderr=PIPE
    )
    logging_result = asyncio.create_task(_log_result(process))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await logging_result


async def _log_result(process: asyncio.subprocess.Process) -> None:
    _, errors = await process.communicate()
    if process.returncode == 0:
        log.info("InceptionV3's weights have arrived")
    elif process.returncode == 1:
        log.warning("%s; mixed layers dream with bundled ones", errors.decode().strip().splitlines()[-1])
