"""What people put into a message beside its words: tables they pasted, and messages they forwarded.

Both come as attachments, as do the previews that Slack adds to links; those nobody wrote.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]

LIMIT = 20
"""Attachments of one message that are read. Slack takes 100."""


@dataclass(frozen=True, slots=True)
class Attached:
    """One of them: a pasted table, or what `author` wrote elsewhere."""

    text: str
    blocks: tuple[Raw, ...]
    author: str = ""


def attached(attachments: Iterable[Raw]) -> list[Attached]:
    """Those that people put there, in order. What a forwarded message forwards in its turn is left out."""
    found = (_read(attachment) for attachment in list(attachments)[:LIMIT])
    return [each for each in found if each]


def _read(attachment: Raw) -> Attached | None:
    if attachment.get("is_share"):
        return Attached(
            str(attachment.get("text") or ""), _forwarded(attachment), str(attachment.get("author_name") or "")
        )
    if attachment.get("from_url") or attachment.get("original_url"):
        return None
    blocks = _blocks(attachment.get("blocks"))
    return Attached("", blocks) if blocks else None


def _forwarded(attachment: Raw) -> tuple[Raw, ...]:
    """The blocks of a forwarded message stand under `message_blocks`, one entry for each message."""
    messages = (each.get("message") for each in _blocks(attachment.get("message_blocks")))
    return tuple(
        block for message in messages if isinstance(message, Mapping) for block in _blocks(message.get("blocks"))
    )


def _blocks(found: object) -> tuple[Raw, ...]:
    return tuple(each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else ()
