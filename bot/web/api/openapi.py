"""The OpenAPI 3.1 document of the HTTP API, made of its routes' types, its problems and the catalogue of commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from bot.commands.catalogue import FORMATS, Option, OptionType, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.hook_events import DATA, EventType
from bot.domain.hook_events import VERSION as PAYLOAD_VERSION
from bot.web.api.wire import (
    MOST_DAYS,
    ON_A_SESSION,
    USUAL_DAYS,
    AvatarList,
    Problem,
    ProblemKind,
    RequestStatus,
    SayRequest,
    SessionList,
    SessionSummary,
    UsageReport,
)

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
SCOPED, OWN = (ProblemKind.FORBIDDEN,), (ProblemKind.NOT_FOUND,)


@dataclass(frozen=True, slots=True)
class Described:
    """One operation. `answer` is the schema of its 200, by media type; `body` is that of what changes a session, which can answer 202 too."""

    method: str
    path: str
    name: str
    summary: str
    answer: Mapping[str, Json]
    problems: Sequence[ProblemKind]
    parameters: Sequence[Json] = ()
    body: Json | None = None


@cache
def document() -> Json:
    """The whole document, made once."""
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


@cache
def operations() -> Sequence[Described]:
    """In the order in which they are read."""
    return [*_changes(), *_questions()]


def _changes() -> list[Described]:
    start = options_of("start", place=True)
    return [
        _change("/say", "say", "Say something to the avatar of a place", _ref(SayRequest)),
        _change("/sessions", "start", "Start a live avatar in a place", start, problems=STARTS),
        *(
            _change(f"/sessions/{{session}}/{verb}", verb, _verb(verb).summary, options_of(verb), SESSION)
            for verb in ON_A_SESSION
        ),
    ]


def _questions() -> list[Described]:
    show, sessions = "Show the sessions that the token may see", _json(SessionList)
    transcript, usage, status = "/sessions/{session}/transcript", _json(UsageReport), _json(RequestStatus)
    avatars = "Show the avatars that can be started in a place"
    return [
        _ask("/sessions", "listSessions", show, sessions, _query("place", PLACE)),
        _ask("/sessions/{session}", "getSession", "Show one session", _json(SessionSummary), SESSION),
        _ask(transcript, "getTranscript", "Get what was said", TRANSCRIPTS, SESSION, _query("format", FORMAT)),
        _ask(
            "/requests/{request}", "getRequest", "What has become of a request", status, REQUEST, PREFER, problems=OWN
        ),
        _ask("/usage", "getUsage", "Minutes used", usage, _query("days", DAYS), problems=SCOPED),
        _ask("/avatars", "listAvatars", avatars, _json(AvatarList), *AVATARS),
    ]


def _change(
    path: str, name: str, summary: str, body: Json, *parameters: Json, problems: Sequence[ProblemKind] = CHANGES
) -> Described:
    status, headers = _json(RequestStatus), (*parameters, KEY, PREFER)
    return Described("post", path, name, summary, status, problems, headers, body)


def _ask(
    path: str,
    name: str,
    summary: str,
    answer: Mapping[str, Json],
    *parameters: Json,
    problems: Sequence[ProblemKind] = ASKS,
) -> Described:
    return Described("get", path, name, summary, answer, problems, parameters)


def _verb(name: str) -> Verb:
    return CATALOGUE.verbs[CATALOGUE.names.index(name)]


@cache
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


def _query(name: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "schema": schema}


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
FORMAT: Json = {"enum": list(FORMATS), "default": "json"}
DAYS: Json = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": USUAL_DAYS}
AVATARS = (
    _query("place", PLACE, required=True),
    _query("name", {"type": "string", "maxLength": 200}),
    _query("page", {"type": "integer", "minimum": 1, "maximum": 1000}),
)
LINKS: Mapping[str, Json] = {
    "request": {"operationId": "getRequest", "parameters": {"request": "$response.body#/id"}},
    "session": {"operationId": "getSession", "parameters": {"session": "$response.body#/session"}},
}
TRANSCRIPTS: Mapping[str, Json] = {
    "application/json": {"type": "object"},
    "text/markdown": {"type": "string"},
    "text/vtt": {"type": "string"},
    "application/x-subrip": {"type": "string"},
}


def options_of(verb: str, *, place: bool = False) -> Json:
    """The options of a command as an object."""
    properties = {} if verb == "stop" else {option.name: _option(option) for option in _verb(verb).options}
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
        required = bool(each.body.keys() & {"$ref", "required"})
        said["requestBody"] = {"required": required, "content": {"application/json": {"schema": each.body}}}
    said["responses"] = _responses(each)
    return said


def _responses(each: Described) -> Json:
    content = {media: {"schema": schema} for media, schema in each.answer.items()}
    responses: Json = {"200": {"description": "It is over." if each.body else "The answer.", "content": content}}
    if each.body:
        where = {name: {"schema": {"type": "string"}} for name in ("Location", "Idempotency-Key")}
        said = {"description": "Accepted: `Location` tells what becomes of it.", "headers": where, "content": content}
        responses["202"] = {**said, "links": LINKS}
    statuses = sorted({kind.status for kind in (*ALWAYS, *each.problems)})
    return responses | {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _problems() -> Json:
    """What each status of a problem means, which is the same everywhere."""
    titles: dict[str, list[str]] = {}
    for kind in ProblemKind:
        titles.setdefault(str(kind.status), []).append(kind.title)
    content = {"application/problem+json": {"schema": _ref(Problem)}}
    return {status: {"description": "; or: ".join(said), "content": content} for status, said in titles.items()}
