"""Values the contract speaks about."""

from dataclasses import replace

from bot.domain.posts import Card, CardAction, Delivery, TranscriptLine
from bot.domain.sessions import Mode, SessionStatus
from tests.disclosing import AI

CARD = Card(
    session_id="0199aa00-0000-7000-8000-000000000001",
    avatar_name="Mia",
    picture="",
    status=SessionStatus.STARTING,
    mode=Mode.DIALOGUE,
    starter_name="Ann",
    note="Waiting for Mia.",
    disclosure=AI,
    actions=(CardAction.STOP,),
)
LIVE = replace(
    CARD,
    status=SessionStatus.LIVE,
    note="Write in the thread.",
    actions=(CardAction.WATCH, CardAction.INTERRUPT, CardAction.STOP),
)
ENDED = replace(CARD, status=SessionStatus.ENDED, note="Stopped by Ann.", actions=())

OTHER = replace(CARD, session_id="0199aa00-0000-7000-8000-000000000002", avatar_name="Noa")
"""Another session's."""

HOSTILE = "@everyone @here <!channel> <@U0ANN> <@1001> <#C1> &lt;b&gt; *not bold* [x](http://x.example) `code` <script>"
"""What a prankster would have the avatar say, on any platform."""


def growing(text: str) -> TranscriptLine:
    return TranscriptLine("Mia", text, Delivery.GROWING)


def final(text: str) -> TranscriptLine:
    return TranscriptLine("Mia", text, Delivery.FINAL)
