"""Fuzzing with coverage: what reads texts and files in the bot's own process must refuse in a known way.

    pip install atheris
    python -m bench.fuzz recipe|duration|schedule|settings|structure [-max_total_time=600] [FOLDER]

The options are libFuzzer's. It ends with the input that broke something, which it also writes to a file.
"""

import contextlib
import sys
from collections.abc import Callable

try:
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:
    sys.exit("bench.fuzz needs atheris: pip install atheris (Linux, Python up to 3.13).")

with atheris.instrument_imports(include=["bot", "dream", "config"]):
    from bot.durations import parse_duration
    from bot.schedule import Schedule, ScheduleError
    from bot.settings import files
    from bot.settings.values import SettingError
    from dream.formats import FORMATS, Limits, PictureError, format_of
    from dream.recipe import Recipe, RecipeError
    from dream.structure import check

Target = Callable[[bytes], None]


def of_text(read: Callable[[str], object], refusal: type[Exception]) -> Target:
    """Feed a reader any text; it may raise its refusal alone."""

    def target(data: bytes) -> None:
        with contextlib.suppress(refusal):
            read(atheris.FuzzedDataProvider(data).ConsumeUnicodeNoSurrogates(2000))

    return target


def round_trip(text: str) -> None:
    """A recipe that is read is the same when its own text is."""
    recipe = Recipe.parse(text, {"puppyslug": "fire7 octaves=3"})
    assert Recipe.parse(str(recipe)) == recipe


def structure(data: bytes) -> None:
    """The checks of a file's structure, for the format that it begins like, or else for any."""
    names = [*FORMATS]
    name = format_of(data) or names[len(data) % len(names)]
    with contextlib.suppress(PictureError):
        check(data, name, Limits())


TARGETS: dict[str, Target] = {
    "recipe": of_text(round_trip, RecipeError),
    "duration": of_text(parse_duration, ValueError),
    "schedule": of_text(Schedule.parse, ScheduleError),
    "settings": of_text(files.parse, SettingError),
    "structure": structure,
}


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
