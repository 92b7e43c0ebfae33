"""One request to Avatarbot's API, by what `action.yml` puts into the environment. Needs nothing but Python."""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

TRIES = 3
LONGEST_PAUSE = 30.0
COME_AGAIN = {429, 503}
GOOD = {"spoken", "interrupted", "speaking", "waiting", "done"}


def main() -> int:
    asked = {
        name.removeprefix("ANNOUNCE_").lower(): text
        for name, text in os.environ.items()
        if name.startswith("ANNOUNCE_")
    }
    answer = request(asked)
    status = str(answer.get("status", ""))
    output("status", status)
    output("answer", str(answer.get("answer", "")))
    if status in GOOD:
        print(f"{status}: {asked['text']}")
        return 0
    sentence = str(answer.get("sentence") or answer.get("detail") or "It was not spoken.")
    print(f"::error::{sentence.replace('%', '%25').replace(chr(13), '%0D').replace(chr(10), '%0A')}")
    return 1


def request(asked: dict[str, str]) -> dict[str, Any]:
    """Tried again where nobody answers or takes it: by its key it is one and the same request."""
    for again in range(TRIES - 1, -1, -1):
        pause = 2.0
        try:
            with urllib.request.urlopen(prepared(asked), timeout=int(asked["wait"]) + 15) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as refused:
            later = refused.headers.get("Retry-After", "")
            pause = float(later) if later.isdecimal() else pause
            if not again or refused.code not in COME_AGAIN or pause > LONGEST_PAUSE:
                return problem(refused)
        except (OSError, ValueError) as error:
            if not again:
                return {"detail": f"Avatarbot does not answer: {error}"}
        time.sleep(pause)
    raise AssertionError("the last try answers")


def prepared(asked: dict[str, str]) -> urllib.request.Request:
    body = json.dumps({"place": asked["place"], "text": asked["text"], "start": {"mode": asked["mode"]}}).encode()
    headers = {
        "Authorization": f"Bearer {asked['token']}",
        "Content-Type": "application/json",
        "Idempotency-Key": asked.get("key") or key_of_the_run(body),
        "Prefer": f"wait={asked['wait']}",
    }
    return urllib.request.Request(f"{asked['url'].rstrip('/')}/api/v1/say", body, headers, method="POST")


def key_of_the_run(body: bytes) -> str:
    """The jobs of a matrix have one name: what each says is told apart by its words."""
    step = "-".join(os.environ.get(f"GITHUB_{name}", "") for name in ("RUN_ID", "JOB", "ACTION"))
    return hashlib.sha256(step.encode() + body).hexdigest()


def problem(refused: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        return {"detail": json.load(refused)["detail"]}
    except (ValueError, KeyError, TypeError):
        return {"detail": f"Avatarbot answers with status {refused.code}."}


def output(name: str, text: str) -> None:
    """On one line, so that nothing in it begins another output."""
    if file := os.environ.get("GITHUB_OUTPUT"):
        with open(file, "a", encoding="utf-8") as outputs:
            outputs.write(f"{name}={' '.join(text.split())}\n")


if __name__ == "__main__":
    sys.exit(main())
