"""The one way from what somebody wants said to the avatar: moderators are asked, and what they refuse goes no further."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NewType

import structlog

from bot.ports.words import VERDICT_WITHIN_S, Moderator, NoVerdict, ProposedSpeech, Unanswered

log = structlog.get_logger(__name__)

Cleared = NewType("Cleared", str)
"""What may be spoken: made by `Moderation.clear` alone, and by what says our own words."""

NOT_IN_TIME = "it could not be checked in time; please say it again"


@dataclass(frozen=True, slots=True)
class Refusal:
    """It must not be spoken, because of its words or, `unchecked`, for want of a verdict. `reason` follows a colon."""

    reason: str
    unchecked: bool = False


@dataclass(slots=True)
class Moderation:
    """Asks moderators in their order, within one budget of time. The first objection counts, whatever the others would say."""

    moderators: Sequence[Moderator] = ()
    unanswered: Unanswered = Unanswered.HOLD
    _silent: set[int] = field(default_factory=set)  # which of them gave no verdict the last time

    async def clear(self, speech: ProposedSpeech) -> Cleared | Refusal:
        """What is to be spoken, or why it must not be, within `VERDICT_WITHIN_S`. Logs none of the words."""
        deadline, silent = asyncio.get_running_loop().time() + VERDICT_WITHIN_S, False
        for index, moderator in enumerate(self.moderators):
            try:
                async with asyncio.timeout_at(deadline):
                    objection = await moderator.review(speech)
            except TimeoutError:
                silent = self._note(index, "too slow")
            except NoVerdict as error:
                silent = self._note(index, error.detail)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it has not said yes; its text may hold the words
                silent = self._note(index, type(error).__name__)
            else:
                self._silent.discard(index)
                if objection:
                    return Refusal(objection.reason)
        held = silent and self.unanswered is Unanswered.HOLD
        return Refusal(NOT_IN_TIME, unchecked=True) if held else Cleared(speech.spoken)

    def _note(self, index: int, reason: str) -> bool:
        """Once for each time that one falls silent."""
        if index not in self._silent:
            self._silent.add(index)
            name = type(self.moderators[index]).__name__
            log.warning("no verdict on what is to be said", moderator=name, reason=reason, then=self.unanswered.value)
        return True
