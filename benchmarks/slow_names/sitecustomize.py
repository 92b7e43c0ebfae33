"""On the path of an attacked process: a resolver to whom names under `slow.example` take five seconds, as a stranger's server can make them."""

import socket
import time
from typing import Any

_asked = socket.getaddrinfo


def _slowly(host: Any, *rest: Any, **named: Any) -> Any:
    if isinstance(host, str) and host.endswith(".slow.example"):
        time.sleep(5)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return _asked(host, *rest, **named)


socket.getaddrinfo = _slowly
