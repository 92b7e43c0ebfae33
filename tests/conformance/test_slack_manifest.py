"""Our app manifest, held against Slack's own schema and event reference."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
from click.testing import CliRunner

from adapters.slack.cli import group
from adapters.slack.manifest import EVENTS, OPTIONAL_SCOPES, SCOPES, manifest

ROOT = Path(__file__).parents[2]
SPECS = Path(os.environ.get("SPECS_DIR", ROOT.parent / "shared" / "data")) / "slack"

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason=f"no Slack specifications in {SPECS}")

BOTH_WAYS = pytest.mark.parametrize("public_url", [None, "https://bot.example"])


def read(*path: str) -> Any:
    return json.loads(SPECS.joinpath(*path).read_text())


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(read("manifest-schema", "schemas", "manifest.schema.2.0.0.json"))


@BOTH_WAYS
def test_it_passes_slacks_schema(schema: jsonschema.Draft7Validator, public_url: str | None) -> None:
    schema.validate(manifest("/avatar", public_url))


def test_the_schema_would_refuse_a_command_name_too_long(schema: jsonschema.Draft7Validator) -> None:
    assert not schema.is_valid(manifest("/" + "x" * 40))


@BOTH_WAYS
def test_what_the_command_prints_passes_too(schema: jsonschema.Draft7Validator, public_url: str | None) -> None:
    arguments = ["manifest", *(["--http", public_url] if public_url else [])]
    printed = CliRunner().invoke(group, arguments)
    assert printed.exit_code == 0
    schema.validate(json.loads(printed.output))


@pytest.mark.parametrize("more", [[], ["--http", f"https://{'x' * 60}.example.com"]])
def test_the_link_carries_the_whole_manifest(schema: jsonschema.Draft7Validator, more: list[str]) -> None:
    printed = CliRunner().invoke(group, ["manifest", "--url", *more])
    link = urlsplit(printed.output.strip())
    assert (link.scheme, link.netloc, link.path) == ("https", "api.slack.com", "/apps")
    query = parse_qs(link.query)
    assert query["new_app"] == ["1"]
    carried = json.loads(query["manifest_json"][0])
    schema.validate(carried)
    assert carried == json.loads(CliRunner().invoke(group, ["manifest", *more]).output)
    assert len(printed.output) <= 4_000


def test_a_link_too_long_for_a_url_is_not_printed() -> None:
    printed = CliRunner().invoke(group, ["manifest", "--url", "--http", f"https://{'x' * 3_000}.example.com"])
    assert printed.exit_code == 1
    assert "paste" in printed.output


def test_http_has_an_address_everywhere_and_socket_mode_nowhere() -> None:
    assert "http" not in json.dumps(manifest())
    assert json.dumps(manifest(public_url="https://bot.example/")).count("https://bot.example/slack/") == 5


def test_an_address_that_slack_cannot_reach_is_refused() -> None:
    assert CliRunner().invoke(group, ["manifest", "--http", "http://bot.example"]).exit_code == 2


def every_event(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield entry
        for below in entry.values():
            if isinstance(below, list) and below and isinstance(below[0], dict):
                yield from every_event(below)


# The reference lists the archive events as message subtypes only; Slack's event pages list them with channels:read.
ALSO_EVENTS = {"channel_archive": "channels:read", "group_archive": "groups:read"}


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_exists_and_its_scope_is_asked_for(event: str) -> None:
    if event in ALSO_EVENTS:
        assert ALSO_EVENTS[event] in SCOPES
        return
    known = {entry["name"]: entry for entry in every_event(read("slack-api-ref", "events.json"))}
    assert "Events" in known[event]["APIs"]
    scopes = {scope.replace("app_mentions.read", "app_mentions:read") for scope in known[event].get("scopes", [])}
    assert not scopes or scopes & set(SCOPES)


def test_a_scope_is_either_needed_or_optional() -> None:
    assert not set(SCOPES) & set(OPTIONAL_SCOPES)
