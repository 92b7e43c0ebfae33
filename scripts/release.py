"""Makes a release: `python -m scripts.release VERSION`, then commit and tag. The workflow of the tag calls `check` and `build`."""

import argparse
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT, CHANGELOG, LOCK = ROOT / "pyproject.toml", ROOT / "CHANGELOG.md", ROOT / "uv.lock"
VERSION = re.compile(r"\d+\.\d+\.\d+")
UNRELEASED = "## [Unreleased]"
SBOM = "avatarbot.cdx.json"


def version() -> str:
    """What pyproject.toml says."""
    (found,) = re.findall(r'^version = "(.+)"$', PROJECT.read_text(), re.MULTILINE)
    return str(found)


def cut(changelog: str, new: str, day: str) -> str:
    """The changelog with what was unreleased under this version. Raises `SystemExit` where nothing is, or the version is there."""
    before, unreleased, after = changelog.partition(f"{UNRELEASED}\n")
    notes, *older = re.split(r"(?m)^(?=## \[)", after, maxsplit=1)
    if not unreleased or not notes.strip():
        raise SystemExit("CHANGELOG.md has nothing that is unreleased.")
    if f"## [{new}]" in changelog:
        raise SystemExit(f"CHANGELOG.md has {new} already.")
    return f"{before}{UNRELEASED}\n\n## [{new}] - {day}\n\n{notes.strip()}\n\n{''.join(older)}".rstrip() + "\n"


def prepare(new: str) -> None:
    """Give all three files the version. Changes none unless all can be changed."""
    if not VERSION.fullmatch(new):
        raise SystemExit(f"{new} is no version; one looks like 0.2.0.")
    changelog = cut(CHANGELOG.read_text(), new, f"{datetime.now(UTC):%Y-%m-%d}")
    before = {file: file.read_bytes() for file in (PROJECT, CHANGELOG, LOCK)}
    try:
        PROJECT.write_text(PROJECT.read_text().replace(f'version = "{version()}"', f'version = "{new}"', 1))
        CHANGELOG.write_text(changelog)
        _uv("lock", "--quiet")
    except BaseException as error:
        for file, content in before.items():
            file.write_bytes(content)
        if isinstance(error, OSError | subprocess.CalledProcessError):
            raise SystemExit("uv.lock cannot be made anew, so nothing is changed: see what `uv lock` says.") from error
        raise
    print(f"Look at the change, then: git commit -am 'Release {new}' && git tag -s v{new} && git push --follow-tags")


def check(tag: str) -> None:
    """A tag names the version of the tree that it stands at, and the changelog tells of it."""
    if tag != f"v{version()}":
        raise SystemExit(f"The tag is {tag} and pyproject.toml says {version()}: tag the commit that `release` made.")
    if f"## [{version()}] - " not in CHANGELOG.read_text():
        raise SystemExit(f"CHANGELOG.md has no part for {version()}.")


def build(folder: Path) -> None:
    """The wheel and the source, the same bytes whenever they are made of one commit, and the list of what is needed with them."""
    when = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    _uv("build", "--quiet", "--out-dir", str(folder.absolute()), SOURCE_DATE_EPOCH=when.stdout.strip())
    sbom = str(folder.absolute() / SBOM)
    _uv("export", "--quiet", "--preview", "--format", "cyclonedx1.5", "--locked", "--no-dev", "--output-file", sbom)


def _uv(*words: str, **environment: str) -> None:
    local = ROOT / ".uv" / "bin" / "uv"
    command = [str(local) if local.exists() else "uv", *words]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", help="a version to prepare, or `check TAG`, or `build FOLDER`")
    parser.add_argument("argument", nargs="?", default="")
    asked = parser.parse_args()
    match asked.what, asked.argument:
        case "check", tag if tag:
            check(tag)
        case "build", folder if folder:
            build(Path(folder))
        case new, "":
            prepare(new)
        case _:
            parser.error("a version, or `check TAG`, or `build FOLDER`")


if __name__ == "__main__":
    main()
