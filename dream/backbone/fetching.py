"""Fetching networks' weights in a background process."""

import asyncio
import contextlib
import json
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import asdict

from dream.backbone.catalog import NETWORKS, Network

log = logging.getLogger(__name__)

_FETCH_SCRIPT = """
import json, sys
from dream.backbone.errors import WeightsError
from dream.backbone.weights_file import WeightsFile
for title, file in json.loads(sys.argv[1]):
    fault = ""
    try:
        WeightsFile(**file).fetch()
    except WeightsError as error:
        fault = " ".join(str(error).split())
    print(json.dumps([title, fault]), flush=True)
"""


def missing() -> list[Network]:
    """The known networks whose weights are not here and can be fetched."""
    return [
        network
        for network in NETWORKS.values()
        if network.source.published
        and not network.source.state.is_ready
        and not network.source.state.is_fault
    ]


@contextlib.asynccontextmanager
async def fetched_in_background() -> AsyncIterator[None]:
    """Fetch the weights that are missing, one after another, in a child process while the block runs.

    Until they have arrived, recipes of these networks are dreamt with bundled layers. A failed fetch is
    logged and tried again at the next start.
    """
    wanted = [(network.title, asdict(file)) for network in missing() if (file := network.source.published)]
    if not wanted:
        yield
        return
    command = (sys.executable, "-c", _FETCH_SCRIPT, json.dumps(wanted))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
    logging_results = asyncio.create_task(_log_results(process))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await logging_results


async def _log_results(process: asyncio.subprocess.Process) -> None:
    assert process.stdout
    async for line in process.stdout:
        title, fault = json.loads(line)
        if fault:
            log.warning("%s; until they are here, bundled layers dream for those of %s", fault, title)
        else:
            log.info("%s's weights have arrived", title)
    await process.wait()
