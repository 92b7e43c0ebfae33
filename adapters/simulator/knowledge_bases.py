"""The knowledge bases of the account."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

from adapters.simulator.codes import AkoolRefusal, Code
from adapters.simulator.fixtures import KNOWLEDGE
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

    knowledge_id: str
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
        self._bases: dict[str, KnowledgeBase] = {}
        for text in reversed(KNOWLEDGE):
            fields: dict[str, Any] = {"name": text.name, "prologue": text.prologue, "prompt": text.prompt}
            self._bases[text.knowledge_id] = KnowledgeBase(text.knowledge_id, clock.now(), clock.now(), **fields)

    def __iter__(self) -> Iterator[KnowledgeBase]:
        """Newest first."""
        return reversed(list(self._bases.values()))

    def find(self, knowledge_id: str) -> KnowledgeBase:
        if knowledge := self._bases.get(knowledge_id):
            return knowledge
        raise AkoolRefusal(Code.NO_KNOWLEDGE, "knowledge not found")

    def create(self, **contents: Unpack[Contents]) -> KnowledgeBase:
        now = self._clock.now()
        return self._put(KnowledgeBase(secrets.token_hex(12), now, now, **contents))

    def update(self, knowledge_id: str, **contents: Unpack[Contents]) -> KnowledgeBase:
        return self._put(replace(self.find(knowledge_id), updated_at=self._clock.now(), **contents))

    def delete(self, knowledge_id: str) -> None:
        del self._bases[self.find(knowledge_id).knowledge_id]

    def _put(self, knowledge: KnowledgeBase) -> KnowledgeBase:
        _check(knowledge)
        if knowledge.name and any(
            each.name == knowledge.name and each.knowledge_id != knowledge.knowledge_id for each in self._bases.values()
        ):
            raise AkoolRefusal(Code.KNOWLEDGE_EXISTS, "knowledge already exists")
        self._bases[knowledge.knowledge_id] = knowledge
        return knowledge


def _check(knowledge: KnowledgeBase) -> None:
    limits = (("name", NAME_LIMIT), ("prologue", PROLOGUE_LIMIT), ("prompt", PROMPT_LIMIT))
    for field, limit in limits:
        if len(getattr(knowledge, field)) > limit:
            raise AkoolRefusal(Code.BAD_PARAMETER, f"{field} must have at most {limit} characters")
    _check_documents(knowledge.docs)


def _check_documents(documents: Sequence[KnowledgeDocument]) -> None:
    if (
        any(document.size > FILE_LIMIT for document in documents)
        or sum(document.size for document in documents) > FILES_LIMIT
    ):
        raise AkoolRefusal(Code.BAD_PARAMETER, "a file may have 100 MB and all files together 500 MB")
    for document in documents:
        if PurePosixPath(urlsplit(document.url).path).suffix.lower() not in FORMATS:
            raise AkoolRefusal(Code.BAD_PARAMETER, f"the format of {document.name} is not supported")
