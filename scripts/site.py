"""Builds the documentation as a site of plain files, without the net: `python -m scripts.site [FOLDER]`, else into `build/docs`.

Its pages are `docs/`, the papers of the project's own folder, and the settings of `.env.example`. Beside each page `name.html` stands what it
was made of as `name.md`; `llms.txt` lists those. A link that leads nowhere, and whatever else Zensical warns of, fails the build.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAPERS = {"SECURITY.md": "threat-model.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Papers of the project's own folder, and the pages that they are."""

PAGES = {**PAPERS, "README.md": "index.md", ".env.example": "settings.md"}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
COMMENT = re.compile(r"^[ ]*<!--.*?-->\n", re.DOTALL | re.MULTILINE)
"""What only our tests read."""

FENCED = re.compile(r"```.*?```", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One of the navigation: its title, its file below the site's folder, and the section that it stands in."""

    title: str
    file: str
    section: str


def pages(nav: list[Any], section: str = "") -> Iterator[Page]:
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, str):
            yield Page(title, target, section)
        else:
            yield from pages(target, title)


def navigation() -> list[Page]:
    return list(pages(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]))


def listed(stage: Path) -> list[Page]:
    """Every page: those of the navigation, then those that others lead to, under their headings."""
    shown = navigation()
    others = sorted(page.relative_to(stage).as_posix() for page in stage.rglob("*.md"))
    named = {page.file for page in shown}
    return [*shown, *(Page(_heading(stage / file), file, "Runbooks") for file in others if file not in named)]


def _heading(page: Path) -> str:
    return page.read_text().partition("\n")[0].removeprefix("# ")


def place(source: Path) -> str:
    """Where on the site a file of the project is."""
    path = source.relative_to(ROOT).as_posix()
    return PAGES.get(path) or path.removeprefix("docs/")


# ---------------------------------------------------------------- what pages are made of


def settings_page() -> str:
    """`.env.example` as tables: a section each, a line each."""
    intro, *sections = re.split(r"^# --- ", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    told = " ".join(line.removeprefix("# ") for line in intro.strip().splitlines())
    return "\n\n".join(
        ["# Settings", told.replace("Copy to .env", "Copy `.env.example` to `.env`"), *map(_table, sections)]
    )


def _table(section: str) -> str:
    title, *lines = section.strip().splitlines()
    rows, told, ended = ["| name | default | |", "|---|---|---|"], "", True
    for line in lines:
        if found := re.fullmatch(r"(?:# )?([A-Z_]+)=(.*)", line):
            rows.append(f"| `{found[1]}` | {f'`{found[2]}`' if found[2] else ''} | {told.strip()} |")
        else:
            told = f"{'' if ended else told} {line.removeprefix('# ')}"
        ended = found is not None
    heading = re.split("[:,;(]", title)[0].strip()
    return "\n".join([f"## {heading}", "", *([f"{title}.", ""] if title != heading else []), *rows])


def staged(source: Path, stage: Path) -> str:
    """The text of a page whose links lead where things are on the site; files of the project that it names are brought along."""

    def moved(link: re.Match[str]) -> str:
        target = (source.parent / link[1]).resolve()
        if not target.is_file() or not target.is_relative_to(ROOT):
            return link[0]  # leads nowhere, as the build will say
        there = place(target)
        if target.suffix != ".md" and there not in PAGES.values():
            (stage / there).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(target, stage / there)
        return os.path.relpath(there, Path(place(source)).parent)

    return LINK.sub(moved, COMMENT.sub("", source.read_text()))


def stage_pages(stage: Path) -> None:
    shutil.copytree(ROOT / "docs", stage)
    (stage / "settings.md").write_text(settings_page())
    for source in (*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in PAPERS)):
        (stage / place(source)).write_text(staged(source, stage))


# ---------------------------------------------------------------- for agents


def first_sentence(text: str) -> str:
    """Of the first paragraph below the title, as plain text."""
    paragraphs = [
        part for part in FENCED.sub("", text).split("\n\n") if part.strip() and part.strip()[0] not in "#!|-["
    ]
    plain = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", " ".join(paragraphs[0].split()) if paragraphs else "")
    return re.split(r"(?<=\.)\s", plain)[0].rstrip(":.") if plain else ""


def llms_txt(all_pages: list[Page], stage: Path) -> str:
    """The site's contents as https://llmstxt.org asks for it."""
    project = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    lines = [f"# {project['site_name']}", "", f"> {project['site_description']}"]
    for section in dict.fromkeys(page.section for page in all_pages):
        lines += ["", f"## {section or 'Overview'}", ""]
        within = [page for page in all_pages if page.section == section]
        lines += [
            f"- [{page.title}]({page.file}): {first_sentence((stage / page.file).read_text())}" for page in within
        ]
    return "\n".join(lines) + "\n"


def add_twins(site: Path, stage: Path) -> None:
    for page in listed(stage):
        source, made = stage / page.file, (site / page.file).with_suffix(".html")
        shutil.copy(source, site / page.file)
        alternate = f'<link rel="alternate" type="text/markdown" href="{source.name}">'
        made.write_text(made.read_text().replace("</head>", f"{alternate}</head>", 1))
    (site / "llms.txt").write_text(llms_txt(listed(stage), stage))


# ---------------------------------------------------------------- the site


def build(target: Path) -> None:
    """The whole site, in place of what is in `target`."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        stage_pages(work / "docs")
        shutil.copy(ROOT / "zensical.toml", work)
        zensical = Path(sys.executable).with_name("zensical")
        subprocess.run([zensical, "build", "--strict"], cwd=work, check=True)
        add_twins(work / "site", work / "docs")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "site", target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "docs")
    build(parser.parse_args().folder)
