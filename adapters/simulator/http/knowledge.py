"""AKOOL's knowledge base endpoints."""

from datetime import datetime
from typing import Literal

from msgspec import UNSET
from starlette.requests import Request
from starlette.routing import Route

from adapters.simulator.codes import AkoolRefusal, Code
from adapters.simulator.http.auth import NOTHING, HttpAuth, body, query
from adapters.simulator.http.schemas import DocumentRow, KnowledgeRow, PageSize, Paging, WriteKnowledge
from adapters.simulator.knowledge_bases import Contents, KnowledgeBase, KnowledgeDocument, SimulatedKnowledgeBases

BASE = "/api/open/v4/knowledge"


class KnowledgeQuery(Paging, kw_only=True):
    size: PageSize = 10
    name: str = ""
    origin: Literal[1, 2] = 2


class KnowledgeRoutes:
    def __init__(self, knowledge_bases: SimulatedKnowledgeBases) -> None:
        self._knowledge_bases = knowledge_bases

    def routes(self, gate: HttpAuth) -> list[Route]:
        return [
            gate.route("GET", f"{BASE}/list", self._list),
            gate.route("POST", f"{BASE}/create", self._create),
            gate.route("GET", f"{BASE}/detail", self._detail),
            gate.route("POST", f"{BASE}/update", self._update),
            gate.route("DELETE", f"{BASE}/delete", self._delete),
        ]

    async def _list(self, request: Request) -> list[KnowledgeRow]:
        """A bare array, as the live service was seen to answer."""
        wanted = query(request, KnowledgeQuery)
        return wanted.cut(
            [_row(knowledge) for knowledge in self._knowledge_bases if wanted.name.lower() in knowledge.name.lower()]
        )

    async def _create(self, request: Request) -> KnowledgeRow:
        return _row(self._knowledge_bases.create(**_contents(await body(request, WriteKnowledge))))

    async def _detail(self, request: Request) -> KnowledgeRow:
        return _row(self._knowledge_bases.find(request.query_params.get("id", "")))

    async def _update(self, request: Request) -> KnowledgeRow:
        wanted = await body(request, WriteKnowledge)
        return _row(self._knowledge_bases.update(_identified(wanted), **_contents(wanted)))

    async def _delete(self, request: Request) -> object:
        """A DELETE with a JSON body, and no `data` in the answer."""
        self._knowledge_bases.delete(_identified(await body(request, WriteKnowledge)))
        return NOTHING


def _identified(wanted: WriteKnowledge) -> str:
    if not wanted.id:
        raise AkoolRefusal(Code.BAD_PARAMETER, "id is required")
    return wanted.id


def _contents(wanted: WriteKnowledge) -> Contents:
    contents = Contents()
    if wanted.name is not UNSET:
        contents["name"] = wanted.name
    if wanted.prologue is not UNSET:
        contents["prologue"] = wanted.prologue
    if wanted.prompt is not UNSET:
        contents["prompt"] = wanted.prompt
    if wanted.docs is not UNSET:
        contents["docs"] = tuple(KnowledgeDocument(doc.name, doc.url, doc.size) for doc in wanted.docs)
    if wanted.urls is not UNSET:
        contents["urls"] = tuple(wanted.urls)
    return contents


def _row(knowledge: KnowledgeBase) -> KnowledgeRow:
    return KnowledgeRow(
        knowledge_id=knowledge.knowledge_id,
        name=knowledge.name,
        prologue=knowledge.prologue,
        prompt=knowledge.prompt,
        docs=[DocumentRow(name=document.name, url=document.url, size=document.size) for document in knowledge.docs],
        urls=list(knowledge.urls),
        create_time=_millis(knowledge.created_at),
        update_time=_millis(knowledge.updated_at),
    )


def _millis(when: datetime) -> int:
    return int(when.timestamp() * 1000)
