"""`avatarbot say` and the announcing action, against a service that takes a request at the second try."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.app.say import ClientSettings, say
from bot.domain.errors import AvatarbotError
from tests.patience import HANG_S
from tests.sources import ROOT

NOT_TAKEN = {"detail": "Too many requests at once."}
SPOKEN = {"status": "spoken", "answer": "Version 2 is out."}


class Service:
    """Answers one request after the other as it is told, and keeps their idempotency keys."""

    def __init__(self, *answers: tuple[int, Mapping[str, str], Mapping[str, str]]) -> None:
        self.keys: list[str | None] = []
        service, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                service.keys.append(self.headers["idempotency-key"])
                status, headers, body = left.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(params=[429, 503])
def busy(request: pytest.FixtureRequest) -> Iterator[Service]:
    service = Service((request.param, {"Retry-After": "0"}, NOT_TAKEN), (200, {}, SPOKEN))
    yield service
    service.close()


async def said(service: Service) -> str:
    settings = ClientSettings.model_validate({"AVATARBOT_URL": service.url, "AVATARBOT_TOKEN": "a token"})
    return await say(settings, "#lobby", "Version 2 is out.", mode="retelling", key="v2", wait=0)


async def test_what_was_not_taken_is_said_again(busy: Service) -> None:
    assert await said(busy) == "Version 2 is out."
    assert busy.keys == ["v2", "v2"]


async def test_who_asks_for_an_hour_is_not_waited_for() -> None:
    service = Service((503, {"Retry-After": "3600"}, NOT_TAKEN))
    with pytest.raises(AvatarbotError, match="Too many requests at once"):
        await said(service)
    service.close()


def test_the_action_says_again_what_was_not_taken(busy: Service) -> None:
    asked = {"URL": busy.url, "TOKEN": "a token", "PLACE": "#lobby", "TEXT": "Hi", "MODE": "retelling", "WAIT": "0"}
    done = subprocess.run(
        [sys.executable, ROOT / "examples/announce/announce.py"],
        env={f"ANNOUNCE_{name}": value for name, value in asked.items()},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "spoken: Hi\n"), done
    assert len(busy.keys) == 2
    assert busy.keys[0] == busy.keys[1]
