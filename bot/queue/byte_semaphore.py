"""A semaphore that counts bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteSemaphore:
    """A semaphore of `size` bytes: first come, first served. A request for more waits for all of them."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._first = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, count: int) -> AsyncIterator[None]:
        """Wait until so many bytes are free, and have them within the block."""
        count = min(count, self._size)
        async with self._first:
            while self._free < count:
                self._freed.clear()
                await self._freed.wait()
            self._free -= count
        try:
            yield
        finally:
            self._free += count
            self._freed.set()
