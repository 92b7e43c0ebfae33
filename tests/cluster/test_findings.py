"""The judges of `tests/cluster` are judged: whatever may go wrong between processes is complained of, and nothing else is."""

from dataclasses import dataclass, replace

import pytest

from tests.cluster.discord import DiscordTown, ShardedDiscord
from tests.cluster.findings import Findings, InboxRow
from tests.cluster.talk import Place, PostedLine, SaidMessage, Talker
from tests.integration.discord.fake import Call

TEXT = "this is number 0 of C1, loud and clear."
ROW = InboxRow("r1", "e1", "say", "ann", "C1", "done", "spoken", "", reply_due=False)
CARD = PostedLine("C1", "s1", "Alma is live", card=True)
LINE = PostedLine("C1", "k1", f"Alma: {TEXT}", card=False)
SORRY = "That may not have been heard."


@dataclass
class SilentTalker(Talker):
    async def command(self, text: str) -> None:
        """Nobody listens."""

    async def write(self, text: str, thread: str) -> str:
        return ""


ANN = SilentTalker(Place("slack", "T1", "C1"), "ann", said=[SaidMessage("e1", TEXT)])
SOUND = Findings(
    talkers=[ANN],
    rows=[ROW],
    spoken={"r1": 1},
    lines=[CARD, LINE],
    told=[],
    stamps={"s1": [1, 2]},
    ends=[("slack C1", "stopped")],
    stale=[],
    unknown_rooms=[],
    too_fast=[],
)
UNHEARD = replace(ROW, outcome="unheard", sentence=SORRY)

WRONG = {
    "lost, without a row": (replace(SOUND, rows=[]), {"lost"}),
    "lost, without an outcome": (replace(SOUND, rows=[replace(ROW, state="claimed", outcome="")]), {"lost", "spoken wrongly"}),
    "spoken by two": (replace(SOUND, spoken={"r1": 2}), {"spoken twice", "spoken wrongly"}),
    "never spoken": (replace(SOUND, spoken={}), {"spoken wrongly"}),
    "a key posted twice": (replace(SOUND, lines=[CARD, LINE, replace(LINE, text="x")]), {"posted twice"}),
    "words posted twice": (replace(SOUND, lines=[CARD, LINE, replace(LINE, key="k2")]), {"posted twice"}),
    "two cards": (replace(SOUND, lines=[CARD, CARD, LINE]), {"carded twice"}),
    "not posted": (replace(SOUND, lines=[CARD]), {"not posted"}),
    "not written out": (replace(SOUND, unshown=["s1 u1"]), {"not shown"}),
    "told twice": (replace(SOUND, rows=[UNHEARD], told=[("ann", SORRY)] * 2), {"told twice"}),
    "not told": (replace(SOUND, rows=[UNHEARD]), {"not told"}),
    "still to be told": (replace(SOUND, rows=[replace(ROW, reply_due=True)]), {"not told"}),
    "out of order": (replace(SOUND, stamps={"s1": [2, 1]}), {"out of order"}),
    "ended by us": (replace(SOUND, ends=[("slack C1", "error")]), {"ended for our fault"}),
    "written by who held it no more": (replace(SOUND, stale=[("a", "post", "s1")]), {"stale writes"}),
    "a room that nobody knows": (replace(SOUND, unknown_rooms=["room"]), {"open and unknown"}),
    "too fast": (replace(SOUND, too_fast=["a call"]), {"429"}),
    "two who hold one workspace": (replace(SOUND, split={"slack T1": 1}), {"two holders"}),
}  # fmt: skip


def test_where_all_went_well_nobody_complains() -> None:
    assert SOUND.complaints() == {}
    assert replace(SOUND, rows=[UNHEARD], told=[("ann", SORRY)]).complaints() == {}
    assert replace(SOUND, rows=[], spoken={}, told=[("ann", "Refused.")]).complaints() == {}


@pytest.mark.parametrize("what", WRONG)
def test_what_went_wrong_is_complained_of(what: str) -> None:
    found, kinds = WRONG[what]
    assert found.complaints().keys() == kinds


def test_who_was_told_on_discord_is_seen_whichever_way() -> None:
    """By the interaction, by name, directly; not where it was refused, and once where it was repeated."""
    town = DiscordTown(ShardedDiscord(judged=False), 1, persons={"token": "551"})
    town.fake.calls += [
        Call("PATCH", "/webhooks/9/token/messages/@original", {"content": "Too\\. long"}, status=200),
        Call("POST", "/channels/7/messages", {"content": "<@552> No.", "nonce": "a"}, status=429),
        Call("POST", "/channels/7/messages", {"content": "<@552> No.", "nonce": "a"}, status=200),
        Call("POST", "/channels/7/messages", {"content": "<@552> No.", "nonce": "a"}, status=200),
        Call("POST", "/channels/713/messages", {"content": "Yours.\n-# About <#7>"}, status=200),
        Call("POST", "/channels/7/messages", {"content": "<@552> this is number 0 of C1, loud and clear."}, status=200),
    ]
    assert town.told() == [("551", "Too. long"), ("552", "No."), ("553", "Yours.")]
