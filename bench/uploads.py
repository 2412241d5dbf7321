"""How much memory the bot takes while many members send large pictures at once, and how long they wait.

    python -m bench.uploads [--members 30] [--megabytes 24]

The bot runs as an operator runs it, with real dreams on a real worker; members post through the wire
stand-in, which is another process. Every picture is different, and of a kind that no compression makes small.
"""

import argparse
import asyncio
import os
import struct
import time
from pathlib import Path

from bench.support.discord_client import Wire
from bench.support.real_bot import RealBot, real_bot
from bench.table import row

QUICK = "block3 steps=1 octaves=1 size=128"


def photo(megabytes: float) -> tuple[str, bytes]:
    """A BMP of noise of this size."""
    side = int((megabytes * 1e6 / 3) ** 0.5) // 4 * 4
    length = side * side * 3
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + length, 0, 54, 40, side, side, 1, 24, *[0] * 6)
    return "noise.bmp", header + os.urandom(length)


def resident(pid: int, what: str) -> float:
    """A process's resident memory in MB: "VmRSS" now, "VmHWM" at most so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith(f"{what}:"))
    return int(found.split()[1]) * 1024 / 1e6


async def measure(bot: RealBot, wire: Wire, members: int, megabytes: float) -> None:
    await wire.say(f"!dream {QUICK}", photo(0.1), channel="first")
    await wire.until(lambda seen: any(message["attachments"] for message in seen), "first", 120)
    pid = bot.process.pid
    row("the bot after one small dream", f"{resident(pid, 'VmRSS'):.0f} MB")
    began = time.monotonic()
    pictures = [photo(megabytes) for _ in range(members)]
    asked = (
        wire.say(f"!dream {QUICK}", picture, channel=f"channel-{number}", author=f"member-{number}")
        for number, picture in enumerate(pictures)
    )
    await asyncio.gather(*asked)
    answered = (
        wire.until(lambda seen: any(message["attachments"] for message in seen), f"channel-{number}", 600)
        for number in range(members)
    )
    await asyncio.gather(*answered)
    row(f"{members} members with {megabytes:g} MB each are answered", f"{time.monotonic() - began:.0f} s")
    row("the bot at most", f"{resident(pid, 'VmHWM'):.0f} MB")
    await asyncio.sleep(3)
    row("the bot afterwards", f"{resident(pid, 'VmRSS'):.0f} MB")


async def bench(members: int, megabytes: float) -> None:
    async with real_bot() as (bot, wire):
        await measure(bot, wire, members, megabytes)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--members", type=int, default=30)
    arguments.add_argument("--megabytes", type=float, default=24)
    given = arguments.parse_args()
    asyncio.run(bench(given.members, given.megabytes))
