"""Our tokens against the vendor's own builder, the npm package `agora-token`."""

import base64
import json
import shutil
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.agora.tokens import Privilege, mint, read

PACKAGE = "agora-token@2.0.6"
APP_ID = "970ca35de60c44645bbae8a215061b33"
CERTIFICATE = "5cfd2fd1755d40ecb72977518be15d3b"
ISSUED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

SCRIPT = """
const { AccessToken2 } = require('agora-token/src/AccessToken2')
const { RtcTokenBuilder, RtcRole } = require('agora-token')
const old = require('agora-token/src/RtcTokenBuilder')
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const judge = text => {
    const token = new AccessToken2('', '', 0, 0)
    const parsed = token.from_string(text)
    const services = token.services.map(s => [s.service_type(), `${s.__channel_name}`, `${s.__uid}`, s.__privileges])
    const signed = token.verifySignature(asked.certificate)
    token.appCertificate = asked.certificate
    return { parsed, signed, services, rebuilt: token.build(), issued: token.issueTs, expire: token.expire }
}
const roles = [RtcRole.PUBLISHER, RtcRole.SUBSCRIBER]
const minted = asked.uids.flatMap(uid => roles.map(role => ({
    uid: uid, publisher: role === RtcRole.PUBLISHER,
    v7: RtcTokenBuilder.buildTokenWithUid(asked.appId, asked.certificate, 'room', uid, role, 900, 600),
    v6: old.RtcTokenBuilder.buildTokenWithUid(asked.appId, asked.certificate, 'room', uid, role, asked.until),
})))
console.log(JSON.stringify({ judged: asked.tokens.map(judge), minted }))
"""

CASES = [
    ("room", "1002", frozenset({Privilege.JOIN, Privilege.PUBLISH_DATA})),
    ("room", "", frozenset({Privilege.JOIN})),
    ("0199f0aa-7c11-7000-8000-0123456789ab", "4294967295", frozenset(Privilege)),
]

mint_for = partial(
    mint, app_id=APP_ID, certificate=CERTIFICATE, issued_at=ISSUED, lifetime=timedelta(hours=1), salt=99_999_999
)


def unpacked(token: str) -> bytes:
    return zlib.decompress(base64.b64decode(token.removeprefix("007")))


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip(f"{PACKAGE} needs npm and node")
    folder = tmp_path_factory.mktemp("npm")
    order = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    got = subprocess.run(order, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    if got.returncode:
        pytest.skip(f"{PACKAGE} cannot be fetched: {got.stderr[:200]}")
    return folder


@pytest.fixture(scope="module")
def verdict(vendor: Path) -> Any:
    asked = {
        "appId": APP_ID,
        "certificate": CERTIFICATE,
        "until": 1_900_000_000,
        "uids": [0, 12_345, 2**32 - 1],
        "tokens": [mint_for(channel=channel, uid=uid, privileges=rights) for channel, uid, rights in CASES],
    }
    told = subprocess.run(
        ["node", "-e", SCRIPT],
        input=json.dumps(asked),
        cwd=vendor,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(told.stdout)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_vendor_reads_what_we_mint(verdict: Any, number: int) -> None:
    channel, uid, rights = CASES[number]
    judged = verdict["judged"][number]

    assert judged["parsed"]
    assert judged["signed"]
    assert judged["services"] == [[1, channel, uid, {str(int(right)): 3_600 for right in rights}]]
    assert (judged["issued"], judged["expire"]) == (int(ISSUED.timestamp()), 3_600)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_vendor_mints_the_very_same(verdict: Any, number: int) -> None:
    channel, uid, rights = CASES[number]
    ours = mint_for(channel=channel, uid=uid, privileges=rights)
    assert unpacked(verdict["judged"][number]["rebuilt"]) == unpacked(ours)  # compressors differ, contents must not


def test_we_read_what_the_vendor_mints(verdict: Any) -> None:
    assert len(verdict["minted"]) == 6
    for made in verdict["minted"]:
        uid = str(made["uid"] or "")
        wanted = set(Privilege) if made["publisher"] else {Privilege.JOIN}
        new, old = read(made["v7"]), read(made["v6"])
        for grant in (new, old):
            assert grant.app_id == APP_ID
            assert grant.any_uid == (uid == "")
            assert grant.admits("room", uid or "1")
            assert not grant.admits("other", uid or "1")
            assert set(grant.rights) == wanted
        assert (new.channel, new.uid) == ("room", uid)
        assert new.expires_at - new.rights[Privilege.JOIN] == timedelta(seconds=300)
        assert old.expires_at == datetime.fromtimestamp(1_900_000_000, UTC)
