"""What README.md and the other papers say of commands, roles, files and modules is so."""

import functools
import re
from pathlib import Path

import click
import pytest

from bot.cli import cli
from bot.commands.policy import at_least
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Role

ROOT = Path(__file__).parents[2]
CHANNEL = (ROOT / "docs/channel.md").read_text()
PAPERS = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "CHANGELOG.md")
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in PAPERS}
ROLES = (Role.OUTSIDER, Role.MEMBER, Role.STARTER, Role.ADMIN)  # the columns of "Who may do what"
USES_ACCOUNT = "¹"
OTHERS = {"BaseSettings"}
"""Classes of libraries that a paper names."""


def _said(pattern: str) -> list[tuple[str, str]]:
    return sorted({(paper, found) for paper, text in TEXTS.items() for found in re.findall(pattern, text)})


# ---------------------------------------------------------------- who may do what


def _table() -> list[list[str]]:
    section = CHANNEL.partition("## Who may do what")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_who_may_do_what_is_the_catalogue() -> None:
    said = {
        name: (tuple(bool(cell) for cell in may), USES_ACCOUNT in what)
        for what, *may in _table()
        for name in re.findall(r"`([a-z ]+)`", what)
    }
    true = {verb.name: (tuple(at_least(role, verb.role) for role in ROLES), verb.costs) for verb in CATALOGUE.verbs}
    assert said == true


# ---------------------------------------------------------------- what can be typed


@pytest.mark.parametrize(("paper", "typed"), _said(r"(?:`|bin/|\$ |=1 )avatarbot ([a-z]+(?: [a-z-]+)?)"))
def test_every_command_of_ours_exists(paper: str, typed: str) -> None:
    context = click.Context(cli)
    name, _, rest = typed.partition(" ")
    command = cli.get_command(context, name)
    assert command is not None, paper
    with command.make_context(name, [], context, resilient_parsing=True) as inner:
        if isinstance(inner.command, click.Group):
            assert inner.command.get_command(inner, rest) is not None, paper


@pytest.mark.parametrize(("paper", "target"), _said(r"(?:`|\$ )make ([a-z-]+)"))
def test_every_target_of_make_exists(paper: str, target: str) -> None:
    pattern = "test-%" if target.startswith("test-") else target
    assert re.search(rf"^{pattern}:", (ROOT / "Makefile").read_text(), re.MULTILINE), paper


# ---------------------------------------------------------------- what is named


@pytest.mark.parametrize(("paper", "target"), _said(r"\]\((?!http)([^)#]+)\)"))
def test_every_link_into_the_project_leads_somewhere(paper: str, target: str) -> None:
    assert (ROOT / paper).parent.joinpath(target).is_file()


@pytest.mark.parametrize(
    ("paper", "path"), _said(r"`((?:bot|adapters|tests|benchmarks|docs|scripts|migrations|\.ci)/[\w./-]+)`")
)
def test_every_path_that_is_named_exists(paper: str, path: str) -> None:
    assert (ROOT / path).exists(), paper


@functools.cache
def _classes() -> frozenset[str]:
    sources = [path.read_text() for folder in ("bot", "adapters", "tests") for path in (ROOT / folder).rglob("*.py")]
    return frozenset(name for source in sources for name in re.findall(r"^class (\w+)", source, re.MULTILINE))


@pytest.mark.parametrize(("paper", "name"), _said(r"`([A-Z][a-z]+(?:[A-Z][A-Za-z]+)+)(?:\.\w+)?(?:\([^`]*\))?`"))
def test_every_class_that_is_named_exists(paper: str, name: str) -> None:
    assert name in _classes() | OTHERS, paper
