"""The OpenAPI 3.1 document of the HTTP API, made of its routes' types, its problems and the catalogue of commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.commands.catalogue import FORMATS, Option, OptionType
from bot.commands.verbs import CATALOGUE
from bot.domain.event_payloads import DATA
from bot.domain.event_payloads import VERSION as PAYLOAD_VERSION
from bot.domain.hook_events import EventType
from bot.web.api.problems import ProblemKind
from bot.web.api.wire import AvatarList, Problem, RequestStatus, SayRequest, SessionList, SessionSummary, UsageReport

Json = dict[str, Any]

VERSION = "1"
DESCRIPTION = (
    "What people do with avatars in a channel, for programs. A request is carried out as a person of its own, “release-bot, by API”: "
    "roles, budgets, moderation and costs are those of people. Tokens are made with `avatarbot tokens create`; without any this API is off."
)
BOUNDS = frozenset({OptionType.NUMBER, OptionType.INTEGER})

ALWAYS = (ProblemKind.BAD_REQUEST, ProblemKind.UNAUTHORIZED, ProblemKind.TOO_MANY_REQUESTS, ProblemKind.UNAVAILABLE)
STARTS = (
    ProblemKind.FORBIDDEN,
    ProblemKind.NOT_FOUND,
    ProblemKind.TOO_LARGE,
    ProblemKind.REQUEST_TIMEOUT,
    ProblemKind.UNSUPPORTED_MEDIA_TYPE,
    ProblemKind.REFUSED,
    ProblemKind.KEY_REUSED,
)
CHANGES = (*STARTS, ProblemKind.NO_SESSION)
ASKS = (ProblemKind.FORBIDDEN, ProblemKind.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Described:
    """One operation. `body` is its schema, `answer` that of its 200, by media type."""

    method: str
    path: str
    name: str
    summary: str
    answer: Mapping[str, Json]
    problems: Sequence[ProblemKind]
    parameters: Sequence[Json] = ()
    body: Json | None = None
    body_required: bool = True
    accepted: bool = False
    links: Mapping[str, Json] = field(default_factory=dict)


def document() -> Json:
    """The whole document."""
    kinds = (SayRequest, RequestStatus, SessionSummary, SessionList, UsageReport, AvatarList, Problem)
    events = (*DATA.values(), EventType)
    _, schemas = msgspec.json.schema_components((*kinds, *events), ref_template="#/components/schemas/{name}")
    paths: dict[str, Json] = {}
    for each in operations():
        paths.setdefault(f"/api/v1{each.path}", {})[each.method] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Avatarbot",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "webhooks": {kind.value: {"post": _told(kind)} for kind in EventType},
        "components": {
            "schemas": schemas,
            "responses": _problems(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def operations() -> list[Described]:
    """In the order in which they are read."""
    status = _json(RequestStatus)
    ask = {"request": {"operationId": "getRequest", "parameters": {"request": "$response.body#/id"}}}
    session = {"session": {"operationId": "getSession", "parameters": {"session": "$response.body#/session"}}}
    links = {**ask, **session}
    commands = [
        Described(
            "post",
            f"/sessions/{{session}}/{verb}",
            verb,
            CATALOGUE.verbs[CATALOGUE.names.index(verb)].summary,
            status,
            CHANGES,
            (SESSION, KEY, PREFER),
            options_of(verb),
            body_required=verb in {"act", "set"},
            accepted=True,
            links=ask,
        )
        for verb in ("stop", "interrupt", "act", "set", "extend")
    ]
    return [
        Described(
            "post",
            "/say",
            "say",
            "Say something to the avatar of a place",
            status,
            CHANGES,
            (KEY, PREFER),
            _ref(SayRequest),
            accepted=True,
            links=links,
        ),
        Described(
            "post",
            "/sessions",
            "start",
            "Start a live avatar in a place",
            status,
            STARTS,
            (KEY, PREFER),
            options_of("start", place=True),
            accepted=True,
            links=links,
        ),
        Described(
            "get",
            "/sessions",
            "listSessions",
            "Show the sessions that the token may see",
            _json(SessionList),
            ASKS,
            (_query("place", PLACE),),
        ),
        Described(
            "get", "/sessions/{session}", "getSession", "Show one session", _json(SessionSummary), ASKS, (SESSION,)
        ),
        *commands,
        Described(
            "get",
            "/sessions/{session}/transcript",
            "getTranscript",
            "Get what was said",
            TRANSCRIPTS,
            ASKS,
            (SESSION, _query("format", {"enum": list(FORMATS), "default": "json"})),
        ),
        Described(
            "get",
            "/requests/{request}",
            "getRequest",
            "What has become of a request",
            status,
            (ProblemKind.NOT_FOUND,),
            (REQUEST, PREFER),
        ),
        Described(
            "get",
            "/usage",
            "getUsage",
            "Minutes used",
            _json(UsageReport),
            (ProblemKind.FORBIDDEN,),
            (_query("days", {"type": "integer", "minimum": 1, "maximum": 90, "default": 30}),),
        ),
        Described(
            "get",
            "/avatars",
            "listAvatars",
            "Show the avatars that can be started in a place",
            _json(AvatarList),
            ASKS,
            (
                _query("place", PLACE, required=True),
                _query("name", {"type": "string", "maxLength": 200}),
                _query("page", {"type": "integer", "minimum": 1, "maximum": 1000}),
            ),
        ),
    ]


def query_names() -> Mapping[tuple[str, str], frozenset[str]]:
    """What each operation takes in its query, by its method and path."""
    return {
        (each.method, each.path): frozenset(named["name"] for named in each.parameters if named["in"] == "query")
        for each in operations()
    }


# ---------------------------------------------------------------- events out


def _told(kind: EventType) -> Json:
    """What a hook is sent: `docs/hooks.md`. No token: the receiver is the service here, and checks our signature."""
    signed = ("webhook-id", "webhook-timestamp", "webhook-signature")
    payload = {
        "type": "object",
        "properties": {
            "type": {"const": kind.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "version": {"const": PAYLOAD_VERSION},
            "data": _ref(DATA[kind]),
        },
        "required": ["type", "timestamp", "version", "data"],
    }
    return {
        "operationId": kind.value,
        "summary": (DATA[kind].__doc__ or kind.value).strip().partition("\n")[0],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in signed
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": payload}}},
        "responses": {"2XX": {"description": "Taken."}, "410": {"description": "Nothing more is wanted, ever."}},
    }


# ---------------------------------------------------------------- its parts


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _json(kind: type[msgspec.Struct]) -> Mapping[str, Json]:
    return {"application/json": _ref(kind)}


ID: Json = {"type": "string", "pattern": "^[0-9A-Za-z]{1,64}$"}
PLACE: Json = {"type": "string", "minLength": 1, "maxLength": 300, "examples": ["slack/T0123456/C0123456"]}
SESSION: Json = {"name": "session", "in": "path", "required": True, "schema": ID}
REQUEST: Json = {"name": "request", "in": "path", "required": True, "schema": ID}
KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key again changes nothing and tells what has become of the first request. It is remembered as long as the "
    "session is kept. Without one each request is a new one.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}
PREFER: Json = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=30` waits up to so many seconds, 60 at most, for the end (RFC 7240).",
    "schema": {"type": "string", "examples": ["wait=30"]},
}
TRANSCRIPTS: Mapping[str, Json] = {
    "application/json": {"type": "object"},
    "text/markdown": {"type": "string"},
    "text/vtt": {"type": "string"},
    "application/x-subrip": {"type": "string"},
}


def _query(name: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def options_of(verb: str, *, place: bool = False) -> Json:
    """The options of a command as an object."""
    entry = CATALOGUE.verbs[CATALOGUE.names.index(verb)]
    properties = {} if verb == "stop" else {option.name: _option(option) for option in entry.options}
    if place:
        properties = {"place": PLACE, **properties}
    required = {"required": ["place"]} if place else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **required}


def _option(option: Option) -> Json:
    schema: Json = {"description": option.summary}
    if option.choices:
        return {**schema, "enum": list(option.choices)}
    if option.type in BOUNDS:
        schema["type"] = "integer" if option.type is OptionType.INTEGER else "number"
        return {**schema, **({"minimum": option.min, "maximum": option.max} if option.min is not None else {})}
    return {**schema, "type": "string", "maxLength": option.max_length}


def _operation(each: Described) -> Json:
    said: Json = {"operationId": each.name, "summary": each.summary, "parameters": list(each.parameters)}
    if each.body is not None:
        said["requestBody"] = {"required": each.body_required, "content": {"application/json": {"schema": each.body}}}
    said["responses"] = _responses(each)
    return said


def _responses(each: Described) -> Json:
    content = {media: {"schema": schema} for media, schema in each.answer.items()}
    responses: Json = {"200": {"description": "It is over." if each.accepted else "The answer.", "content": content}}
    if each.accepted:
        where = {name: {"schema": {"type": "string"}} for name in ("Location", "Idempotency-Key")}
        said = {"description": "Accepted: `Location` tells what becomes of it.", "headers": where, "content": content}
        responses["202"] = {**said, "links": dict(each.links)}
    statuses = sorted({kind.status for kind in (*ALWAYS, *each.problems)})
    return responses | {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _problems() -> Json:
    """What each status of a problem means, which is the same everywhere."""
    titles: dict[str, list[str]] = {}
    for kind in ProblemKind:
        titles.setdefault(str(kind.status), []).append(kind.title)
    content = {"application/problem+json": {"schema": _ref(Problem)}}
    return {status: {"description": "; or: ".join(said), "content": content} for status, said in titles.items()}
