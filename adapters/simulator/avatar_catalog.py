"""The avatars on offer: the official ones, and what was uploaded."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.simulator.codes import AkoolRefusal, Code, TrainingState
from adapters.simulator.fixtures import CHARACTERS, WEB_CHARACTERS, Character
from bot.clock import Clock

BLANK = "blank"
"""The portrait of an uploaded avatar."""


@dataclass(frozen=True, slots=True)
class CatalogAvatar:
    """One avatar. `made_at` is None for an official one, which was always there."""

    record_id: str
    avatar_id: str
    name: str
    gender: str = ""
    voice_id: str | None = None
    job: str = "host"
    timbre: str = ""
    video: str = ""
    platform: str = "open"
    """Whose list it is in: `open`, or `aigc` for AKOOL's web app."""
    made_at: datetime | None = None

    @property
    def official(self) -> bool:
        return self.made_at is None

    @property
    def portrait(self) -> str:
        """The name of its picture, and of its films."""
        return self.avatar_id if self.official and self.platform == "open" else BLANK


class AvatarCatalog:
    """`busy` and `failing` are for tests: avatars in use by somebody else, and uploads that come to nothing."""

    def __init__(self, clock: Clock, upload_time: float) -> None:
        self.busy: set[str] = set()
        self.failing: set[str] = set()
        self._clock = clock
        self._upload_time = upload_time
        self._avatars = {row.avatar_id: row for row in _official_ones()}

    def __iter__(self) -> Iterator[CatalogAvatar]:
        return iter(self._avatars.values())

    def find(self, avatar_id: str) -> CatalogAvatar:
        if avatar := self._avatars.get(avatar_id):
            return avatar
        raise AkoolRefusal(Code.NO_RESOURCE, f"avatar {avatar_id} does not exist")

    def find_record(self, record_id: str) -> CatalogAvatar:
        for avatar in self:
            if avatar.record_id == record_id:
                return avatar
        raise AkoolRefusal(Code.NO_RESOURCE, f"avatar record {record_id} does not exist")

    def add(self, avatar: CatalogAvatar) -> None:
        """One more, in the list that it names, or in none."""
        self._avatars[avatar.avatar_id] = avatar

    def upload(self, avatar_id: str, name: str, video: str) -> CatalogAvatar:
        """Begin to make an avatar of a video."""
        if avatar_id in self._avatars:
            raise AkoolRefusal(Code.EXISTS, f"avatar {avatar_id} already exists")
        made = CatalogAvatar(secrets.token_hex(12), avatar_id, name, video=video, made_at=self._clock.now())
        self._avatars[avatar_id] = made
        return made

    def state(self, avatar: CatalogAvatar) -> TrainingState:
        """How far the making of it is."""
        if avatar.made_at is None:
            return TrainingState.READY
        passed = (self._clock.now() - avatar.made_at).total_seconds()
        if passed < self._upload_time / 3:
            return TrainingState.QUEUEING
        if passed < self._upload_time:
            return TrainingState.PROCESSING
        return TrainingState.FAILED if avatar.avatar_id in self.failing else TrainingState.READY

    def available(self, avatar: CatalogAvatar) -> bool:
        return avatar.avatar_id not in self.busy and self.state(avatar) is TrainingState.READY


def _official_ones() -> Iterator[CatalogAvatar]:
    for number, character in enumerate((*CHARACTERS, *WEB_CHARACTERS)):
        avatar = _official(number, character)
        yield replace(avatar, platform="aigc") if character in WEB_CHARACTERS else avatar


def _official(number: int, character: Character) -> CatalogAvatar:
    return CatalogAvatar(
        f"67498e55cd053926b2e7{number:04x}",
        character.avatar_id,
        character.name,
        character.gender,
        character.voice_id,
        character.job,
        character.timbre,
    )
