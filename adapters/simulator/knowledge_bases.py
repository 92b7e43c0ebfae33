"""The knowledge bases of the account."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

from adapters.simulator.codes import AkoolRefusal, Code
from adapters.simulator.fixtures import BRIEFINGS
from bot.clock import Clock

NAME_LIMIT, PROLOGUE_LIMIT, PROMPT_LIMIT = 100, 2_000, 10_000
"""Characters."""

FILE_LIMIT, FILES_LIMIT = 104_857_600, 524_288_000
"""Bytes of one file and of all files of a knowledge base."""

FORMATS = frozenset({".pdf", ".doc", ".docx", ".txt", ".md", ".json", ".xml", ".csv"})


@dataclass(frozen=True, slots=True)
class KnowledgeDocument:
    """A document by its address; `size` in bytes."""

    name: str
    url: str
    size: int


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """One knowledge base."""

    volume_id: str
    created_at: datetime
    updated_at: datetime
    name: str = ""
    prologue: str = ""
    prompt: str = ""
    docs: tuple[KnowledgeDocument, ...] = ()
    urls: tuple[str, ...] = ()


class Contents(TypedDict, total=False):
    """What can be written; what is absent stays as it is."""

    name: str
    prologue: str
    prompt: str
    docs: tuple[KnowledgeDocument, ...]
    urls: tuple[str, ...]


class SimulatedKnowledgeBases:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._volumes: dict[str, KnowledgeBase] = {}
        for briefing in reversed(BRIEFINGS):
            fields: dict[str, Any] = {"name": briefing.name, "prologue": briefing.prologue, "prompt": briefing.prompt}
            self._volumes[briefing.knowledge_id] = KnowledgeBase(
                briefing.knowledge_id, clock.now(), clock.now(), **fields
            )

    def __iter__(self) -> Iterator[KnowledgeBase]:
        """Newest first."""
        return reversed(list(self._volumes.values()))

    def find(self, volume_id: str) -> KnowledgeBase:
        if volume := self._volumes.get(volume_id):
            return volume
        raise AkoolRefusal(Code.NO_KNOWLEDGE, "knowledge not found")

    def create(self, **contents: Unpack[Contents]) -> KnowledgeBase:
        now = self._clock.now()
        return self._put(KnowledgeBase(secrets.token_hex(12), now, now, **contents))

    def update(self, volume_id: str, **contents: Unpack[Contents]) -> KnowledgeBase:
        return self._put(replace(self.find(volume_id), updated_at=self._clock.now(), **contents))

    def delete(self, volume_id: str) -> None:
        del self._volumes[self.find(volume_id).volume_id]

    def _put(self, volume: KnowledgeBase) -> KnowledgeBase:
        _check(volume)
        if volume.name and any(
            v.name == volume.name and v.volume_id != volume.volume_id for v in self._volumes.values()
        ):
            raise AkoolRefusal(Code.KNOWLEDGE_EXISTS, "knowledge already exists")
        self._volumes[volume.volume_id] = volume
        return volume


def _check(volume: KnowledgeBase) -> None:
    limits = (("name", NAME_LIMIT), ("prologue", PROLOGUE_LIMIT), ("prompt", PROMPT_LIMIT))
    for field, limit in limits:
        if len(getattr(volume, field)) > limit:
            raise AkoolRefusal(Code.BAD_PARAMETER, f"{field} must have at most {limit} characters")
    _check_papers(volume.docs)


def _check_papers(papers: Sequence[KnowledgeDocument]) -> None:
    if any(paper.size > FILE_LIMIT for paper in papers) or sum(paper.size for paper in papers) > FILES_LIMIT:
        raise AkoolRefusal(Code.BAD_PARAMETER, "a file may have 100 MB and all files together 500 MB")
    for paper in papers:
        if PurePosixPath(urlsplit(paper.url).path).suffix.lower() not in FORMATS:
            raise AkoolRefusal(Code.BAD_PARAMETER, f"the format of {paper.name} is not supported")
