"""The bot as an operator runs it, for benches that ask it through the wire stand-in."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.support.discord_client import ROOT, Wire


class RealBot:
    """`dreambot run`, logged in at the stand-in, with real dreams and its event loop's lag measured."""

    def __init__(self, folder: Path, wire: Wire) -> None:
        self.lag = folder / "lag"
        environment = wire.environment | {"DREAMBOT_DATA": str(folder)}
        for whose in ("MEMBER", "SERVER", "TOTAL"):
            environment[f"DREAMBOT_QUEUE__{whose}_SECONDS"] = "10000000"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.bot_process", "--real", "--lag", str(self.lag)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "log").open("w"),
        )

    async def lags(self) -> list[float]:
        """How late the loop was, in milliseconds, at each beat since the last call."""
        self.lag.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        while not self.lag.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        return [float(line) for line in self.lag.read_text().split()]


@asynccontextmanager
async def real_bot() -> AsyncIterator[tuple[RealBot, Wire]]:
    """A bot that is connected, with data of its own, and the stand-in to ask it through."""
    with tempfile.TemporaryDirectory() as folder:
        async with Wire() as wire:
            bot = RealBot(Path(folder), wire)
            try:
                while not (await wire.get("state"))["sessions"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                yield bot, wire
            finally:
                bot.process.kill()
                bot.process.wait()
