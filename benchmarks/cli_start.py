"""How long `avatarbot --help` takes, beside an empty Python and one that imports click: `python -m benchmarks.cli_start`."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
LIMIT_S = 0.3

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "avatarbot --help": [str(Path(sys.executable).with_name("avatarbot")), "--help"],
}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    print(f"{'':26}{'median':>9}{'worst':>9}   of {RUNS}")
    median = 0.0
    for name, command in COMMANDS.items():
        seconds(command)  # warms the file cache
        took = [seconds(command) for _ in range(RUNS)]
        median = statistics.median(took)
        print(f"{name:26}{median:>7.3f} s{max(took):>7.3f} s")
    print(f"\nlimit for avatarbot --help: {LIMIT_S} s, {'kept' if median < LIMIT_S else 'BROKEN'}")


if __name__ == "__main__":
    main()
