"""What a release is made of: packages that are the same bytes each time, a wheel that works alone, workflows that give nothing away."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts import release
from tests.acceptance.processes import ROOT, surroundings
from tests.patience import HANG_S

CHANGELOG = """# Changelog

## [Unreleased]

### Added

- A new thing.

## [0.1.0] - 2026-01-01

- The first.
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    release.build(folder)
    return folder


def test_packages_of_one_commit_are_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    release.build(tmp_path)
    made = sorted(file.name for file in packages.iterdir() if file.name.startswith("avatarbot-"))
    assert len(made) == 2
    assert [(tmp_path / name).read_bytes() == (packages / name).read_bytes() for name in made] == [True, True]


def test_the_list_of_parts_names_what_is_needed(packages: Path) -> None:
    parts = json.loads((packages / release.SBOM).read_text())
    names = {part["name"] for part in parts["components"]}
    assert parts["bomFormat"] == "CycloneDX"
    assert {"sqlalchemy", "discord-py", "slack-bolt"} <= names
    assert not names & {"pytest", "mypy", "hypothesis"}


def test_the_source_has_nothing_that_git_ignores(packages: Path) -> None:
    (source,) = packages.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert names - {*tracked, "PKG-INFO"} == set()


def test_the_wheel_works_without_its_checkout(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    asked = [
        sys.executable,
        "-P",
        "-c",
        "import bot.cli, sys; sys.argv[1:] = ['db', 'upgrade']; sys.exit(bot.cli.main())",
    ]
    settings = {"PYTHONPATH": str(tmp_path / "installed"), "DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    done = subprocess.run(
        asked, cwd=tmp_path, env=surroundings(settings), capture_output=True, text=True, timeout=HANG_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "new.db is at " in done.stdout


def test_what_was_unreleased_gets_a_version_and_a_day() -> None:
    made = release.cut(CHANGELOG, "0.2.0", "2026-02-02")
    assert "## [Unreleased]\n\n## [0.2.0] - 2026-02-02\n\n### Added\n\n- A new thing.\n\n## [0.1.0]" in made
    assert made.endswith("- The first.\n")


@pytest.mark.parametrize(("changelog", "new"), [("# Changelog\n", "0.2.0"), (CHANGELOG, "0.1.0")])
def test_an_impossible_release_is_refused(changelog: str, new: str) -> None:
    with pytest.raises(SystemExit, match=r"CHANGELOG\.md has"):
        release.cut(changelog, new, "2026-02-02")


@pytest.mark.parametrize("new", ["v0.2.0", "0.2", "0.2.0rc1", "-h"])
def test_what_is_no_version_changes_nothing(new: str) -> None:
    before = [file.read_bytes() for file in (release.PROJECT, release.CHANGELOG, release.LOCK)]
    with pytest.raises(SystemExit, match="is no version"):
        release.prepare(new)
    assert [file.read_bytes() for file in (release.PROJECT, release.CHANGELOG, release.LOCK)] == before


def test_without_uv_a_release_changes_nothing(tmp_path: Path) -> None:
    for file in (release.PROJECT, release.LOCK, Path(release.__file__)):
        (tmp_path / file.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        (tmp_path / file.relative_to(ROOT)).write_bytes(file.read_bytes())
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    before = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    asked = [sys.executable, str(tmp_path / "scripts" / "release.py"), "9.9.9"]
    done = subprocess.run(asked, env={"PATH": ""}, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert (done.returncode, done.stderr.startswith("uv.lock cannot be made anew")) == (1, True)
    assert {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


def test_a_tag_is_the_version_of_its_tree() -> None:
    with pytest.raises(SystemExit, match=r"pyproject\.toml says"):
        release.check("v9.9.9")


def test_the_workflows_have_no_known_weakness() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    found = subprocess.run(
        [zizmor, "--offline", "--no-progress", ROOT / ".github"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert found.returncode == 0, found.stdout
