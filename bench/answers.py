"""How quickly members are answered while a worker dreams flat out, and how late the bot's event loop is.

    python -m bench.answers [--seconds 20]

The bot runs as an operator runs it, with real dreams on a real worker of this machine. It is asked through
the wire stand-in, a process of its own that enforces Discord's rate limits. Every command asks for a dream
with a picture: a text command is acknowledged by its status message, a slash command by its deferral.
"""

import argparse
import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from typing import Any

from PIL import Image

from bench.support.discord_client import ROOT, Wire
from bench.support.real_bot import RealBot, real_bot
from bench.table import percentile, row

CHANNELS = 100
TEXT_RATE, SLASH_RATE = 25, 50
DEADLINE = 500
QUICK = "block3 steps=1 octaves=1"
"""What the commands ask for: what matters is that they are asked, not what is dreamt."""


def photo(side: int) -> tuple[str, bytes]:
    with Image.open(ROOT / "dream/samples/astronaut.jpg") as image:
        file = io.BytesIO()
        image.resize((side, side)).save(file, "JPEG")
    return "astronaut.jpg", file.getvalue()


async def at_rate(rate: float, seconds: float, act: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """Start `act` that often, whether or not earlier ones have ended."""
    began = time.monotonic()
    tasks: list[Any] = []
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        tasks.append(asyncio.ensure_future(act(number)))
    return await asyncio.gather(*tasks)


def tell(what: str, asked: int, waits: list[float], lags: list[float]) -> None:
    within = sum(wait <= DEADLINE for wait in waits) / asked
    row(f"{what}: acknowledged", f"{len(waits)} of {asked}")
    row(f"  within {DEADLINE} ms", f"{within:.1%}")
    row("  95th percentile", f"{percentile(waits, 0.95):.0f} ms")
    row("  loop lag, 99th percentile", f"{percentile(lags, 0.99):.1f} ms")


async def measure(bot: RealBot, wire: Wire, seconds: float) -> None:
    # A line of long dreams, of a member whose turn always comes, keeps the worker flat out.
    for number in range(5):
        await wire.say("!dream block8+block11 steps=100", photo(512), channel=f"busy-{number}", author="bob")
    await wire.until(lambda seen: any("▰" in message["content"] for message in seen), "busy-0", 120)

    await bot.lags()
    await asyncio.sleep(seconds)
    row("worker flat out: loop lag, 99th percentile", f"{percentile(await bot.lags(), 0.99):.1f} ms")

    small = photo(128)
    said = await at_rate(
        TEXT_RATE,
        seconds,
        lambda number: wire.say(f"!dream {QUICK}", small, channel=f"channel-{number % CHANNELS}"),
    )
    lags = await bot.lags()
    await asyncio.sleep(3)
    ids = {message["id"] for message in said}
    answers = [answer for number in range(CHANNELS) for answer in await wire.answers(f"channel-{number}")]
    waits: list[float] = [
        (int(answer["id"]) >> 22) - (int(answer["message_reference"]["message_id"]) >> 22)
        for answer in answers
        if (answer.get("message_reference") or {}).get("message_id") in ids
    ]
    tell(f"{TEXT_RATE} text commands a second", len(said), waits, lags)

    used = await at_rate(
        SLASH_RATE,
        seconds,
        lambda number: wire.slash(
            "dream", channel=f"channel-{number % CHANNELS}", recipe=QUICK, picture=small
        ),
    )
    lags = await bot.lags()
    await asyncio.sleep(3)
    records = [await wire.get("interaction", id=entry["id"]) for entry in used]
    waits = [record["acknowledged"] * 1000 for record in records if record["acknowledged"] is not None]
    tell(f"{SLASH_RATE} slash commands a second", len(used), waits, lags)


async def bench(seconds: float) -> None:
    async with real_bot() as (bot, wire):
        await measure(bot, wire, seconds)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--seconds", type=float, default=20)
    asyncio.run(bench(arguments.parse_args().seconds))
