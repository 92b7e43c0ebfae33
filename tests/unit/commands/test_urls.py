import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.urls import fault


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a/b.png?x=1,2#y",
        "HTTPS://Example.COM./a",
        "https://münchen.example.org/ü",
        "https://8.8.8.8/a",
        "https://[2606:4700:4700::1111]/a",
        "https://[2002:808:808::1]/",
        "https://xn--mnchen-3ya.de",
    ],
)
def test_a_public_address_has_no_fault(url: str) -> None:
    assert fault(url) is None


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", "must begin with https:// or http://"),
        ("example.com", "must begin with https:// or http://"),
        ("ftp://example.com", "must begin with https:// or http://"),
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("javascript:alert(1)", "must begin with https:// or http://"),
        ("https://ann:secret@example.com", "must not contain a user name or password"),
        ("https://example.com@10.0.0.1", "must not contain a user name or password"),
        ("https://exa mple.com", "must not contain spaces"),
        ("https://example.com\\@10.0.0.1", "must not contain spaces"),
        ("https://example.com\n", "must not contain spaces"),
        ("https://", "is not a valid address"),
        ("https://.com", "is not a valid address"),
        ("https://a..example.com", "is not a valid address"),
        ("https://-a.example.com", "is not a valid address"),
        ("https://example.com:0", "is not a valid address"),
        ("https://example.com:99999", "is not a valid address"),
        ("https://example.com:x", "is not a valid address"),
        ("https://[::1", "is not a valid address"),
        ("https://localhost", "must be reachable from the internet"),
        ("https://LOCALHOST.", "must be reachable from the internet"),
        ("https://a.localhost/", "must be reachable from the internet"),
        ("https://metadata.google.internal", "must be reachable from the internet"),
        ("https://printer.local", "must be reachable from the internet"),
        ("https://intranet", "must be reachable from the internet"),
        ("https://127.0.0.1", "must be reachable from the internet"),
        ("https://10.1.2.3", "must be reachable from the internet"),
        ("https://169.254.169.254/latest", "must be reachable from the internet"),
        ("https://192.168.1.1", "must be reachable from the internet"),
        ("https://224.0.0.1", "must be reachable from the internet"),
        ("https://[::1]", "must be reachable from the internet"),
        ("https://[fd00::1]", "must be reachable from the internet"),
        ("https://[ff0e::1]", "must be reachable from the internet"),
        ("https://[::ffff:127.0.0.1]", "must be reachable from the internet"),
        ("https://[::ffff:8.8.8.8]", "must be reachable from the internet"),
        ("https://[::8.8.8.8]", "must be reachable from the internet"),
        ("https://[64:ff9b::7f00:1]", "must be reachable from the internet"),
        ("https://[64:ff9b::a00:1]", "must be reachable from the internet"),
        ("https://[64:ff9b:1::a00:1]", "must be reachable from the internet"),
        ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "must be reachable from the internet"),
        ("https://[2001:db8::1]", "must be reachable from the internet"),
        ("https://[fe80::1]", "must be reachable from the internet"),
        ("https://[fec0::1]", "must be reachable from the internet"),
        ("https://[100::1]", "must be reachable from the internet"),
        ("https://[5f00::1]", "must be reachable from the internet"),
        ("https://router.home", "must be reachable from the internet"),
        ("https://nas.localdomain", "must be reachable from the internet"),
        ("https://api.default.svc", "must be reachable from the internet"),
        ("https://db.private", "must be reachable from the internet"),
        ("https://vault.service.consul", "must be reachable from the internet"),
        ("https://example.com:" + "9" * 5_000, "is not a valid address"),
        ("https://[2002:7f00:1::]", "must be reachable from the internet"),
        ("https://2130706433", "must be reachable from the internet"),
        ("https://127.1", "is not a valid address"),
        ("https://0x7f.0.0.0x1", "is not a valid address"),
        ("https://0177.0.0.01", "is not a valid address"),
        ("https://１２７.0.0.1", "must be reachable from the internet"),
        ("https://printer.ｌｏｃａｌ", "must be reachable from the internet"),
        ("https://①②⑦.0.0.1", "must be reachable from the internet"),
    ],
)
def test_every_other_address_has_one(url: str, wrong: str) -> None:
    assert fault(url) == wrong


@given(st.text() | st.text().map(lambda text: f"https://{text}"))
def test_any_text_is_judged(text: str) -> None:
    wrong = fault(text)
    assert wrong is None or wrong.startswith(("must ", "is "))


@given(st.ip_addresses(v=6))
def test_only_unicast_of_the_internet_passes_in_ipv6(address: ipaddress.IPv6Address) -> None:
    assert address in ipaddress.ip_network("2000::/3") or fault(f"https://[{address}]/") is not None


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="127.0.0.0/8"))
def test_no_private_address_passes(address: object) -> None:
    assert fault(f"https://{address}/") is not None
