"""The one way from what somebody wants said to the avatar: moderators are asked, and what they refuse goes no further."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import structlog

from bot.ports.moderation import VERDICT_WITHIN_S, Moderator, NoVerdict, Objection, ProposedSpeech, Unanswered

log = structlog.get_logger(__name__)


class Unchecked(Enum):
    """There was no verdict in time, and without one nothing is spoken."""

    UNCHECKED = auto()


UNCHECKED = Unchecked.UNCHECKED
Ruling = Objection | Unchecked | None
"""None: it may be spoken."""


@dataclass(slots=True)
class Moderation:
    """Asks moderators in their order, within one budget of time. The first objection counts, whatever the others would say."""

    moderators: Sequence[Moderator] = ()
    unanswered: Unanswered = Unanswered.HOLD
    _silent: set[int] = field(default_factory=set)  # which of them gave no verdict the last time

    async def review(self, speech: ProposedSpeech) -> Ruling:
        """Answers within `VERDICT_WITHIN_S`. Logs none of the words."""
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
                    return objection
        return UNCHECKED if silent and self.unanswered is Unanswered.HOLD else None

    def _note(self, index: int, reason: str) -> bool:
        """Once for each time that one falls silent."""
        if index not in self._silent:
            self._silent.add(index)
            name = type(self.moderators[index]).__name__
            log.warning("no verdict on what is to be said", moderator=name, reason=reason, then=self.unanswered.value)
        return True
