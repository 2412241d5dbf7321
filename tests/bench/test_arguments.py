"""The benches' command lines."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_queues_bench_without_arguments_runs_all_of_its_parts() -> None:
    code = (
        "import sys; sys.argv = ['queue']; from bench import queue; ran = []\n"
        "async def noted(*_): ran.append('')\n"
        "queue.fair_queue = lambda: ran.append('')\n"
        "queue.rows = queue.flood = queue.cost_model = queue.estimates = noted\n"
        "queue.main(); print(len(ran))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "5\n"


def test_no_bench_hides_a_package() -> None:
    """A bench run as a file has its folder first in the path: a `bot.py` there would be imported as `bot`."""
    benches = {file.stem for file in (ROOT / "bench").glob("*.py")}
    assert not benches & {"bot", "dream", "config", "tests"}
