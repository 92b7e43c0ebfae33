"""Slack's method reference as a referee."""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[4]
METHODS = Path(os.environ.get("SPECS_DIR", ROOT.parent / "shared" / "data")) / "slack" / "slack-api-ref" / "methods"

PER_MINUTE = {"t1": 1, "t2": 20, "t3": 50, "t4": 100}

# Scopes as Slack documents them for methods whose page names none.
COMMON = frozenset({"token"})


class Refused(Exception):
    """A Slack error code, with what goes beside it in the answer."""

    def __init__(self, error: str, **beside: Any) -> None:
        super().__init__(error)
        self.error = error
        self.beside = beside


def available() -> bool:
    return METHODS.is_dir()


@functools.cache
def method(name: str) -> Mapping[str, Any] | None:
    path = METHODS / f"{name}.json"
    found: Mapping[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
    return found


def per_minute(name: str) -> int | None:
    spec = method(name)
    return PER_MINUTE.get(spec["rate_limits"]) if spec else None


def check_call(name: str, arguments: Mapping[str, Any], *, is_json: bool) -> None:
    """Refuses what the reference does not know. Without the reference, lets everything pass."""
    if not available():
        return
    spec = method(name)
    if spec is None:
        raise Refused("unknown_method")
    if is_json and not spec.get("json_input_supported"):
        raise Refused("invalid_json", detail=f"{name} reads forms only")
    known = set(spec["args"]["properties"])
    missing = set(spec["args"].get("required", [])) - COMMON - set(arguments)
    unknown = set(arguments) - known - COMMON
    if missing or unknown:
        raise Refused("invalid_arguments", missing=sorted(missing), unknown=sorted(unknown))


def check_scopes(name: str, granted: frozenset[str]) -> None:
    """Refuses a token that holds none of the scopes that the method accepts."""
    spec = method(name) if available() else None
    accepted = set((spec or {}).get("scope", {}).get("bot", []))
    if accepted and not accepted & granted:
        raise Refused("missing_scope", needed=",".join(sorted(accepted)), provided=",".join(sorted(granted)))
