"""Every fenced block of the papers is of a kind that is tried, and what is not run here is looked at."""

import ast
import json
import re
from importlib.util import find_spec
from io import StringIO

import click
import pytest
import yaml
from dotenv import dotenv_values

from bot.app.wiring import known_settings
from bot.cli import cli
from scripts.site import navigation, settings_page
from tests.blocks import BLOCKS, MARKS, ROOT, Block, arguments, of, programs

KINDS = {"console", "env", "json", "nginx", "python", "text", "yaml"}
OUTSIDE = {
    *(
        "apt",
        "avatarbot",
        "cat",
        "cd",
        "chmod",
        "cp",
        "curl",
        "echo",
        "docker",
        "git",
        "grep",
        "journalctl",
        "kill",
        "make",
    ),
    *("nc", "pip", "pre-commit", "python", "source", "sudo", "uv", ".ci/run", ".venv/bin/pytest", ".venv/bin/python"),
}
"""Programs that a block may run."""

OF_OTHERS = {f"AVATARBOT_{name}" for name in ("CHROMIUM", "BROWSER", "FIREFOX", "SCREENSHOTS")} | {"SAY", "TELNET_PORT"}
"""What our tests, a target of make and an example are told by the environment."""

given = pytest.mark.parametrize


def test_every_block_is_of_a_known_kind() -> None:
    assert [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in KINDS] == []
    assert [f"{block}: {block.mark!r}" for block in BLOCKS if block.mark not in MARKS] == []


def test_only_what_can_be_run_is_marked() -> None:
    assert [str(block) for block in BLOCKS if block.mark and block.language not in {"console", "python"}] == []


# ---------------------------------------------------------------- commands


@given("block", of("console"), ids=str)
def test_every_line_is_a_command_or_its_output(block: Block) -> None:
    assert block.text.startswith("$ ")
    for shown in block.commands:
        assert {words[0] for words in programs(shown.typed)} <= OUTSIDE


@given("block", of("console"), ids=str)
def test_our_commands_take_the_options_that_are_shown(block: Block) -> None:
    for shown in block.commands:
        for words in programs(shown.typed):
            if words[0] == "avatarbot":
                _parsed(cli, "avatarbot", arguments(words))


def _parsed(command: click.Command, name: str, words: list[str], parent: click.Context | None = None) -> None:
    """As the command line does, without running anything. Raises `click.UsageError`."""
    if "--version" in words:
        return
    with command.make_context(name, list(words), parent, obj=parent.obj if parent else None) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            inner, found, left = command.resolve_command(context, rest)
            assert inner
            assert found
            _parsed(found, inner, left, context)


@given("block", of("console"), ids=str)
def test_targets_scripts_and_settings_in_commands_exist(block: Block) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for shown in block.commands:
        assert set(re.findall(r"\b([A-Z_]+)=", shown.typed)) <= known_settings() | OF_OTHERS
        for program, *words in programs(shown.typed):
            if program == "make":
                assert re.search(rf"^{words[0].partition('-')[0]}(-%)?:", makefile, re.MULTILINE)
            if words[:1] == ["-m"]:
                assert find_spec(words[1])


# ---------------------------------------------------------------- settings


@given("block", of("env"), ids=str)
def test_settings_that_are_shown_exist(block: Block) -> None:
    values = dotenv_values(stream=StringIO(block.text))
    assert values
    assert values.keys() <= known_settings()
    assert all(values.values())


def test_every_setting_stands_on_the_page() -> None:
    page = settings_page()
    for name in known_settings() - {f"AVATARBOT_PLAYGROUND_{name}" for name in ("HOST", "BASE_URL", "RETENTION")}:
        assert re.search(rf"^\| `{name}` \| .*\|$", page, re.MULTILINE), name


def test_every_setting_that_papers_name_exists() -> None:
    papers = {path: path.read_text() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}
    named = {name for text in papers.values() for name in re.findall(r"\bAVATARBOT_[A-Z_]*[A-Z]\b", text)}
    assert named - known_settings() - OF_OTHERS == set()


# ---------------------------------------------------------------- what is read by machines


@given("block", of("json"), ids=str)
def test_what_is_shown_as_json_is(block: Block) -> None:
    json.loads(block.text)


@given("block", of("yaml"), ids=str)
def test_what_is_shown_as_yaml_is(block: Block) -> None:
    assert yaml.safe_load(block.text)


@given("block", [block for block in of("python") if block.mark], ids=str)
def test_what_is_imported_where_nothing_is_run_exists(block: Block) -> None:
    for statement in ast.walk(ast.parse(block.text)):
        if isinstance(statement, ast.ImportFrom):
            assert statement.module
            assert find_spec(statement.module)


@given("block", [block for block in of("python") if not block.mark], ids=str)
def test_what_is_shown_in_python_runs(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "example"})


# ---------------------------------------------------------------- the site


def test_every_page_is_in_the_navigation_once() -> None:
    shown = [page.file for page in navigation()]
    assert sorted(shown) == sorted(set(shown))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    made = {"settings.md", "contributing.md", "threat-model.md", "changelog.md"}
    assert set(shown) == pages | made


def test_every_runbook_is_listed() -> None:
    listed = (ROOT / "docs/runbooks.md").read_text()
    for page in (ROOT / "docs/runbooks").iterdir():
        assert f"[{page.read_text().splitlines()[0][2:]}](runbooks/{page.name})" in listed
