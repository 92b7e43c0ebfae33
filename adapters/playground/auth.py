"""Who may talk to the playground: pages of its own, opened by somebody who saw the printed address."""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from adapters.playground.settings import PlaygroundSettings


class PlaygroundAuth:
    """Checks the Host (a name rebound to our address), the Origin (another site) and the ticket (anybody else)."""

    def __init__(self, settings: PlaygroundSettings) -> None:
        self._base = settings.base_url.rstrip("/")
        self._secret = settings.secret.get_secret_value().encode()
        self._once: set[str] = set()

    def knows_host(self, connection: HTTPConnection) -> bool:
        hosts = {urlsplit(origin).netloc for origin in self._origins(connection)}
        return connection.headers.get("host", "") in hosts

    def knows_origin(self, connection: HTTPConnection) -> bool:
        """Whether a page of ours sent this. Browsers always name the origin of a POST and of a WebSocket."""
        origin = connection.headers.get("origin", "")
        return self.knows_host(connection) and origin in self._origins(connection)

    def opens(self, key: str) -> bool:
        """Whether `key` is the secret of the printed address, or one that opens once."""
        if key in self._once:  # random and gone at its first use, so that its timing tells nobody anything
            self._once.remove(key)
            return True
        return hmac.compare_digest(key.encode(), self._secret)

    def key_for_once(self) -> str:
        """A key for a place where others may read it, such as the arguments of a process."""
        key = secrets.token_urlsafe(16)
        self._once.add(key)
        return key

    def has_ticket(self, connection: HTTPConnection) -> bool:
        held = connection.cookies.get(_cookie(connection), "")
        return hmac.compare_digest(held.encode(), self._ticket.encode())

    def give_ticket(self, connection: HTTPConnection, response: Response) -> None:
        """It outlives a restart, and dies with the secret."""
        secure = self._base.startswith("https:")
        response.set_cookie(
            _cookie(connection), self._ticket, path="/playground", httponly=True, samesite="strict", secure=secure
        )

    @property
    def _ticket(self) -> str:
        return hmac.new(self._secret, b"ticket", hashlib.sha256).hexdigest()

    def _origins(self, connection: HTTPConnection) -> set[str]:
        """Where our own pages come from: this machine under each of its names, and the public address."""
        names = ("localhost", "127.0.0.1", "[::1]")
        local = {f"http://{name}:{_port(connection)}" for name in names}
        return local | {self._base} if self._base else local


def _port(connection: HTTPConnection) -> int:
    """The port that is really listened on, whatever was asked for."""
    _, port = connection.scope["server"]
    return int(port)


def _cookie(connection: HTTPConnection) -> str:
    # Cookies know no ports: two playgrounds on one machine need two names.
    return f"playground-{_port(connection)}"
