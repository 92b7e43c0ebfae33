"""What the tables of the benchmarks have in common."""

import os
import statistics
from collections.abc import Sequence


def load() -> str:
    """How busy the machine was: no figure means much without it."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def percentile(values: Sequence[float], percent: int) -> float:
    """Of two values at least; `percent` is 1 to 99."""
    return statistics.quantiles(values, n=100)[percent - 1]
