"""How long `avatarbot --help` takes, beside an empty Python and one that imports click: `python -m benchmarks.cli_start`."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.table import Limit, judged

RUNS = 15
FLOOR = "python -c 'import click'"
MOST = 3
"""Times the floor."""

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    FLOOR: [sys.executable, "-c", "import click"],
    "avatarbot --help": [str(Path(sys.executable).with_name("avatarbot")), "--help"],
}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    print(f"{'':26}{'median':>9}{'worst':>9}   of {RUNS}")
    medians: dict[str, float] = {}
    for name, command in COMMANDS.items():
        seconds(command)  # warms the file cache
        took = [seconds(command) for _ in range(RUNS)]
        medians[name] = statistics.median(took)
        print(f"{name:26}{medians[name]:>7.3f} s{max(took):>7.3f} s")
    return judged(Limit("avatarbot --help", medians["avatarbot --help"], medians[FLOOR], MOST))


if __name__ == "__main__":
    sys.exit(main())
