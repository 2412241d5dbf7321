"""A process of its own, so that its memory can be measured: members ask at once for dreams of large pictures,
which wait: none is begun.

    python -m tests.support.uploads_process FOLDER MEMBERS BYTES

Prints the peak of its resident memory, in MB, before and after.
"""

import asyncio
import os
import resource
import struct
import sys
from pathlib import Path

import bot.run  # noqa: F401 (with it all that the bot needs is in memory)
from bench.support import pretended_dreams
from bot.allocator import return_large_blocks
from bot.clock import Clock
from bot.queue.queue import Queue
from bot.queue.request import DreamRequest, Upload
from bot.store.database import Database
from config.schema import Config
from dream.farm import Farm
from dream.recipe import Recipe


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


async def main(folder: str, members: int, size: int) -> None:
    side = int((size / 3) ** 0.5) // 4 * 4
    pixels = side * side * 3
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + pixels, 0, 54, 40, side, side, 1, 24, *[0] * 6)

    async def fetch() -> bytes:
        data = header + os.urandom(pixels)
        await asyncio.sleep(0.2)
        return data

    config = Config(data=Path(folder))
    return_large_blocks()
    database = Database(config.database_url)
    await database.open()
    farm = Farm(workers=1, memory_limit="0", render=pretended_dreams.render, warm=pretended_dreams.warm)
    await farm.start()
    queue = Queue(database, farm, Clock(), config)
    recipe, before = Recipe.parse("block8 steps=100"), peak()
    upload = Upload(54 + pixels, fetch)
    asks = [queue.submit(DreamRequest(recipe=recipe, source=upload, member_id=1 + n)) for n in range(members)]
    await asyncio.gather(*asks)
    print(before, peak(), flush=True)
    await queue.close()
    await farm.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
