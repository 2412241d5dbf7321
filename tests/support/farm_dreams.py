"""Stand-in dreams for workers under test: what one does is a script in place of its picture."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from dream.dreamer import Cancelled, Report
from dream.picture import PictureError, contents
from dream.recipe import Recipe, RecipeError
from dream.render import Progress, Rendered, Work

REPORT = Report("", "squeezenet", (), "none", None, 1, 1, 1, 0.0, 0.0, 1.0)


def work(script: str) -> Work:
    """A dream that follows `script`, such as "note=FILE sleep=2"."""
    return Work(script.encode(), Recipe.parse("block8"))


def warm() -> None:
    """Nothing to load."""


def warm_in_vain() -> None:
    """What a network with broken weights does."""
    raise ValueError("no such\nweights")


def warm_slowly() -> None:
    """As long as a network takes to load."""
    time.sleep(3)


def render(work: Work, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Rendered:
    """Do what the script says; the answer is this worker's process id."""
    for word in contents(work.source or b"").decode().split():
        act, _, value = word.partition("=")
        match act:
            case "note":
                with Path(value).open("a") as file:
                    file.write(f"{os.getpid()}\n")
            case "sleep":
                _sleep(float(value), on_progress, cancelled)
            case "until":
                while not Path(value).exists():
                    time.sleep(0.02)
            case "hang":
                time.sleep(float(value))
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hog":
                hog = bytearray(os.urandom(1024) * int(float(value) * 1024))
                time.sleep(10)
                del hog
            case "priority":
                Path(value).write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))
            case "refuse":
                raise {"picture": PictureError, "recipe": RecipeError}[value](f"a bad {value}")
            case "break":
                raise ZeroDivisionError("broken")
    return Rendered(str(os.getpid()).encode(), "dream.png", REPORT)


def _sleep(seconds: float, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> None:
    steps = max(1, round(seconds / 0.05))
    for step in range(steps):
        if cancelled():
            raise Cancelled
        time.sleep(0.05)
        on_progress(
            Progress(step + 1, steps, 1, 1, 0.0, (step + 1) / steps, b"preview" if step == 0 else None)
        )
