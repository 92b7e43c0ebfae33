"""What overtakes turns: stop, interrupt, set, act, extend, and the deletion of what is being said."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from bot.commands.options import act_options, merged, set_changes
from bot.commands.parser import ParseError, Values, listed, validate
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Suggestion
from bot.domain.errors import AvatarbotError
from bot.domain.provider import Capability
from bot.domain.sessions import EndReason, Mode, ParamChanges, SessionSpec, VoiceParams
from bot.ports.avatar import AdjustableAvatar, Avatar, GesturingAvatar
from bot.ports.storage.records import PLACE_GONE, WITHDRAW, InboxOutcome, InboxRecord, LeaseLost
from bot.runtime.budget import day_of_payer
from bot.runtime.context import SessionContext
from bot.runtime.resolve import NotOffered, at_provider, spelled_out, suggested_by
from bot.runtime.turns import Turns
from bot.runtime.voice_presence import JOIN, LEAVE, VoicePresence

T = TypeVar("T")

MODES_NOW = {Mode.DIALOGUE: "answers by itself", Mode.RETELLING: "repeats what you write"}


class Controls:
    """`run` carries out controls as they arrive, until cancelled."""

    def __init__(self, context: SessionContext, turns: Turns, voice: VoicePresence) -> None:
        self._context = context
        self._turns = turns
        self._voice = voice
        self._verbs: Mapping[str, Callable[[InboxRecord], Awaitable[str]]] = {
            "stop": self._stop,
            PLACE_GONE: self._place_gone,
            WITHDRAW: self._withdraw,
            "interrupt": self._interrupt,
            "set": self._set,
            "act": self._act,
            "extend": self._extend,
        }

    async def run(self) -> None:
        """Obey in the order of stamps until cancelled. Raises `LeaseLost`."""
        rows = self._context.controls
        while True:
            rows.wakeup.clear()
            for row in await rows.all():
                if row.verb in {JOIN, LEAVE}:
                    self._voice.obey(row)
                    rows.over(row)
                elif row.verb in self._verbs:
                    await self._obey(row)
                    rows.over(row)
            await rows.wakeup.wait()

    async def _obey(self, row: InboxRecord) -> None:
        suggestions: tuple[Suggestion, ...] = ()
        try:
            sentence = await self._verbs[row.verb](row)
            outcome = InboxOutcome.DONE
        except LeaseLost:
            raise
        except AvatarbotError as error:
            outcome, sentence, suggestions = InboxOutcome.REFUSED, error.sentence, suggested_by(error)
        if row.verb not in {"stop", PLACE_GONE}:  # the end of the session answers it
            async with self._context.fenced() as run:
                run.finish(row.id, outcome, sentence if row.reply_to else "", suggestions)
            self._context.services.replies_due.set()

    def _avatar(self) -> Avatar:
        if self._context.avatar is None or not self._context.arrived.is_set():
            raise NotOffered("The avatar is not here yet. Please try again in a moment.")
        return self._context.avatar

    async def _stop(self, _row: InboxRecord) -> str:
        self._context.end(EndReason.STOPPED)
        return ""

    async def _place_gone(self, _row: InboxRecord) -> str:
        """The platform says that the place is gone."""
        self._context.end(EndReason.PLACE_GONE)
        return ""

    async def _interrupt(self, _row: InboxRecord) -> str:
        self._avatar()
        if not (self._turns.in_flight or self._context.speaking):
            return "Nothing is being said."
        await self._turns.interrupt()
        return "Interrupted."

    async def _withdraw(self, row: InboxRecord) -> str:
        """A message was deleted: if it is the one in flight, no more of it is said."""
        if self._turns.is_of(row.body["message"]):
            self._turns.stop(InboxOutcome.WITHDRAWN)
            await self._avatar().interrupt()
        return ""

    async def _set(self, row: InboxRecord) -> str:
        asked = _understood(set_changes(_values(row)))
        wanted = await self._resolved(changed(self._context.session.spec, asked), asked)
        changes = replace(
            asked,
            voice_id=wanted.voice_id if asked.voice_id else None,
            language=wanted.language if asked.language else None,
            mode=at_provider(wanted, own_model=bool(self._context.services.model)).mode if asked.mode else None,
        )
        avatar = self._avatar()
        await self._adjusted(avatar, changes)
        await self._context.respecify(wanted)
        if self._context.avatar not in {avatar, None}:  # renewed meanwhile; one that is still to come gets it then
            await self._adjusted(self._avatar(), changes)
        return what_changed(wanted, asked)

    async def _adjusted(self, avatar: Avatar, changes: ParamChanges) -> None:
        if not isinstance(avatar, AdjustableAvatar):
            raise NotOffered(self._context.services.policy.offer.absent(Capability.PARAMETERS))
        await avatar.set_params(changes)

    async def _resolved(self, spec: SessionSpec, changes: ParamChanges) -> SessionSpec:
        """Only what was named anew is looked up; the rest is known to exist."""
        asked = replace(
            spec,
            voice_id=spec.voice_id if changes.voice_id else None,
            language=spec.language if changes.language else None,
            knowledge_id=None,
        )
        found = await spelled_out(asked, await self._context.services.accounts.catalog(self._context.session.place))
        if found.voice_id:
            spec = replace(spec, voice_id=found.voice_id, voice_name=found.voice_name)
        if found.language:
            spec = replace(spec, language=found.language, language_name=found.language_name)
        return spec

    async def _act(self, row: InboxRecord) -> str:
        options = _understood(act_options(_values(row)))
        avatar = self._avatar()
        if not isinstance(avatar, GesturingAvatar):
            raise NotOffered(self._context.services.policy.offer.absent(Capability.GESTURES))
        await avatar.act(options.action, options.expression)
        return "Sent. Only “ultra” avatars make gestures and faces, and none confirms it."

    async def _extend(self, row: InboxRecord) -> str:
        """Whoever extends it pays for what comes."""
        context = self._context
        await context.charge(row.person_id)
        day, quiet = await day_of_payer(context), context.services.policy.limits.sleep_after // timedelta(minutes=1)
        name = context.session.spec.avatar_name
        return f"{name} stays awake for {quiet} more minutes, also when nobody talks. {day.when_extended()}"


def _values(row: InboxRecord) -> Values:
    verb = CATALOGUE.verb(row.verb)
    assert verb is not None
    return _understood(validate(verb, row.body))


def _understood(found: T | ParseError) -> T:
    """Checked when it was accepted; a row may be older than the program."""
    if isinstance(found, ParseError):
        raise NotOffered(found.sentence)
    return found


def changed(spec: SessionSpec, changes: ParamChanges) -> SessionSpec:
    """A session's spec with what was set over it."""
    return replace(
        spec,
        voice_id=changes.voice_id or (None if changes.voice_url else spec.voice_id),
        voice_url=changes.voice_url or (None if changes.voice_id else spec.voice_url),
        language=changes.language or spec.language,
        mode=changes.mode or spec.mode,
        background_url=changes.background_url or spec.background_url,
        voice=merged(spec.voice, changes.voice) if changes.voice else spec.voice,
    )


def what_changed(spec: SessionSpec, changes: ParamChanges) -> str:
    """What was set, as it is from now on: `Alma now speaks French, at speed 1.1.`"""
    voice = changes.voice or VoiceParams()
    speaks = (
        spec.language_name if changes.language else "",
        f"with the voice {spec.voice_name or 'that you named'}" if changes.voice_id else "",
        "with the voice of that URL" if changes.voice_url else "",
        f"at speed {voice.speed:g}" if voice.speed else "",
    )
    does = (
        f"speaks {', '.join(filter(None, speaks))}" if any(speaks) else "",
        f"pronounces {listed(list(voice.pronunciation), 'and')} as you wrote" if voice.pronunciation else "",
        MODES_NOW[changes.mode] if changes.mode else "",
        "hears as you set" if voice.stt_language or voice.stt_type or voice.turn_detection else "",
        "has the background that you gave" if changes.background_url else "",
    )
    return f"{spec.avatar_name} now {listed(list(filter(None, does)), 'and')}."
