"""The words that avatars in a channel do not say: shown to its admins, and changed by them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.commands.validation import shown
from bot.domain.conversations import File, Reply
from bot.queries.channel_settings import save
from bot.queries.context import Declined, Query
from bot.speech.blocked_words import LONGEST_ENTRY, MOST_ENTRIES, words

MOST_LISTED = 1_000
"""Characters of a list that stands in the answer; a longer one comes as a file."""

_BETWEEN = re.compile(r"[,;\n]")


async def change(request: Query) -> Reply:
    """Add words and phrases, take some away, and show what there is then. Raises `Declined`."""
    entries = _without(request.settings.words, _entries(request.text("remove")))
    entries = _with(entries, _entries(request.text("add")))
    if entries != request.settings.words:
        await save(request, replace(request.settings, words=entries))
    return _listed(entries)


def _entries(text: str) -> Sequence[str]:
    return [" ".join(entry.split()) for entry in _BETWEEN.split(text) if entry.strip()]


def _without(entries: tuple[str, ...], gone: Sequence[str]) -> tuple[str, ...]:
    """Entries that say the same are the same, however they are written."""
    known = {words(entry) for entry in entries}
    for entry in gone:
        if words(entry) not in known:
            raise Declined(f"{shown(entry)} is not blocked in this channel, so nothing is changed.")
    unwanted = set(map(words, gone))
    return tuple(entry for entry in entries if words(entry) not in unwanted)


def _with(entries: tuple[str, ...], added: Sequence[str]) -> tuple[str, ...]:
    found = {words(entry): entry for entry in entries}
    for entry in added:
        if not words(entry):
            raise Declined(f"{shown(entry)} has no letters or digits to look for, so nothing is changed.")
        if len(entry) > LONGEST_ENTRY:
            raise Declined(f"{shown(entry)} is too long: a word or phrase has at most {LONGEST_ENTRY} characters.")
        found.setdefault(words(entry), entry)
    if len(found) > MOST_ENTRIES:
        raise Declined(f"At most {MOST_ENTRIES} words and phrases can be blocked in a channel, not {len(found)}.")
    return tuple(found.values())


def _listed(entries: tuple[str, ...]) -> Reply:
    """For whoever asked alone: others need not read them."""
    if not entries:
        return Reply(
            "No words are blocked in this channel. Block some with: defaults words add:heck, darn", private=True
        )
    count = "1 word or phrase is" if len(entries) == 1 else f"{len(entries)} words and phrases are"
    together = ", ".join(entries)
    if len(together) <= MOST_LISTED:
        return Reply(f"{count} blocked in this channel: {together}", private=True)
    file = File("blocked-words.txt", "text/plain", "\n".join(entries).encode())
    return Reply(f"{count} blocked in this channel.", file=file, private=True)
