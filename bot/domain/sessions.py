"""What a session is: what was asked for, the state it is in, why it ended, and what will end it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum


class Mode(IntEnum):
    """Whether an avatar says what it is given, or answers by itself. The numbers stand in the database."""

    RETELLING = 1
    DIALOGUE = 2


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """How the avatar hears that a person has stopped speaking. The last three are for `server_vad` only."""

    type: str = "server_vad"
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ElevenLabs:
    """Settings of the team's own ElevenLabs account; `api_key` is a secret."""

    api_key: str = field(repr=False)
    model_id: str | None = None
    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None


@dataclass(frozen=True, slots=True)
class VoiceParams:
    """How an avatar sounds and hears. `speed` is 0.8 to 1.2; `pronunciation` maps a word to how it should sound."""

    speed: float | None = None
    pronunciation: Mapping[str, str] = field(default_factory=dict)
    stt_language: str | None = None
    stt_type: str | None = None
    turn_detection: TurnDetection | None = None
    elevenlabs: ElevenLabs | None = None


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """What was asked for when a session was started, and what was set since: the next provider session is created so."""

    avatar_id: str
    avatar_name: str = ""
    avatar_picture: str = ""
    official: bool = True
    voice_id: str | None = None
    voice_name: str = ""
    voice_url: str | None = None  # of a voice's model, instead of `voice_id`
    language: str | None = None
    language_name: str = ""
    mode: Mode = Mode.DIALOGUE
    knowledge_id: str | None = None
    background_url: str | None = None
    minutes: int = 10
    voice: VoiceParams = VoiceParams()


class SessionStatus(StrEnum):
    STARTING = "starting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STOPPING = "stopping"
    SLEEPING = "sleeping"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a session ended; each has its sentence on the card."""

    STOPPED = "stopped"
    EXPIRED = "expired"
    IDLE = "idle"
    BUDGET = "budget"
    NOT_ALLOWED = "not_allowed"
    REFUSED = "refused"
    NO_AVATAR = "no_avatar"
    PROVIDER = "provider"
    THROWN_OUT = "thrown_out"
    PLACE_GONE = "place_gone"
    SHUTDOWN = "shutdown"
    REPLACED = "replaced"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ParamChanges:
    """What `set` changes in a running session; None leaves as it is."""

    voice_id: str | None = None
    voice_url: str | None = None
    language: str | None = None
    mode: Mode | None = None
    background_url: str | None = None
    voice: VoiceParams | None = None


WARNED_BEFORE = timedelta(minutes=5)
"""Before it falls asleep, when that is shown with its time; until then every message would move it."""

TOGETHER = timedelta(minutes=1)
"""An end that comes so soon after falling asleep is the one to name: who wakes it then would not have it for long."""

LAST = {
    EndReason.EXPIRED: "Ends when its time is up.",
    EndReason.BUDGET: "Ends when the minutes for today are used up.",
    EndReason.NOT_ALLOWED: "Ends: avatars are no longer allowed in this workspace.",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """`ends` is one sentence; `at` is when, where that is known. `quiet` says that somebody who writes or watches moves it."""

    ends: str = ""
    at: datetime | None = None
    quiet: bool = True


NOTHING_KNOWN = Outlook()


@dataclass(frozen=True, slots=True)
class Shown:
    """What is said of a session beside its state: what is the matter with it at the moment, and what comes."""

    note: str = ""
    outlook: Outlook = NOTHING_KNOWN


NOTHING_SHOWN = Shown()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When a session falls asleep if nobody writes or watches, and when what is paid ends, for `last` where nothing follows."""

    asleep_at: datetime
    paid_until: datetime | None
    last: EndReason | None = None

    def outlook(self, now: datetime, sleep_after: timedelta) -> Outlook:
        soon = self.asleep_at - now <= WARNED_BEFORE < sleep_after
        if self.last and self.paid_until and (self.paid_until - self.asleep_at <= TOGETHER or not soon):
            return Outlook(LAST[self.last], self.paid_until, quiet=False)
        if soon:
            return Outlook("Falls asleep unless somebody writes or watches.", self.asleep_at)
        minutes = max(1, round(sleep_after / timedelta(minutes=1)))
        quiet = "a quiet minute" if minutes == 1 else f"{minutes} quiet minutes"
        return Outlook(f"Renews by itself while people talk; falls asleep after {quiet}.")
