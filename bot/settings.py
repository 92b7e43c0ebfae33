"""The core's own settings, from the environment and `.env`. Each adapter brings its own and loads them with `load`."""

import contextlib
import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.commands.policy import Limits
from bot.domain.disclosure import SENTENCE_LENGTHS, Disclosures
from bot.domain.errors import SettingsError
from bot.domain.text import printable_line
from bot.ports.words import Unanswered
from bot.process_roles import ALL_ROLES, ProcessRole, roles_named
from bot.redaction import register_secret

ENV_FILE = ".env"
PREFIX = "AVATARBOT_"
_DEFAULT_FILE = "avatarbot.db"

STATUS_TOKEN_LONGEST = 512
"""Characters."""

SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _fernet_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - 50 ms, and only needed where keys are set

    for key in keys:
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise ValueError("holds something that is not a Fernet key; make one with `avatarbot db new-key`") from None
    return keys


def _hard_to_guess(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) < 16:
        raise ValueError("needs at least 16 characters")
    return token


def _short_enough(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) > STATUS_TOKEN_LONGEST:
        raise ValueError(f"has to have at most {STATUS_TOKEN_LONGEST} characters")
    return token


def _database(text: str) -> str:
    kind, separator, _ = text.partition("://")
    if not (kind and separator):
        raise ValueError("is not a database address; it should look like sqlite:///avatarbot.db")
    if kind.partition("+")[0] in SERVERS:
        return _server(text)
    if kind not in {"sqlite", "sqlite+aiosqlite"}:
        raise ValueError(
            "has to name a SQLite file, as in sqlite:///avatarbot.db, or PostgreSQL, as in postgresql://user:password@host/avatarbot"
        )
    if _database_file(text) in {"", ":memory:"}:
        raise ValueError("has to name a file, as in sqlite:///avatarbot.db: what is in memory is lost at a restart")
    return text


SERVERS = frozenset({"postgres", "postgresql"})


