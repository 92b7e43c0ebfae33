"""Discord's own OpenAPI file as a judge of request bodies, and the limits that it does not know."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

SPECS_DIR = Path(os.environ.get("SPECS_DIR") or Path(__file__).parents[3] / "../shared/data")
FILE = SPECS_DIR / "discord" / "openapi.json"

CONTENT_LIMIT = 2_000  # the file says 4,000
EMBEDS_LENGTH = 6_000
LINK_LENGTH = 512
CUSTOM_ID_LENGTHS = range(1, 101)
LABEL_LENGTH = 80
ROWS = BUTTONS_IN_A_ROW = 5
MODAL_TITLE_LENGTH = 45
MODAL_PARTS = 5
INPUT_LENGTH = 4_000
CHOICES = 25
EPHEMERAL = 1 << 6
COMPONENTS_V2 = 1 << 15


class OpenApi:
    """Raises `KeyError` for an operation that Discord does not have."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations) for path, operations in spec["paths"].items()
        ]
        self._paths = sorted(paths, key=lambda found: found[0].pattern.count("[^/]+"))
        self._validators: dict[int, Draft202012Validator] = {}
        self._judged: dict[tuple[int, str], list[str]] = {}

    def faults(self, method: str, path: str, body: Any) -> list[str]:
        """What Discord would not take of a request body."""
        schema = self._schema(method, path)
        found = [] if schema is None else self._judgement(schema, body)
        return [*found, *limits(path, body)]

    def _judgement(self, schema: dict[str, Any], body: Any) -> list[str]:
        """Remembered: all tests write the same commands, and looking through them takes longer than a test."""
        sent = (id(schema), json.dumps(body))
        if sent not in self._judged:
            self._judged[sent] = [
                f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
                for error in self._validator(schema).iter_errors(body)
            ]
        return self._judged[sent]

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        validator = self._validators.get(id(schema))
        if validator is None:
            whole = {**schema, "components": self._spec["components"]}
            validator = self._validators[id(schema)] = Draft202012Validator(whole)
        return validator

    def _schema(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                content = operations[method.lower()].get("requestBody", {}).get("content", {})
                schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
                return schema
        raise KeyError(f"{method} {path} is no operation of Discord's")


def limits(path: str, body: Any) -> Iterator[str]:
    """What Discord's documentation says; some of it is in its file too, which need not be there."""
    message = body.get("data", body) if isinstance(body, dict) else None
    if isinstance(message, dict) and "title" in message and "custom_id" in message:
        yield from _modal(message)
    if (
        not isinstance(message, dict)
        or not message.keys() & {"content", "embeds", "components"}
        or "custom_id" in message
    ):
        return
    if len(message.get("content") or "") > CONTENT_LIMIT:
        yield "content has more than 2,000 characters"
    if _embedded(message.get("embeds") or ()) > EMBEDS_LENGTH:
        yield "embeds have more than 6,000 characters in all"
    if not isinstance(message.get("allowed_mentions"), dict):
        yield "allowed_mentions is left out: everybody could be pinged"
    every = list(_every(message.get("components") or ()))
    if int(message.get("flags") or 0) & COMPONENTS_V2:
        yield from _made_of_components(message, every)
    else:
        yield from _rows(message.get("components") or ())
    yield from _ids(every)
    for button in every:
        if len(button.get("url", "")) > LINK_LENGTH:
            yield "a link button has more than 512 characters"
        if len(button.get("label") or "") > LABEL_LENGTH:
            yield "a button's label has more than 80 characters"
    if path.startswith("/channels/") and int(message.get("flags") or 0) & EPHEMERAL:
        yield "an ordinary message cannot be ephemeral"


def _ids(every: Iterable[dict[str, Any]]) -> Iterator[str]:
    ids = [each["custom_id"] for each in every if "custom_id" in each]
    if len(ids) > len(set(ids)):
        yield "two components have one custom_id"
    if any(len(each) not in CUSTOM_ID_LENGTHS for each in ids):
        yield "a custom_id has 1 to 100 characters"


def _rows(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    if len(rows) > ROWS:
        yield f"a message has {len(rows)} rows, and 5 are allowed"
    if any(not 0 < len(row.get("components") or ()) <= BUTTONS_IN_A_ROW for row in rows):
        yield "a row has 1 to 5 buttons"


def _modal(modal: dict[str, Any]) -> Iterator[str]:
    if not 0 < len(modal["title"]) <= MODAL_TITLE_LENGTH:
        yield "the title of a modal has 1 to 45 characters"
    if not 0 < len(modal["components"]) <= MODAL_PARTS:
        yield "a modal has 1 to 5 components"
    for label in modal["components"]:
        field = label.get("component") or {}
        if len(label.get("label", "")) > MODAL_TITLE_LENGTH or len(label.get("description") or "") > 100:
            yield "a label has 45 characters at most, its description 100"
        if max(len(field.get("value") or ""), field.get("max_length") or 0) > INPUT_LENGTH:
            yield "an input has 4,000 characters at most"
        if len(field.get("options") or ()) > CHOICES:
            yield "a select has 25 options at most"
    yield from _ids([modal, *(label.get("component") or {} for label in modal["components"])])


def _embedded(embeds: Any) -> int:
    return sum(
        len(embed.get("title", ""))
        + len(embed.get("description", ""))
        + len(embed.get("footer", {}).get("text", ""))
        + sum(len(field["name"]) + len(field["value"]) for field in embed.get("fields", ()))
        for embed in embeds
    )


def _made_of_components(message: dict[str, Any], every: list[dict[str, Any]]) -> Iterator[str]:
    if message.get("content") or message.get("embeds"):
        yield "a message of components has no content and no embeds"
    if len(every) > 40:
        yield f"a message has {len(every)} components, and 40 are allowed"
    if sum(len(each.get("content", "")) for each in every) > 4_000:
        yield "the texts of a message of components have more than 4,000 characters"


def _every(components: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for component in components:
        yield component
        yield from _every(component.get("components") or ())
        yield from _every([component["accessory"]] if component.get("accessory") else ())


@cache
def known_api() -> OpenApi | None:
    """None where the file is not there."""
    return OpenApi(json.loads(FILE.read_text())) if FILE.exists() else None


def open_api() -> OpenApi:
    """Skips the test where the file is not there."""
    api = known_api()
    if api is None:
        pytest.skip(f"Discord's OpenAPI file is not at {FILE}; say where with SPECS_DIR")
    return api
