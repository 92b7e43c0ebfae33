"""Secrets in what people write where others read along."""

import re

from bot.commands.catalogue import CATALOGUE
from bot.redaction import holds_key

_SECRETS = [(verb.name, option.name) for verb in CATALOGUE.verbs for option in verb.options if option.secret]
_VERBS = "|".join(verb.replace(" ", r"[\s_-]+") for verb, _ in _SECRETS)
_NAMES = "|".join(option.replace("_", "[_-]?") for _, option in _SECRETS)
_GIVEN = re.compile(
    rf"\A\s*(?:/\S+\s+)?(?:{_VERBS})\s+\S"  # defaults elevenlabs …
    rf"|\b(?:{_NAMES})\s?[:=]\s?\S"  # api_key:…
    rf"|--(?:{_NAMES})\s+\S",
    re.IGNORECASE,
)


def shows_secret(text: str) -> bool:
    """Whether a secret option is given in `text`, named or behind its verb, or something in it has the shape of a key."""
    return _GIVEN.search(text) is not None or holds_key(text)
