"""What the tables of the benchmarks have in common."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def load() -> str:
    """How busy the machine was: no figure means much without it."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def percentile(values: Sequence[float], percent: int) -> float:
    """Of two values at least; `percent` is 1 to 99."""
    return statistics.quantiles(values, n=100)[percent - 1]


@dataclass(frozen=True)
class Limit:
    """At most so many times a floor, which the same run measured on the same machine: an absolute figure is broken by a slow one."""

    what: str
    figure: float
    floor: float
    most: float

    @property
    def kept(self) -> bool:
        return self.figure <= self.most * self.floor

    def __str__(self) -> str:
        times = self.figure / self.floor
        return f"{self.what}: {times:.1f} times its floor, limit {self.most:g}: {'kept' if self.kept else 'BROKEN'}"


def judged(*limits: Limit) -> int:
    """Print each; the exit code of the benchmark."""
    print("", *limits, sep="\n")
    return 0 if all(limit.kept for limit in limits) else 1
