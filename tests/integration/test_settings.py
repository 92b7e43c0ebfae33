import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.commands.policy import Limits
from bot.domain.errors import SettingsError
from bot.redaction import REDACTOR
from bot.settings import Settings, environment, known_names, load, unknown_names
from bot.storage.keys import key_file, secret_keys


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and none of our names in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [*known_names(Settings), *os.environ]:
        if name in known_names(Settings) or name.startswith("AVATARBOT_"):
            monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_defaults_need_nothing(empty_place: Path) -> None:
    settings = load(Settings)
    assert settings.port == 8080
    assert settings.database_path == empty_place / "avatarbot.db"
    assert settings.store_url == f"sqlite:///{settings.database_path}"
    assert settings.address == "http://localhost:8080"
    assert settings.limits == Limits()


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in sorted(known_names(Settings)):
        if name.split("_", 1)[-1] in {
            "SESSION_MINUTES",
            "MINUTES_PER_DAY",
            "SESSIONS_AT_ONCE",
            "SESSIONS_OF_ACCOUNT",
            "SESSIONS_IN_ALL",
            "WAITING_TURNS",
        }:
            monkeypatch.setenv(name, "7")
    monkeypatch.setenv("AVATARBOT_WAITING_TURNS_PER_PERSON", "2")
    monkeypatch.setenv("AVATARBOT_MESSAGE_CHARACTERS", "99")
    assert load(Settings).limits == Limits(7, 7, 7, 7, 7, 7, 2, 99)


def test_the_environment_wins_over_the_file(empty_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_place / ".env").write_text("PORT=9000\nLOG_LEVEL=DEBUG\nPUBLIC_URL=\n")
    monkeypatch.setenv("PORT", "9001")
    settings = load(Settings)
    assert (settings.port, settings.log_level, settings.public_url) == (9001, "debug", None)
    assert environment()["PORT"] == "9001"
    assert environment()["LOG_LEVEL"] == "DEBUG"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "abc", "PORT should be a valid integer, not 'abc'."),
        ("PORT", "70000", "PORT should be less than or equal to 65535, not '70000'."),
        (
            "LOG_LEVEL",
            "loud",
            "LOG_LEVEL should be 'debug', 'info', 'warning', 'error' or 'critical', not 'loud'.",
        ),
        (
            "DATABASE_URL",
            "postgres://ann:hunter2@db",
            "DATABASE_URL has to name a database on a server, as in postgresql://user:password@host/avatarbot.",
        ),
        (
            "DATABASE_URL",
            "postgresql+asyncpg://db:port/avatars",
            "DATABASE_URL has to name a database on a server, as in postgresql://user:password@host/avatarbot.",
        ),
        (
            "DATABASE_URL",
            "avatarbot.db",
            "DATABASE_URL is not a database address; it should look like sqlite:///avatarbot.db.",
        ),
        (
            "DATABASE_URL",
            "mysql://db/x",
            "DATABASE_URL has to name a SQLite file, as in sqlite:///avatarbot.db, or PostgreSQL, as in postgresql://user:password@host/avatarbot.",
        ),
        (
            "DATABASE_URL",
            "sqlite://",
            "DATABASE_URL has to name a file, as in sqlite:///avatarbot.db: what is in memory is lost at a restart.",
        ),
        (
            "PUBLIC_URL",
            "avatars.example.com",
            "PUBLIC_URL has to be the address people reach this service at, as in https://avatars.example.com.",
        ),
        (
            "AVATARBOT_SECRET_KEYS",
            "hunter2",
            "AVATARBOT_SECRET_KEYS holds something that is not a Fernet key; make one with `avatarbot db new-key`.",
        ),
        ("AVATARBOT_METRICS_TOKEN", "short", "AVATARBOT_METRICS_TOKEN needs at least 16 characters."),
        ("AVATARBOT_STATUS_TOKEN", "t" * 513, "AVATARBOT_STATUS_TOKEN has to have at most 512 characters."),
        (
            "AVATARBOT_AKOOL_KEY_IS_OURS",
            "perhaps",
            "AVATARBOT_AKOOL_KEY_IS_OURS should be a valid boolean, not 'perhaps'.",
        ),
        (
            "AVATARBOT_DISCLOSURE_TEXT",
            "x" * 151,
            "AVATARBOT_DISCLOSURE_TEXT has to be one sentence of 10 to 150 characters, and has 151.",
        ),
        (
            "AVATARBOT_DISCLOSURE_TEXT",
            "It is an AI.\nReally.",
            "AVATARBOT_DISCLOSURE_TEXT has to be plain text on one line.",
        ),
    ],
)
def test_a_bad_value_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load(Settings)
    assert refused.value.sentence == sentence
    assert "hunter2" not in repr(refused.value.__cause__)


