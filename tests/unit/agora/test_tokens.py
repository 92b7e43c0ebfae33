import base64
import struct
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.agora.tokens import NotAToken, Privilege, mint, read
from tests.unit.agora.tokens_006 import token_006

APP_ID = "0123456789abcdef0123456789abcdef"
CERTIFICATE = "fedcba9876543210fedcba9876543210"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

names = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=64)
uids = st.one_of(st.just(""), st.integers(1, 2**32 - 1).map(str))
rights = st.frozensets(st.sampled_from(list(Privilege)))


def minted(channel: str = "room", uid: str = "1", privileges: frozenset[Privilege] = frozenset(Privilege)) -> str:
    return mint(
        app_id=APP_ID,
        certificate=CERTIFICATE,
        channel=channel,
        uid=uid,
        privileges=privileges,
        issued_at=NOW,
        lifetime=timedelta(hours=1),
        salt=12_345,
    )


@given(names, uids, rights)
def test_what_is_minted_reads_the_same(channel: str, uid: str, privileges: frozenset[Privilege]) -> None:
    grant = read(minted(channel, uid, privileges))

    assert (grant.version, grant.app_id, grant.channel, grant.uid) == (7, APP_ID, channel, uid)
    assert grant.rights == dict.fromkeys(privileges, NOW + timedelta(hours=1))
    assert grant.expires_at == NOW + timedelta(hours=1)


@given(st.text(max_size=200))
def test_any_other_text_is_no_token(text: str) -> None:
    for prefix in ("", "006", "007", "006" + APP_ID):
        with pytest.raises(NotAToken):
            read(prefix + text)


@given(st.integers(0, 150), st.binary(max_size=60))
def test_a_broken_007_is_told_from_a_whole_one(cut: int, noise: bytes) -> None:
    plain = zlib.decompress(base64.b64decode(minted()[3:]))[: cut % 100]
    with pytest.raises(NotAToken):
        read("007" + base64.b64encode(zlib.compress(plain + noise[:1])).decode())


def test_a_bomb_is_not_inflated() -> None:
    with pytest.raises(NotAToken) as refused:
        read("007" + base64.b64encode(zlib.compress(bytes(5_000_000))).decode())
    assert refused.value.detail == "too long or cut off"


def test_the_text_of_a_broken_token_is_in_no_message() -> None:
    with pytest.raises(NotAToken) as refused:
        read("007" + "c2VjcmV0")
    assert "c2VjcmV0" not in str(refused.value) + refused.value.detail


def test_another_service_is_not_rtc() -> None:
    body = struct.pack("<H", 0) + struct.pack("<H", 0) + struct.pack("<IIIHH", 1, 2, 3, 1, 2)
    with pytest.raises(NotAToken) as refused:
        read("007" + base64.b64encode(zlib.compress(body)).decode())
    assert refused.value.detail == "not for RTC"


@given(names, uids)
def test_a_006_holds_checksums_only(channel: str, uid: str) -> None:
    grant = read(token_006(APP_ID, channel, uid, {1: int(NOW.timestamp()), 4: 5, 1000: 9}))

    assert (grant.version, grant.app_id, grant.channel) == (6, APP_ID, None)
    assert grant.any_uid == (uid == "")
    assert grant.expires_at == NOW
    assert set(grant.rights) == {Privilege.JOIN, Privilege.PUBLISH_DATA}
    assert grant.admits(channel, uid or "77")


@pytest.mark.parametrize("token", [minted("room", "5"), token_006(APP_ID, "room", "5", {1: 1_800_000_000})])
def test_a_token_admits_one_uid_to_one_channel(token: str) -> None:
    grant = read(token)

    assert grant.admits("room", "5")
    assert not grant.admits("room", "6")
    assert not grant.admits("another", "5")


@pytest.mark.parametrize("token", [minted("room", ""), token_006(APP_ID, "room", "", {1: 1_800_000_000})])
def test_a_wildcard_admits_everybody(token: str) -> None:
    assert read(token).any_uid
    assert read(token).admits("room", "4711")


def test_without_the_right_to_join_nobody_is_admitted() -> None:
    assert not read(minted(privileges=frozenset({Privilege.PUBLISH_DATA}))).admits("room", "1")


def test_a_zero_privilege_lasts_as_long_as_the_token() -> None:
    plain = zlib.decompress(base64.b64decode(minted(privileges=frozenset({Privilege.JOIN}))[3:]))
    lasting = plain.replace(struct.pack("<HI", 1, 3_600), struct.pack("<HI", 1, 0))
    grant = read("007" + base64.b64encode(zlib.compress(lasting)).decode())

    assert grant.rights == {Privilege.JOIN: NOW + timedelta(hours=1)}
