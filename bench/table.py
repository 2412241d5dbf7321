"""How a bench tells what it measured: one line a measurement."""

import math
from collections.abc import Sequence


def row(what: str, value: float | str, unit: str = "", more: str = "") -> None:
    """Print one line; `more` says what else there is to the figure."""
    shown = value if isinstance(value, str) else f"{value:.5g}"
    print(f"{what:<72} {shown:>10} {unit:<12} {more}".rstrip(), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` do not exceed; nan of none."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else math.nan
