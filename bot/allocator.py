"""The C library's allocator, told to give freed memory back to the system. Only glibc's can be told."""

from __future__ import annotations

import asyncio
import ctypes
from contextlib import suppress

_ABSENT = (OSError, TypeError, AttributeError)
"""What is raised where there is another C library, or on Windows."""


def return_large_blocks() -> None:
    """Return large blocks, as pictures are, to the system as soon as they are freed.

    By itself the allocator keeps them once a few were freed: members who send large pictures would leave
    100 MB more. It would also keep free memory for each thread; these share it.
    """
    with suppress(*_ABSENT):
        mmap_threshold, arena_max = -3, -8
        allocator = ctypes.CDLL(None)
        allocator.mallopt(mmap_threshold, 2**20)
        allocator.mallopt(arena_max, 1)


async def return_free_pages() -> None:
    """Return what is free between the small blocks, without blocking the event loop."""
    with suppress(*_ABSENT):
        await asyncio.to_thread(ctypes.CDLL(None).malloc_trim, 0)
