"""Takes secrets out of what is logged: by the name of their field, by their shape, and by value once registered."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

HIDDEN = "***"

SHORTEST = 6
"""Registered values shorter than this are ignored: hiding every "a" would make the log unreadable and hide nothing."""

DEEPEST = 12
"""Containers nested deeper than this, or in a circle, are shown as redacted text."""

_LAST_WORDS = ("token", "secret", "password", "authorization", "credential", "cookie", "apikey", "passwd", "pwd")
_WHOLE_WORDS = frozenset({"key", "handle", "signature", "auth"})
_WORD_ENDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")

_HEX_LABELS = (
    "md5",
    "etag",
    "hash",
    "checksum",
    "md5sum",
    "digest",
    "commit",
    "revision",
    "uuid",
    "id",
    "trace",
    "span",
)
_HEX_SIGNS = (" ", ":", "=", ": ", '":"', '": "', "': '")
_NO_HEX_LABEL = "".join(f"(?<!(?<![a-z]){label}{sign})" for label in _HEX_LABELS for sign in _HEX_SIGNS)
_PRIVATE_KEY = "[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"

# Each of these either fails within a bounded number of characters or takes all that it has read, so that no text is read twice:
# redaction stands in the way of everything that is said and logged.
_KEYS = {
    pattern: re.compile(pattern, re.ASCII)
    for pattern in (
        r"\bavb_[0-9A-Za-z]{36}",  # our own HTTP API
        r"\beyJ[\w-]{8,}(?:\.[\w-]+)*",  # JWT
        r"\bg?sk[-_][\w-]{16,}",  # language models (Groq's begin with gsk), ElevenLabs, Stripe
        r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",  # AWS access key id
        r"(?i:\baws_?secret(?:_?access)?_?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?[\w/+]{40}",  # AWS secret, known only by its name
        r"\b(?:gh[pousr]|github_pat)_\w{20,}",  # GitHub
        r"\bAIza[\w-]{35}|\bGOCSPX-[\w-]{20,}|\bya29\.[\w-]{20,}|\b1//0[\w-]{20,}",  # Google: key, client secret, OAuth tokens
        r"\bhf_[A-Za-z0-9]{30,}|\bapi_org_[A-Za-z0-9]{30,}",  # Hugging Face
        rf"-----BEGIN {_PRIVATE_KEY}(?s:.*?)(?:-----END {_PRIVATE_KEY}|\Z)",  # PEM and PGP
        # Fernet key: 32 bytes in URL-safe base64. A base64 digest of SHA-256 may look the same.
        r"(?<![\w+/=-])(?=[\w-]{0,42}[0-9])(?=[\w-]{0,42}[a-z])(?=[\w-]{0,42}[A-Z])[\w-]{43}=(?![\w=])",
        # ElevenLabs' older keys, bare: 32 hexadecimal digits that are no file, no part of a path and not called a digest or an id.
        rf"(?<![\w/+.%-])(?=[0-9a-f]{{32}}(?![\w/+-]|\.\w))(?=\d*[a-f])(?=[a-f]*\d)(?i:{_NO_HEX_LABEL})[0-9a-f]{{32}}",
    )
}
"""Of keys and tokens, by themselves; adapters add those of their services."""

_PLACES = {
    pattern: (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(/v/#?)[\w-]{8,}", rf"\1{HIDDEN}"),  # viewer link
        (r"(?i)\b((?:bearer|basic)\s{1,9})[\w.~+/=-]+", rf"\1{HIDDEN}"),
        (r"(://)[^\s/?#\"'<>]+@", rf"\1{HIDDEN}@"),  # user and password in a URL
        (r"(?i)([?&][\w-]{0,40}(?:token|key|secret|password|signature)=)[^&\s\"']+", rf"\1{HIDDEN}"),
        (
            r"(?i)(['\"][\w-]{0,40}(?:token|secret|password|apikey|api_key|authorization)['\"]\s{0,9}:\s{0,9}['\"])[^'\"]+",
            rf"\1{HIDDEN}",
        ),
    )
}
"""Where secrets stand, and what to put there."""


@dataclass(frozen=True, slots=True)
class SecretShapes:
    """What the secrets of a service look like, as patterns.

    `keys` are keys and tokens by themselves; `places` are surroundings of one, with a replacement that keeps what is no secret. Each must
    fail within a bounded number of characters or take all that it has read, so that no text is read twice.
    """

    keys: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()


NO_SHAPES = SecretShapes()


def register_shapes(shapes: SecretShapes) -> None:
    """Hide what looks like these from now on."""
    _KEYS.update({pattern: re.compile(pattern, re.ASCII) for pattern in shapes.keys})
    _PLACES.update({pattern: (re.compile(pattern), replacement) for pattern, replacement in shapes.places})


def holds_key(text: str) -> bool:
    """Whether something in `text` has the shape of a key or a token."""
    return any(key.search(text) for key in _KEYS.values())


def names_a_secret(name: str) -> bool:
    """Whether a field of this name is hidden whatever it holds (`bot_token`, `apiKey`, `response_url`)."""
    words = [word.lower().removesuffix("s") for word in _WORD_ENDS.split(name) if word]
    return "response_url" in name.lower() or any(word in _WHOLE_WORDS or word.endswith(_LAST_WORDS) for word in words)


def _in_url(character: str) -> str:
    """A pattern for it as it may stand in a URL: as it is or percent-encoded, in either case, and a blank as a plus too."""
    escaped = quote(character, safe="", errors="replace")
    if escaped == character:
        return re.escape(character)
    plus = r"|\+" if character == " " else ""
    return f"(?:(?i:{escaped})|{re.escape(character)}{plus})"


class Redactor:
    """Hides secrets in text and in nested values. What it returns is plain: strings, numbers, booleans, None, dicts and lists."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()  # as patterns
        self._registered: re.Pattern[str] | None = None

    def register(self, secret: str) -> None:
        """Hide this very value from now on, however Python, JSON or a URL would write it."""
        if len(secret) < SHORTEST:
            return
        written = (secret, repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1])
        self._spellings |= {*map(re.escape, written), "".join(map(_in_url, secret))}
        self._registered = re.compile("|".join(sorted(self._spellings, key=len, reverse=True)))

    def text(self, text: str) -> str:
        if self._registered is not None:
            text = self._registered.sub(HIDDEN, text)
        for key in _KEYS.values():
            text = key.sub(HIDDEN, text)
        for place, replacement in _PLACES.values():
            text = place.sub(replacement, text)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """The value without its secrets. What is neither plain nor a container becomes its redacted `repr`."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth < DEEPEST and isinstance(value, Mapping):
            return {self.text(str(name)): self._field(str(name), held, depth) for name, held in value.items()}
        if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self.value(held, depth + 1) for held in value]
        return self.text(repr(value))

    def _field(self, name: str, held: Any, depth: int) -> Any:
        says_nothing = held is None or held == "" or isinstance(held, bool)
        return HIDDEN if names_a_secret(name) and not says_nothing else self.value(held, depth + 1)


REDACTOR = Redactor()
"""The one of this process: every log line passes it."""

register_secret = REDACTOR.register
