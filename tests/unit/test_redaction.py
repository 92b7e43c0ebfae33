"""What has the shape of a key, in chat and in the log, and what only looks a little like one."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands.policy import shows_secret
from bot.redaction import HIDDEN, Redactor

HEX = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
FERNET = base64.urlsafe_b64encode(bytes(range(3, 99, 3))).decode()
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "key",
    [
        "AKIA" + "IOSFODNN7EXAMPLE"[:14] + "Q2",
        "ASIA" + "Y34FZKBOKMUTVV7A",
        "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        'AwsSecretAccessKey": "' + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_" + "11ABCDEFG0abcdefghijkl_0123456789",
        "AIza" + "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
        "GOCSPX-" + "abcdefghijklmnopqrstuvwxyz12",
        "ya29." + "a0AfH6SMBx-abcdefghijklmnop",
        "1//0" + "4abcdefghijklmnopqrstuv",
        "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH",
        "gsk_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789abcdefgh",
        "sk-ant-" + "api03-abcdefghijklmnop",
        PEM,
        PEM.replace("RSA ", ""),
        PEM.replace("RSA ", "ENCRYPTED ").partition("-----END")[0],
        FERNET,
        HEX,
        "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl",
    ],
)
def test_a_key_is_detected_in_chat_and_hidden_in_logs(key: str) -> None:
    assert shows_secret(f"here you are: {key}")
    assert shows_secret(key)
    assert Redactor().text(f"before {key} ; after") == f"before {HIDDEN} ; after" or "\n" in key
    assert "MIIEow" not in Redactor().text(f"before {key} ; after")


@pytest.mark.parametrize(
    "text",
    [
        "AKIA is how ids of AWS begin",
        "The GHP_ team and hf_hub are fine, gsk is a company",
        "AIza, ya29 and github_pat_ are prefixes",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        f"md5 {HEX}",
        f"etag={HEX}",
        f'{{"_id": "{HEX}"}}',
        f"trace_id={HEX}",
        f"00-{HEX}-0123456789abcdef-01",
        f"https://cdn.example/{HEX}.png",
        f"{HEX}.jpg is the picture",
        "6889b628662160e2caad5dbc",
        "0198f3a2-6c1e-7abc-8def-0123456789ab",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "12345678901234567890123456789012",
        "abcdefabcdefabcdefabcdefabcdefab",
        "sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        "_" * 43 + "=",
        "eyJ is how tokens begin",
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert not shows_secret(text)
    assert Redactor().text(text) == text


def percent(text: str, *, upper: bool) -> str:
    """As some client may write it in a URL: all that is not a letter or digit escaped."""
    form = "%{:02X}" if upper else "%{:02x}"
    return "".join(c if c.isascii() and c.isalnum() else "".join(map(form.format, c.encode())) for c in text)


@given(st.text("ab1/+= é%?&#:@", min_size=6, max_size=20))
@example("pass/word+1=é")
def test_a_registered_secret_is_hidden_however_a_url_spells_it(secret: str) -> None:
    redactor = Redactor()
    redactor.register(secret)
    for spelling in (percent(secret, upper=False), percent(secret, upper=True), secret.replace(" ", "+")):
        assert redactor.text(f"x|{spelling}|x") == f"x|{HIDDEN}|x"
