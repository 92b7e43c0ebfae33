"""`make mutants`: breaks the rules that matter, one at a time, in a copy of the tree, and fails when the tests do not notice.

The mutations are written by hand in `tests/mutations/*.toml`: a file, what stands there once, what is put in its place, and the
tests that must then fail. The tests named are run without any mutation first, since tests that fail anyway kill nothing.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = ROOT / "tests" / "mutations"
COPIED = (
    "adapters",
    "benchmarks",
    "bot",
    "examples",
    "migrations",
    "scripts",
    "tests",
    "pyproject.toml",
    ".env.example",
    "README.md",
)
PYTEST = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header")
MINUTES = 5
"""How long the tests of one mutation may take; a mutant that hangs them is noticed too."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to break a rule. `before` stands exactly once in `file`."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


def mutations() -> Iterator[Mutation]:
    """All of them, in the order of their files."""
    for path in sorted(LISTS.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutation"]:
            yield Mutation(**{**entry, "tests": tuple(entry["tests"])})


def stale(mutation: Mutation, root: Path = ROOT) -> str:
    """Why this mutation cannot be tried as it is written; empty when it can."""
    source = root / mutation.file
    if not source.is_file():
        return f"{mutation.file} does not exist"
    if (times := source.read_text().count(mutation.before)) != 1:
        return f"what it replaces stands {times} times in {mutation.file}"
    return next(
        (f"{test} does not exist" for test in mutation.tests if not (root / test.partition("::")[0]).exists()), ""
    )


def main(wanted: str = "") -> int:
    chosen = [mutation for mutation in mutations() if wanted.casefold() in mutation.name.casefold()]
    if problems := [f"{mutation.name}: {why}" for mutation in chosen if (why := stale(mutation))]:
        print("\n".join(problems))
        return 2
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(2) as pool:
        copies = [_copy(Path(folder, name)) for name in ("one", "other")]
        return _report(chosen, copies, pool)


def _copy(to: Path) -> Path:
    to.mkdir()
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, to / name)
    return to


def _report(chosen: list[Mutation], copies: list[Path], pool: ThreadPoolExecutor) -> int:
    """Each copy has a thread and a share of the work of its own."""
    shares = [chosen[start :: len(copies)] for start in range(len(copies))]
    survived = sum(pool.map(_try_all, copies, shares))
    print(f"\n{len(chosen) - survived} killed, {survived} survived")
    return bool(survived)


def _try_all(root: Path, chosen: list[Mutation]) -> int:
    sound: dict[tuple[str, ...], bool] = {}
    survived = 0
    for mutation in chosen:
        if mutation.tests not in sound:
            sound[mutation.tests] = _passes(root, mutation.tests)
        killed = sound[mutation.tests] and not _passes_mutated(root, mutation)
        survived += not killed
        verdict = "killed" if killed else "SURVIVED" if sound[mutation.tests] else "ITS TESTS FAIL ANYWAY"
        print(f"{verdict:9} {mutation.name}", flush=True)
    return survived


def _passes_mutated(root: Path, mutation: Mutation) -> bool:
    source = root / mutation.file
    whole = source.read_text()
    source.write_text(whole.replace(mutation.before, mutation.after))
    try:
        return _passes(root, mutation.tests)
    finally:
        source.write_text(whole)


def _passes(root: Path, tests: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run([*PYTEST, *tests], cwd=root, capture_output=True, timeout=MINUTES * 60, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
