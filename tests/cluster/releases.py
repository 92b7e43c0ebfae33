"""Releases of the service that run beside each other: this checkout, and the one before it as a program with modules of its own."""

import contextlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from bot.storage import migrate
from tests.acceptance.processes import ROOT, surroundings
from tests.acceptance.test_plugins import distribution
from tests.cluster import loopback
from tests.cluster.processes import fork_server

PREVIOUS = "PREVIOUS_RELEASE"
"""Setting: a folder with a checkout, or a git revision. Without it, the previous release is the newest tag of a version."""
NONE_BEFORE = f"no release before this one: no tag of a version, and {PREVIOUS} names none"

UNFINISHED = ("-", "a", "b", "rc")
"""Begin what follows the number of a version that comes before it."""


@dataclass(frozen=True)
class Program:
    """A release: its modules, migrations and adapters are those of the checkout `root`."""

    root: Path

    @contextlib.contextmanager
    def forks(self, folder: Path) -> "Iterator[subprocess.Popen[str]]":
        """What starts processes of it. `folder` is made, and names the adapters that it declares, in place of those installed here."""
        declared = tomllib.loads((self.root / "pyproject.toml").read_text())["project"]["entry-points"]
        points = {group: "\n".join(f"{name} = {where}" for name, where in of.items()) for group, of in declared.items()}
        path = loopback.install(folder)
        distribution(path, "avatarbot", "unused", "", points)
        with fork_server([path], self.root) as forks:
            yield forks

    def upgrade(self, url: URL) -> None:
        """Make the tables that it knows."""
        if self.root == ROOT:
            migrate.upgrade(url)
        else:
            own = surroundings(
                {"PYTHONPATH": str(self.root), "DATABASE_URL": url.render_as_string(hide_password=False)}
            )
            subprocess.run([sys.executable, "-m", "bot.cli", "db", "upgrade"], cwd=self.root, env=own, check=True)


THIS = Program(ROOT)


def previous_release(folder: Path) -> Program:
    """The release before this one, taken out of git into `folder` where it is no checkout yet. Skips the test where there is none."""
    named = os.environ.get(PREVIOUS) or newest_tag(ROOT)
    if not named:
        pytest.skip(NONE_BEFORE)
    return Program(Path(named).resolve() if Path(named).is_dir() else _exported(named, folder / "previous"))


def newest_tag(root: Path) -> str:
    """Of a version before that of the checkout `root`, on its branch; empty where there is none."""
    sorting = [word for suffix in UNFINISHED for word in ("-c", f"versionsort.suffix={suffix}")]
    listing = ("tag", "--list", "v[0-9]*", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-version:refname")
    return _git(*sorting, *listing, at=root).decode().partition("\n")[0]


def _exported(revision: str, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=_git("archive", revision), check=True)
    return folder


def _git(*words: str, at: Path = ROOT) -> bytes:
    return subprocess.run(["git", *words], cwd=at, check=True, stdout=subprocess.PIPE).stdout
