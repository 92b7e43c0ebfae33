"""How long `avatarbot demo --say` takes until somebody can speak and is answered: `python -m benchmarks.demo_start`.

Beside it, as floors: an empty Python, one that imports the libraries alone, and the time that the avatar's voice itself takes.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from adapters.simulator.options import Options
from benchmarks.table import Limit, judged

RUNS = 7
MOST = 2
"""Times an import of the libraries, until the avatar is live."""
LIBRARIES = (
    "import alembic.command, cryptography.fernet, httpx, pydantic_settings, sqlalchemy.ext.asyncio, "
    "starlette.applications, structlog, uvicorn, websockets.asyncio.client"
)
QUESTION, ANSWER = "What is 6 * 7?", "6 * 7 is 42. I counted on my fingers."


def python(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began


def demo() -> tuple[float, float, float]:
    """Seconds until the avatar is live, from the first question to the second, and from the last answer to the end."""
    command = [str(Path(sys.executable).with_name("avatarbot")), "demo", "--say", QUESTION, "--say", QUESTION]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [(line.strip(), time.perf_counter()) for line in process.stdout]
    ended = time.perf_counter()
    live = next(at for line, at in seen if line.endswith("is live."))
    answers = [at for line, at in seen if line.endswith(ANSWER)]
    return live - began, answers[1] - answers[0], ended - answers[1]


def row(name: str, took: Sequence[float]) -> float:
    print(f"{name:44}{statistics.median(took):>7.3f} s{max(took):>7.3f} s")
    return statistics.median(took)


def main() -> int:
    print(f"{'':44}{'median':>9}{'worst':>9}   of {RUNS}")
    demo()  # warms the file cache
    row("python -c pass", [python("pass") for _ in range(RUNS)])
    floor = row("python, importing the libraries", [python(LIBRARIES) for _ in range(RUNS)])
    lives, turns, ends = zip(*(demo() for _ in range(RUNS)), strict=True)
    live = row("demo, until the avatar is live", lives)
    options = Options()
    voice = options.thinking + len(ANSWER) / options.pace
    row("demo, one question and its answer", turns)
    print(f"{'  of which the avatar thinks and speaks':44}{voice:>7.3f} s")
    row("demo, from the last word to the prompt", ends)
    return judged(Limit("until the avatar is live", live, floor, MOST))


if __name__ == "__main__":
    sys.exit(main())