def _server(text: str) -> str:
    try:
        url = urlsplit(text)
        sound = bool(url.path.strip("/")) and (url.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("has to name a database on a server, as in postgresql://user:password@host/avatarbot")
    if find_spec("psycopg") is None:
        raise ValueError(
            "names PostgreSQL, whose driver is missing: `make setup` brings it (or `uv tool install --force '.[postgres]'`)"
        )
    return text


def _database_file(url: str) -> str:
    """What stands behind the third slash, without options; a fourth begins an absolute path."""
    return url.partition(":///")[2].partition("?")[0]


def _proxies(text: str) -> str:
    for part in text.split(","):
        try:
            known = part.strip() == "*" or bool(ip_network(part.strip(), strict=False))
        except ValueError:
            known = False
        if not known:
            raise ValueError("has to name addresses or networks, as in 10.0.0.7,172.16.0.0/12")
    return text


def _host_names(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not re.fullmatch(r"[\w.-]{1,253}", host):
            raise ValueError("has to name hosts without port or path, as in ci.internal,10.0.0.7")
    return hosts


def _roles(value: object) -> object:
    return roles_named(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _listening(text: str) -> str:
    """An address to listen at, with its port."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ValueError("has to be an address and a port, as in 0.0.0.0:8081")
    return text


def _advertised(text: str) -> str:
    if not re.fullmatch(r"[\w.:\[\]-]{0,255}", text):
        raise ValueError(
            "has to be the address at which web processes find this one, as in 10.0.0.7, worker-1:8081 or [fd00::7]"
        )
    return text


def _sentence_of_their_own(text: str) -> str:
    if text and len(text) not in SENTENCE_LENGTHS:
        shortest, longest = SENTENCE_LENGTHS[0], SENTENCE_LENGTHS[-1]
        raise ValueError(f"has to be one sentence of {shortest} to {longest} characters, and has {len(text)}")
    if printable_line(text) != text:
        raise ValueError("has to be plain text on one line")
    return text


def _web_address(text: str) -> str:
    try:
        url = urlsplit(text)
        sound = (
            url.scheme in {"http", "https"} and bool(url.hostname) and not (url.query or url.fragment or url.username)
        )
        _ = url.port
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("has to be the address people reach this service at, as in https://avatars.example.com")
    return text.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class Settings(BaseSettings):
    """The service's settings. Load them with `load(Settings)`, which answers bad values with one sentence each."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_database)] = Field(
        f"sqlite:///{_DEFAULT_FILE}", validation_alias="DATABASE_URL"
    )
    database_hints: Literal["auto", "off"] = Field("auto", validation_alias="AVATARBOT_DATABASE_HINTS")
    port: int = Field(8080, ge=0, le=65535, validation_alias="PORT")
    public_url: WebAddress | None = Field(None, validation_alias="PUBLIC_URL")
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field("info", validation_alias="LOG_LEVEL")

    host: str = Field("0.0.0.0", validation_alias="AVATARBOT_HOST")  # noqa: S104 - a container's port is reached from outside
    proxies: Annotated[str, AfterValidator(_proxies)] = Field("127.0.0.1,::1", validation_alias="FORWARDED_ALLOW_IPS")
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split), AfterValidator(_fernet_keys)] = (
        Field((), validation_alias="AVATARBOT_SECRET_KEYS")
    )
    roles: Annotated[frozenset[ProcessRole], NoDecode, BeforeValidator(_roles)] = Field(
        frozenset(), validation_alias="AVATARBOT_ROLES"
    )
    internal: Annotated[str, AfterValidator(_listening)] = Field("0.0.0.0:8081", validation_alias="AVATARBOT_INTERNAL")
    advertise: Annotated[str, AfterValidator(_advertised)] = Field("", validation_alias="AVATARBOT_ADVERTISE")
    metrics_token: Annotated[SecretStr, AfterValidator(_hard_to_guess)] | None = Field(
        None, validation_alias="AVATARBOT_METRICS_TOKEN"
    )
    status_token: Annotated[SecretStr, AfterValidator(_hard_to_guess), AfterValidator(_short_enough)] | None = Field(
        None, validation_alias="AVATARBOT_STATUS_TOKEN"
    )
    retention_days: int = Field(30, ge=1, le=3650, validation_alias="AVATARBOT_RETENTION_DAYS")
    disclosure: bool = Field(default=True, validation_alias="AVATARBOT_DISCLOSURE")
    barge_in: bool = Field(default=True, validation_alias="AVATARBOT_BARGE_IN")
    disclosure_text: Annotated[str, AfterValidator(_sentence_of_their_own)] = Field(
        "", validation_alias="AVATARBOT_DISCLOSURE_TEXT"
    )
    akool_key_is_ours: bool = Field(default=False, validation_alias="AVATARBOT_AKOOL_KEY_IS_OURS")
    provider: str = Field("", validation_alias="AVATARBOT_PROVIDER")
    simulator_url: WebAddress | None = Field(None, validation_alias="AVATARBOT_SIMULATOR_URL")

    llm_url: WebAddress | None = Field(None, validation_alias="AVATARBOT_LLM_URL")
    llm_key: SecretStr | None = Field(None, validation_alias="AVATARBOT_LLM_KEY")
    llm_model: str | None = Field(None, validation_alias="AVATARBOT_LLM_MODEL")
    llm_seconds: float = Field(60, ge=1, le=600, validation_alias="AVATARBOT_LLM_SECONDS")

    moderation_url: WebAddress | None = Field(None, validation_alias="AVATARBOT_MODERATION_URL")
    moderation_secret: Annotated[SecretStr, AfterValidator(_hard_to_guess)] | None = Field(
        None, validation_alias="AVATARBOT_MODERATION_SECRET"
    )
    moderation_unanswered: Unanswered = Field(Unanswered.HOLD, validation_alias="AVATARBOT_MODERATION_UNANSWERED")

    hooks_inside: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_host_names)] = Field(
        (), validation_alias="AVATARBOT_HOOKS_INSIDE"
    )

    credits_per_minute: float | None = Field(None, gt=0, le=1_000, validation_alias="AVATARBOT_CREDITS_PER_MINUTE")
    session_minutes: int = Field(10, ge=1, le=60, validation_alias="AVATARBOT_SESSION_MINUTES")
    minutes_per_day: int = Field(60, ge=1, le=1440, validation_alias="AVATARBOT_MINUTES_PER_DAY")
    sessions_at_once: int = Field(5, ge=1, le=500, validation_alias="AVATARBOT_SESSIONS_AT_ONCE")
    sessions_of_account: int = Field(20, ge=1, le=10_000, validation_alias="AVATARBOT_SESSIONS_OF_ACCOUNT")
    sessions_in_all: int = Field(500, ge=1, le=10_000, validation_alias="AVATARBOT_SESSIONS_IN_ALL")
    rooms: int = Field(500, ge=1, le=10_000, validation_alias="AVATARBOT_ROOMS")
    waiting_turns: int = Field(10, ge=1, le=1000, validation_alias="AVATARBOT_WAITING_TURNS")
    waiting_turns_per_person: int = Field(3, ge=1, le=1000, validation_alias="AVATARBOT_WAITING_TURNS_PER_PERSON")
    message_characters: int = Field(1500, ge=1, le=6_000, validation_alias="AVATARBOT_MESSAGE_CHARACTERS")

    @property
    def limits(self) -> Limits:
        return Limits(
            provider_minutes=self.session_minutes,
            person_minutes=self.minutes_per_day,
            sessions=self.sessions_at_once,
            account_sessions=self.sessions_of_account,
            sessions_in_all=self.sessions_in_all,
            waiting=self.waiting_turns,
            waiting_per_person=self.waiting_turns_per_person,
            characters=self.message_characters,
        )

    @property
    def roles_played(self) -> frozenset[ProcessRole]:
        """All of them where none were named."""
        return self.roles or ALL_ROLES

    @property
    def disclosures(self) -> Disclosures:
        return Disclosures(self.disclosure, self.disclosure_text)

    @property
    def store_url(self) -> str:
        """The database's URL, whichever driver was named and wherever this process stands."""
        if self.on_server:
            return f"postgresql://{self.database_url.partition('://')[2]}"
        return f"sqlite:///{self.database_path}"

    @property
    def on_server(self) -> bool:
        """Whether the database is PostgreSQL, which other processes and machines reach."""
        return self.database_url.partition("://")[0].partition("+")[0] in SERVERS

    @property
    def hints(self) -> bool:
        """Whether processes tell each other what to look at."""
        return self.on_server and self.database_hints == "auto"

    @property
    def database_path(self) -> Path:
        """The database's file; with a server where it would be, as other files are beside it."""
        return Path(_DEFAULT_FILE if self.on_server else _database_file(self.database_url)).absolute()

    @property
    def database_name(self) -> str:
        """The database as people are told of it."""
        if not self.on_server:
            return str(self.database_path)
        url = urlsplit(self.database_url)
        return f"{url.path.strip('/')} on {url.hostname or 'this machine'}"

    @property
    def address(self) -> str:
        """Where people reach this service: PUBLIC_URL, or this machine."""
        return self.public_url or f"http://localhost:{self.port}"


