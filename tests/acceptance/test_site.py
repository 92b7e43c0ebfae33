"""`make docs`: the site as it is put somewhere, looked at as files. What leads nowhere fails the build itself."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from scripts.site import navigation
from tests.acceptance.processes import ROOT


class Links(HTMLParser):
    """Where a page leads, and what it loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.found.add(value)
                if tag in {"script", "img"} or (tag == "link" and dict(attrs).get("rel") == "stylesheet"):
                    self.loaded.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "scripts.site", folder], cwd=ROOT, check=True, capture_output=True)
    return folder


def test_no_link_of_any_page_is_dead(site: Path) -> None:
    dead = {
        f"{page.name}: {link}"
        for page in site.rglob("*.html")
        for link in Links(page).found
        if not (parts := urlsplit(link)).scheme and parts.path and not _there(page, parts.path, site)
    }
    assert dead == set()


def _there(page: Path, link: str, site: Path) -> bool:
    folder = site if page.name == "404.html" else page.parent
    return (folder / unquote(link).lstrip("/")).exists()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = {link for page in site.rglob("*.html") for link in Links(page).loaded}
    assert {link for link in loaded if urlsplit(link).netloc} == set()


def test_each_page_has_a_twin_that_it_names(site: Path) -> None:
    pages = {page.relative_to(site).with_suffix("").as_posix() for page in site.rglob("*.html")} - {"404"}
    twins = {twin.relative_to(site).with_suffix("").as_posix() for twin in site.rglob("*.md")}
    assert pages == twins
    for page in pages:
        name = f'type="text/markdown" href="{page.rpartition("/")[2]}.md"'
        assert name in (site / f"{page}.html").read_text()
        assert "<!-- block" not in (site / f"{page}.md").read_text()


def test_links_of_twins_lead_to_twins(site: Path) -> None:
    for twin in site.rglob("*.md"):
        for link in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", twin.read_text()):
            assert (twin.parent / link).is_file(), f"{twin.name}: {link}"


def test_the_list_for_agents_has_every_page_once(site: Path) -> None:
    title, *rest = (site / "llms.txt").read_text().splitlines()
    listed = [found for line in rest for found in re.findall(r"^- \[[^]]+\]\(([^)]+)\): \S", line)]
    assert title == "# Avatarbot"
    assert rest[1].startswith("> ")
    assert sorted(listed) == sorted(twin.relative_to(site).as_posix() for twin in site.rglob("*.md"))
    assert listed[: len(navigation())] == [page.file for page in navigation()]


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "index.md"
    page.parent.mkdir()
    page.write_text("[nowhere](gone.md)\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "x"\n')
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run([zensical, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "page does not exist" in done.stderr
