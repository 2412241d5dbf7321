"""The farm: where dreams are dreamt, on this machine's worker processes or on a cluster's.

The bot holds one `Farm` and never dreams, nor opens a picture, itself. Dask is imported when the farm starts;
importing this module costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dream.dreamer import Cancelled
from dream.picture import Limits, PictureError, Probe
from dream.recipe import RecipeError
from dream.render import Progress, Rendered, Work, render, warm

if TYPE_CHECKING:
    from distributed import Client, Future

    from dream.worker import Render

log = logging.getLogger(__name__)


class FarmError(Exception):
    """A dream or the farm itself failed. The text is one sentence."""


@dataclass
class _Dream:
    on_progress: Callable[[Progress], None]
    future: Future | None = None
    cancelled: bool = False


class Farm:
    """Dreams on Dask workers.

    `scheduler` is a cluster's address, such as "tcp://10.0.0.5:8786"; empty means worker processes of this
    machine: `workers` of them, or with 0 one per GPU or one. `threads` and `memory_limit` are each worker's;
    with 0 and "auto" they are its share of the machine. `render` and `warm` are importable functions that
    workers run; benches pass others.
    """

    def __init__(
        self,
        *,
        scheduler: str = "",
        workers: int = 0,
        threads: int = 0,
        memory_limit: str = "auto",
        render: Render = render,
        warm: Callable[[], None] = warm,
    ) -> None:
        self._address = scheduler
        self._workers = workers
        self._threads = threads
        self._memory_limit = memory_limit
        self._render = render
        self._warm = warm
        self._client: Client | None = None
        self._dreams: dict[str, _Dream] = {}
        self._stack = AsyncExitStack()
        self.capacity = 0
        """How many dreams the farm runs at once."""

    async def start(self) -> None:
        """Start the scheduler and the workers, or join the cluster. Does not wait for workers to be ready.

        Raises FarmError where no scheduler answers or one of another version does.
        """
        await asyncio.to_thread(import_module, "dream.cluster")
        from distributed import Client
        from distributed.security import Security

        from dream import cluster

        address, security = self._address, Security()
        if not address:
            security = Security(require_encryption=False)
            scheduler = await self._stack.enter_async_context(
                cluster.DreamScheduler(protocol="tcp", host="127.0.0.1", port=0, security=security)
            )
            address = scheduler.address
            keepers = await self._stack.enter_async_context(
                cluster.workers(
                    address,
                    workers=self._workers,
                    threads=self._threads,
                    memory_limit=self._memory_limit,
                    warm=self._warm,
                    security=security,
                    host="127.0.0.1",
                )
            )
            self.capacity = len(keepers)
        client = Client(address, asynchronous=True, security=security, set_as_default=False)
        self._client = await self._stack.enter_async_context(client)
        client.subscribe_topic("dreams", self._heard)

    async def close(self) -> None:
        """Stop everything that `start` started; a cluster's workers go on without this bot."""
        await self._stack.aclose()

    async def probe(self, data: bytes, limits: Limits) -> Probe:
        """Look at a picture in a worker, also while that worker dreams. Raises PictureError."""
        from dream import worker

        assert self._client
        while not (workers := await self._client.nthreads()):
            await asyncio.sleep(0.1)  # noqa: ASYNC110 (the workers are in other processes)
        address = random.choice(list(workers))
        answers = await self._client.run(worker.probe, data, limits, workers=[address])
        found: Probe | PictureError = answers[address]
        if isinstance(found, PictureError):
            raise found
        return found

    async def dream(
        self, key: str, work: Work, on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> Rendered:
        """Dream `work`, or take over the dream of the same `key` that still runs on the cluster.

        Raises PictureError, RecipeError, Cancelled, or FarmError with a sentence for the member.
        """
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        from dream import worker

        assert self._client
        mine = self._dreams[key] = _Dream(on_progress)
        try:
            mine.future = self._client.submit(worker.dream, self._render, key, work, key=worker.key_of(key))
            rendered: Rendered = await mine.future
            return rendered
        except (PictureError, RecipeError, Cancelled):
            raise
        except FutureCancelledError:
            raise Cancelled from None
        except KilledWorker as error:
            raise FarmError(
                "This dream stopped its worker three times, so I gave it up; a smaller size may work."
            ) from error
        finally:
            del self._dreams[key]
            if mine.future:
                mine.future.release()

    async def cancel(self, key: str) -> None:
        """Stop the dream `key`: its `dream` call raises Cancelled now, its worker is free a moment later."""
        mine = self._dreams.get(key)
        if mine and mine.future and self._client:
            mine.cancelled = True
            await self._client.cancel([mine.future], force=True)

    def _heard(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        if mine := self._dreams.get(message["job"]):
            mine.on_progress(pickle.loads(message["progress"]))
