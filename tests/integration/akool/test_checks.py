"""What the doctor says about AKOOL, and what to do about it."""

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from starlette.responses import Response

from adapters.akool.checks import check
from adapters.akool.settings import AkoolSettings, open_api
from bot.domain.errors import SettingsError
from bot.ports.plugin import Finding, Level
from bot.settings import load
from bot.testing.virtual_time import virtual
from tests.unit.akool.scripted import CREDIT, KEY, TOKEN, BrokenNetwork, ScriptedAkool, ok, refused


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AKOOL_API_KEY", "AKOOL_CLIENT_ID", "AKOOL_CLIENT_SECRET", "AKOOL_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def settings(**environment: str) -> AkoolSettings:
    return AkoolSettings.model_validate(environment)


async def examined(answer: Response, **environment: str) -> Finding:
    akool = ScriptedAkool({CREDIT: answer, TOKEN: refused(1101)})
    (finding,) = await check(settings(**environment or {"api_key": KEY}), akool.transport)
    assert KEY not in repr(finding)
    return finding


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("environment", "configured"),
    [
        ({}, False),
        ({"AKOOL_API_KEY": ""}, False),
        ({"AKOOL_API_KEY": " key\n"}, True),
        ({"AKOOL_CLIENT_ID": "id"}, False),
        ({"AKOOL_CLIENT_SECRET": "secret"}, False),
        ({"AKOOL_CLIENT_ID": "id", "AKOOL_CLIENT_SECRET": "secret"}, True),
    ],
)
def test_configured_means_that_a_call_can_be_signed(
    environment: dict[str, str], configured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert AkoolSettings().configured is configured


def test_settings_are_read_from_a_file_and_cleaned(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"AKOOL_API_KEY=' {KEY} '\nAKOOL_BASE_URL=http://127.0.0.1:9/x\nPORT=80\n")
    read = AkoolSettings()
    assert read.api_key is not None
    assert read.api_key.get_secret_value() == KEY
    assert str(read.base_url) == "http://127.0.0.1:9/x"
    assert KEY not in repr(read)


@pytest.mark.parametrize("key", ["sécret-key", "sec\x00ret-key", "sec\nret-key"])
def test_an_unsendable_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValidationError, match="copy it again") as caught:
        settings(api_key=key)
    assert "ret-key" not in str(caught.value)


def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKOOL_API_KEY", "sécret")
    monkeypatch.setenv("AKOOL_BASE_URL", "akool")
    with pytest.raises(SettingsError) as caught:
        load(AkoolSettings)
    assert "AKOOL_API_KEY holds characters that no key has" in caught.value.sentence
    assert "AKOOL_BASE_URL should be a valid URL" in caught.value.sentence


async def test_without_a_key_there_is_no_api() -> None:
    with pytest.raises(SettingsError, match="AKOOL_API_KEY"):
        open_api(settings())


# ---------------------------------------------------------------- findings


async def test_no_key() -> None:
    (finding,) = await check(settings())
    assert finding.level is Level.PROBLEM
    assert "AKOOL_API_KEY" in finding.remedy


@pytest.mark.parametrize("half", ["client_id", "client_secret"])
async def test_half_a_client(half: str) -> None:
    (finding,) = await check(settings(**{half: "x"}))
    assert finding.level is Level.PROBLEM
    assert "both" in finding.remedy


async def test_two_ways_at_once() -> None:
    akool = ScriptedAkool({CREDIT: ok({"credit": 6000})})
    findings = await check(settings(api_key=KEY, client_id="x"), akool.transport)
    assert [finding.level for finding in findings] == [Level.WARNING, Level.OK]


async def test_a_key_in_the_clear() -> None:
    akool = ScriptedAkool({CREDIT: ok({"credit": 6000})})
    findings = await check(settings(api_key=KEY, base_url="http://akool.test"), akool.transport)
    assert "https" in findings[0].remedy
    (finding,) = await check(settings(api_key=KEY, base_url="http://127.0.0.1:8000"), akool.transport)
    assert finding.level is Level.OK


async def test_all_is_well() -> None:
    finding = await examined(ok({"credit": 6000}))
    assert finding == Finding(Level.OK, "AKOOL: the key works; 6000 credits are left")


async def test_little_credit() -> None:
    finding = await examined(ok({"credit": 30}))
    assert finding.level is Level.WARNING
    assert "5 minutes" in finding.what


async def test_no_credit() -> None:
    finding = await examined(ok({"credit": 0}))
    assert finding.level is Level.PROBLEM
    assert "Buy" in finding.remedy


@pytest.mark.parametrize("answer", [refused(1101), Response("who are you", 401)])
async def test_a_key_that_is_refused(answer: Response) -> None:
    finding = await examined(answer)
    assert finding.level is Level.PROBLEM
    assert finding.remedy.startswith("Check AKOOL_API_KEY against")


async def test_a_client_that_is_refused() -> None:
    finding = await examined(ok({"credit": 1}), client_id="x", client_secret=KEY)
    assert finding.remedy.startswith("Check AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET")


@virtual
@pytest.mark.parametrize(("code", "word"), [(1103, "Buy"), (1200, "account"), (1005, "again")])
async def test_an_account_that_cannot_be_used(code: int, word: str) -> None:
    finding = await examined(refused(code))
    assert finding.level is Level.PROBLEM
    assert word in finding.remedy


@virtual
async def test_the_network_is_down() -> None:
    (finding,) = await check(settings(api_key=KEY), BrokenNetwork(httpx.ConnectError))
    assert finding.level is Level.PROBLEM
    assert "cannot be reached" in finding.what
    assert "openapi.akool.com" in finding.remedy


async def test_something_else_answers() -> None:
    finding = await examined(Response("<h1>router</h1>", 200))
    assert "nonsense" in finding.what
    assert "AKOOL_BASE_URL" in finding.remedy
