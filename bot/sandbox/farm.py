"""A farm for whose answers SimCord does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dream.farm import Farm

if TYPE_CHECKING:
    import simcord

T = TypeVar("T")


class LiveFarm(Farm):
    """Lets people go on in the simulated Discord while the bot waits for a worker to look at a picture.

    SimCord ends a member's action when all that the bot does because of it is done, unless that waits for
    something that was declared as external.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.env: simcord.Env | None = None
        self._wanted: asyncio.Queue[tuple[asyncio.Future[Any], Coroutine[Any, Any, Any]]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the farm, and a task that asks workers for the bot's handlers without being one of theirs."""
        await super().start()
        if not self._tasks:
            self._begin(self._serve())

    async def close(self) -> None:
        """Stop both."""
        for task in self._tasks:
            task.cancel()
        await super().close()

    async def _examine(self, task: Callable[..., object], data: bytes, *arguments: object) -> object:
        return await self._aside(super()._examine(task, data, *arguments))

    async def _aside(self, coroutine: Coroutine[Any, Any, T]) -> T:
        import simcord  # not before workers are started: its import takes long

        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._wanted.put_nowait((answer, coroutine))
        try:
            if self.env:
                return cast(T, await self.env.external_wait(answer, reason="a worker looks at a picture"))
        except simcord.SetupError:
            pass  # it is none of the bot's handlers that asks
        return await answer

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        while True:
            self._begin(self._answer(*await self._wanted.get()))

    async def _answer(self, answer: asyncio.Future[T], coroutine: Coroutine[Any, Any, T]) -> None:
        try:
            result = await coroutine
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(result)