@contextlib.contextmanager
def reading(file: str | Path | None) -> Iterator[None]:
    """Reads a file of settings in its block. Raises `SettingsError` where that is no text, or not for this user to read."""
    try:
        yield
    except UnicodeDecodeError:
        raise SettingsError(f"The file {file} is not text in UTF-8; save it as such.") from None
    except OSError as error:
        raise SettingsError(f"The file {file} cannot be read ({error.strerror}).") from error


def load(kind: type[SettingsType], env_file: str | None = ENV_FILE) -> SettingsType:
    """Read settings of any kind; every `SecretStr` in them is hidden from the log from then on.

    Raises `SettingsError` with one sentence for each bad value, and never shows a secret's.
    """
    try:
        with reading(env_file):
            settings = kind(_env_file=env_file)
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(kind, each) for each in error.errors(include_url=False))) from None
    for secret in _secrets(settings):
        register_secret(secret)
    return settings


_SHOWN = frozenset(
    {"int_parsing", "int_from_float", "float_parsing", "bool_parsing", "literal_error"}
    | {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
)


def _sentence(kind: type[BaseSettings], error: ErrorDetails) -> str:
    name = _names(kind).get(str(error["loc"][0]), str(error["loc"][0])) if error["loc"] else "The environment"
    if error["type"] == "missing":
        return f"{name} is not set."
    said = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    said = said.removeprefix("Input ").removeprefix("Value ").split(", unable")[0]
    found = f", not {error['input']!r}" if error["type"] in _SHOWN else ""
    return f"{name} {said}{found}."


def _secrets(settings: BaseSettings) -> Iterator[str]:
    for _, value in settings:
        for held in value if isinstance(value, tuple) else (value,):
            if isinstance(held, SecretStr):
                yield held.get_secret_value()


def known_names(kind: type[BaseSettings]) -> frozenset[str]:
    """The names in the environment that settings of this kind read."""
    return frozenset(_names(kind).values())


def _names(kind: type[BaseSettings]) -> Mapping[str, str]:
    prefix = kind.model_config.get("env_prefix", "")
    return {
        name: (field.validation_alias if isinstance(field.validation_alias, str) else f"{prefix}{name}").upper()
        for name, field in kind.model_fields.items()
    }


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name in the environment that looks like ours and is not; `nearest` is what was probably meant, or empty."""

    name: str
    nearest: str = ""

    def __str__(self) -> str:
        return f"{self.name} is not a setting" + (f"; did you mean {self.nearest}?" if self.nearest else ".")


def environment(env_file: str = ENV_FILE) -> Mapping[str, str]:
    """What `load` reads from: the environment over `.env`. Raises `SettingsError`."""
    with reading(env_file):
        return {**{name: value or "" for name, value in dotenv_values(env_file).items()}, **os.environ}


def unknown_names(environ: Mapping[str, str], known: Collection[str]) -> Sequence[UnknownName]:
    """What begins with `AVATARBOT_` and is no setting of anybody's."""
    strange = sorted(name for name in environ if name.upper().startswith(PREFIX) and name.upper() not in known)
    ours = sorted(name for name in known if name.startswith(PREFIX))
    return [UnknownName(name, _nearest(name.upper(), ours)) for name in strange]


def _nearest(name: str, known: Sequence[str]) -> str:
    by_ending = {candidate.removeprefix(PREFIX): candidate for candidate in known}
    found: list[Any] = difflib.get_close_matches(name.removeprefix(PREFIX), by_ending, n=1, cutoff=0.6)
    return by_ending[found[0]] if found else ""