def test_people_are_told_by_default_and_in_the_operators_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(Settings).disclosures.of(None).sentence.startswith("This avatar is an AI.")
    monkeypatch.setenv("AVATARBOT_DISCLOSURE_TEXT", "Mia is software.")
    assert load(Settings).disclosures.of("de").sentence == "Mia is software."
    monkeypatch.setenv("AVATARBOT_DISCLOSURE", "false")
    assert not load(Settings).disclosures.of("de").sentence


def test_every_bad_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "abc")
    monkeypatch.setenv("AVATARBOT_RETENTION_DAYS", "0")
    with pytest.raises(SettingsError, match=r"PORT .*\. AVATARBOT_RETENTION_DAYS .*\."):
        load(Settings)


class VendorSettings(BaseSettings):
    """As an adapter would write its own."""

    model_config = SettingsConfigDict(env_prefix="VENDOR_", extra="ignore")

    api_key: SecretStr
    calls: int = 3


def test_adapters_load_theirs_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert known_names(VendorSettings) == {"VENDOR_API_KEY", "VENDOR_CALLS"}
    monkeypatch.setenv("VENDOR_CALLS", "many")
    with pytest.raises(
        SettingsError, match=r"^VENDOR_API_KEY is not set\. VENDOR_CALLS should be a valid integer, not 'm"
    ):
        load(VendorSettings)


def test_every_secret_that_is_loaded_is_hidden_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_API_KEY", "vendor-key-1")
    assert load(VendorSettings).api_key.get_secret_value() == "vendor-key-1"
    assert REDACTOR.text("with vendor-key-1") == "with ***"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("AVATARBOT_RETENTION_DAY", "AVATARBOT_RETENTION_DAYS"),
        ("avatarbot_waiting_turnz", "AVATARBOT_WAITING_TURNS"),
        ("AVATARBOT_QQQQQQ", ""),
    ],
)
def test_an_unknown_name_names_the_nearest(typed: str, nearest: str) -> None:
    environ = {typed: "1", "AVATARBOT_LLM_URL": "http://x", "PATH": "/bin"}
    (unknown,) = unknown_names(environ, known_names(Settings))
    assert (unknown.name, unknown.nearest) == (typed, nearest)
    assert typed in str(unknown)


def test_keys_from_the_settings_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch, empty_place: Path) -> None:
    new, old = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv("AVATARBOT_SECRET_KEYS", f"{new}, {old}")
    assert secret_keys(load(Settings)) == (new, old)
    assert not list(empty_place.glob("*.key"))
    assert REDACTOR.text(old) == "***"


def test_a_key_file_is_made_once_for_its_owner_only(empty_place: Path) -> None:
    settings = load(Settings)
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(secret_keys, [settings] * 8))
    assert keys == {secret_keys(settings)}
    assert stat.S_IMODE(key_file(settings).stat().st_mode) == 0o600
    assert [found.name for found in empty_place.iterdir()] == ["avatarbot.key"]


@pytest.mark.parametrize("content", [b"not a key", b"\xff\xfe"])
def test_a_spoilt_key_file_is_said(empty_place: Path, content: bytes) -> None:
    (empty_place / "avatarbot.key").write_bytes(content)
    with pytest.raises(SettingsError, match="does not hold a Fernet key"):
        secret_keys(load(Settings))


@pytest.mark.parametrize("value", ["proxy.internal", "10.0.0.0/99", "10.0.0.1,,", "10.0.0.1 10.0.0.2"])
def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.7, 172.16.0.0/12,::1")
    assert load(Settings).proxies == "10.0.0.7, 172.16.0.0/12,::1"
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", value)
    with pytest.raises(SettingsError, match="FORWARDED_ALLOW_IPS has to name addresses or networks"):
        load(Settings)


def test_a_key_file_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///nowhere/avatarbot.db")
    with pytest.raises(SettingsError, match="cannot be used"):
        secret_keys(load(Settings))


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_is_named_without_its_password(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{kind}://ann:hunter2@db:5433/avatars?sslmode=require")
    settings = load(Settings)
    assert settings.on_server
    assert settings.store_url == "postgresql://ann:hunter2@db:5433/avatars?sslmode=require"
    assert settings.database_name == "avatars on db"


def test_beside_a_server_no_key_is_made(empty_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann@db/avatars")
    with pytest.raises(SettingsError, match="AVATARBOT_SECRET_KEYS has to be set"):
        secret_keys(load(Settings))
    assert list(empty_place.iterdir()) == []
