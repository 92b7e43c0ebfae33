"""Addresses that a provider on the internet can fetch, and that lead nowhere else."""

import ipaddress
import re
from unicodedata import normalize
from urllib.parse import SplitResult, urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
_PRIVATE_ENDINGS = {
    *(
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "private",
        "intra",
        "lan",
        "home",
        "corp",
        "mail",
        "domain",
    ),
    *("workgroup", "svc", "consul", "docker", "kube", "node", "invalid", "test", "onion", "i2p", "alt", "arpa"),
}
"""Last labels that no public name has: reserved ones, and those that networks use inside."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is routed on the internet in IPv6. What maps or translates an IPv4 address (RFC 6052, 8215) lies outside of it."""


def fault(url: str) -> str | None:
    """What keeps `url` from being a public http(s) address, to follow “it …” in a sentence; None when nothing does.

    Looks at the text only: a public name may still point to a private address.
    """
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        return "must not contain spaces"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a valid address"
    return _fault(parts, port)


def _fault(parts: SplitResult, port: int | None) -> str | None:
    if parts.scheme not in {"http", "https"}:
        return "must begin with https:// or http://"
    if "@" in parts.netloc:
        return "must not contain a user name or password"
    if port == 0:
        return "is not a valid address"
    # Resolvers fold full-width letters and digits before they look a name up, so this does too.
    return _host_fault(normalize("NFKC", parts.hostname or "").removesuffix("."))


def _host_fault(host: str) -> str | None:
    address = _ip(host)
    if address is not None:
        return None if is_public(address) else "must be reachable from the internet"
    labels = host.split(".")
    if labels[-1] in _PRIVATE_ENDINGS or (len(labels) == 1 and labels[0]):
        return "must be reachable from the internet"
    # 127.1, 0x7f.0.0.1 and 2130706433 are addresses to many resolvers; no public name ends in a number.
    if not all(_LABEL.fullmatch(label) for label in labels) or re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        return "is not a valid address"
    return None


def _ip(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: IpAddress) -> bool:
    """Whether it leads to the internet: not what is private, local, reserved or for many, nor what carries such an address inside."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.sixtofour
        return address in _UNICAST and (address.is_global if inner is None else is_public(inner))
    return address.is_global and not address.is_multicast
