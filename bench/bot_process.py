"""The bot as `dreambot run` runs it, for benches: with dreams that only sleep, and its event loop timed.

    python -m bench.bot_process [--real] [--lag FILE]

The lag of the event loop, in milliseconds, is written to FILE on SIGUSR1, one number a line, and begins anew.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bench.support import pretended_dreams
from bot import run as bot_run
from config.loading import load_config
from dream.farm import Farm

BEAT = 0.005


async def measure_lag(file: Path) -> None:
    loop = asyncio.get_running_loop()
    lags: list[float] = []

    def write() -> None:
        file.write_text("\n".join(f"{lag * 1000:.3f}" for lag in lags))
        lags.clear()

    loop.add_signal_handler(signal.SIGUSR1, write)
    while True:
        due = loop.time() + BEAT
        await asyncio.sleep(BEAT)
        lags.append(loop.time() - due)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", action="store_true", help="real dreams on a real worker")
    parser.add_argument("--lag", type=Path)
    given = parser.parse_args()
    config = load_config()
    farm = None
    if not given.real:
        farm = Farm(
            workers=1,
            memory_limit="0",
            log_settings=config.log.settings,
            render=pretended_dreams.render,
            warm=pretended_dreams.warm,
        )
    if given.lag:
        wait_for_stop_signal = bot_run.wait_for_stop_signal

        async def measured() -> None:
            measuring = asyncio.create_task(measure_lag(given.lag))
            await wait_for_stop_signal()
            measuring.cancel()

        bot_run.wait_for_stop_signal = measured
    return bot_run.run(config, farm)


if __name__ == "__main__":
    sys.exit(main())
